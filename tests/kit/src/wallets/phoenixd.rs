//! The calls of phoenixd.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use l402::{Invoice, Msat, PaymentHash};
use l402_lightning::InvoiceState;
use serde_json::{Value, json};

use super::ledger::{Answer, Fault, Ledger, Record};
use super::server::{cut_off, page};
use crate::START;

/// The password that may do everything.
pub const FULL_PASSWORD: &str = "full-6f1c";

/// The password that may receive and look up.
pub const LIMITED_PASSWORD: &str = "limited-93ab";

type Shared = State<Arc<Ledger>>;

pub(super) fn router(ledger: Arc<Ledger>) -> Router {
    Router::new()
        .route("/getinfo", get(info))
        .route("/getbalance", get(balance))
        .route("/createinvoice", post(create))
        .route("/payments/incoming", get(list))
        .route("/payments/incoming/{hash}", get(incoming))
        .route("/payments/outgoingbyhash/{hash}", get(outgoing))
        .route("/payinvoice", post(pay))
        .route("/lnurlauth", post(auth_without_lnurl))
        .fallback(|| async { (StatusCode::NOT_FOUND, "Unknown endpoint (check api doc)") })
        .layer(middleware::from_fn(authorize))
        .with_state(ledger)
}

async fn authorize(headers: HeaderMap, request: Request, next: Next) -> Response {
    let basic = |password: &str| format!("Basic {}", STANDARD.encode(format!(":{password}")));
    let shown = headers.get("authorization").map(|value| value.as_bytes());
    let is = |password: &str| shown == Some(basic(password).as_bytes());
    let for_full = matches!(request.uri().path(), "/payinvoice" | "/lnurlauth");
    if is(FULL_PASSWORD) || is(LIMITED_PASSWORD) && !for_full {
        return next.run(request).await;
    }
    let text = "Invalid authentication (use basic auth with the http password set in phoenix.conf)";
    (StatusCode::UNAUTHORIZED, text).into_response()
}

fn bad_request(text: &'static str) -> Response {
    (StatusCode::BAD_REQUEST, text).into_response()
}

fn not_found(ledger: &Ledger) -> Response {
    if ledger.fault() == Fault::NoContent {
        return StatusCode::NO_CONTENT.into_response();
    }
    (StatusCode::NOT_FOUND, "Not found").into_response()
}

/// Reads a form, which has the syntax of a query.
fn form(body: &str) -> HashMap<String, String> {
    let uri: Uri = format!("/?{body}").parse().expect("a form");
    Query::try_from_uri(&uri).expect("a form").0
}

async fn auth_without_lnurl() -> Response {
    bad_request("Request parameter lnurl is missing")
}

async fn info() -> Json<Value> {
    let node = format!("02{}", "ab".repeat(32));
    let channel = |state: &str| {
        json!({
            "state": state, "channelId": "cd".repeat(32), "balanceSat": 50_000,
            "inboundLiquiditySat": 250_000, "capacitySat": 300_000, "fundingTxId": "ef".repeat(32),
        })
    };
    Json(json!({
        "nodeId": node, "channels": [channel("Normal"), channel("Closing")], "chain": "regtest", "blockHeight": 1, "version": "0.8.0",
    }))
}

async fn balance(State(ledger): Shared) -> Json<Value> {
    let sat = ledger.balance().await.msat() / 1000;
    Json(json!({ "balanceSat": sat, "feeCreditSat": 0 }))
}

async fn create(State(ledger): Shared, body: String) -> Response {
    let form = form(&body);
    let description = &form["description"];
    if description.encode_utf16().count() > 128 {
        return bad_request("Request parameter description is too long (max 128 characters)");
    }
    let number = |name: &str| form[name].parse::<u64>().expect("a number");
    let made = ledger
        .create(number("amountSat"), number("expirySeconds"), description)
        .await;
    Json(json!({
        "amountSat": number("amountSat"),
        "paymentHash": made.payment_hash().to_string(),
        "serialized": made.bolt11(),
    }))
    .into_response()
}

/// Returns an incoming payment. Of the first amount, phoenixd keeps a part as its fee.
fn wire(hash: PaymentHash, paid: Option<(Msat, u64)>) -> Value {
    let (paid_sat, at) = paid.map_or((0, None), |(paid, at)| (paid.msat() / 1000, Some(at)));
    let kept = u64::from(paid_sat > 0);
    let mut wire = json!({
        "type": "incoming_payment", "subType": "lightning", "paymentHash": hash.to_string(),
        "preimage": Ledger::unpaid_preimage(), "isPaid": at.is_some(), "isExpired": false,
        "receivedSat": paid_sat - kept, "fees": kept * 1000, "createdAt": START.secs() * 1000,
    });
    if let Some(at) = at {
        wire["completedAt"] = json!(at);
    }
    wire
}

fn millis(index: u64) -> u64 {
    START.secs() * 1000 + index
}

async fn list(
    State(ledger): Shared,
    Query(query): Query<HashMap<String, String>>,
) -> Json<Vec<Value>> {
    let ask = |name: &str| query[name].parse::<u64>().expect("a number");
    let count = |name: &str| usize::try_from(ask(name)).expect("small");
    let settled = ledger.settled().await.into_iter().rev();
    let listed = settled
        .map(|settled| (settled.payment_hash, settled.paid, millis(settled.index.0)))
        .filter(|(.., at)| *at >= ask("from"))
        .skip(count("offset"))
        .take(count("limit"));
    Json(
        listed
            .map(|(hash, paid, at)| wire(hash, Some((paid, at))))
            .collect(),
    )
}

async fn incoming(State(ledger): Shared, Path(hash): Path<String>) -> Response {
    let hash: PaymentHash = hash.parse().expect("a hash");
    let known = ledger.invoices();
    if !known.iter().any(|made| made.payment_hash() == hash) {
        return not_found(&ledger);
    }
    let paid = match ledger.state(hash).await {
        InvoiceState::Settled { paid } => Some((paid, millis(1))),
        _ => None,
    };
    Json(wire(hash, paid)).into_response()
}

async fn outgoing(State(ledger): Shared, Path(hash): Path<String>) -> Response {
    let hash: PaymentHash = hash.parse().expect("a hash");
    let mut wire = json!({
        "type": "outgoing_payment", "subType": "lightning", "paymentId": "1",
        "paymentHash": hash.to_string(), "isPaid": false, "sent": 0, "fees": 0, "createdAt": 1,
    });
    match ledger.record(hash).await {
        Record::Absent => return not_found(&ledger),
        Record::InFlight => {}
        Record::Failed => wire["completedAt"] = json!(2),
        Record::Settled {
            preimage,
            paid,
            fee,
        } => {
            wire["completedAt"] = json!(2);
            wire["isPaid"] = json!(true);
            wire["sent"] = json!((paid.msat() + fee.unwrap_or_default().msat()) / 1000);
            match fee {
                Some(fee) => wire["fees"] = json!(fee.msat()),
                None => drop(wire.as_object_mut().expect("fields").remove("fees")),
            }
            if let Some(text) = ledger.text(&hash) {
                wire["invoice"] = json!(text);
            }
            if let Some(preimage) = preimage {
                wire["preimage"] = json!(preimage);
            }
        }
    }
    Json(wire).into_response()
}

async fn pay(State(ledger): Shared, body: String) -> Response {
    let form = form(&body);
    let Some(bolt11) = form.get("invoice") else {
        return bad_request("Request parameter invoice is missing");
    };
    let hash = Invoice::decode(bolt11).expect("BOLT 11").payment_hash;
    let failed = |reason: &str| {
        Json(json!({ "type": "payment_failed", "paymentHash": hash.to_string(), "reason": reason }))
            .into_response()
    };
    match ledger.pay(bolt11).await {
        Answer::CutOff => cut_off(),
        Answer::Never => std::future::pending().await,
        Answer::Page(status) => page(status),
        Answer::Refusal => failed("this invoice uses features that are not supported"),
        Answer::RefusalAsBegun => failed("this invoice is already being paid"),
        Answer::Record => match ledger.record(hash).await {
            Record::Settled {
                preimage,
                paid,
                fee,
            } => {
                let mut sent = json!({
                    "type": "payment_sent", "recipientAmountSat": paid.msat() / 1000,
                    "paymentId": "1",
                    "paymentHash": hash.to_string(),
                });
                if let Some(fee) = fee {
                    sent["routingFeeSat"] = json!(fee.msat() / 1000);
                }
                if let Some(preimage) = preimage {
                    sent["paymentPreimage"] = json!(preimage);
                }
                Json(sent).into_response()
            }
            _ => failed("not enough balance"),
        },
    }
}
