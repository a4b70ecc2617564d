//! The calls of LNbits, with two wallets: one made the invoices, and the other pays.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use l402::{Invoice, Msat, PaymentHash, UnixTime};
use l402_lightning::{InvoiceState, NewInvoice};
use serde_json::{Value, json};

use super::ledger::{Answer, Fault, Ledger, Record};
use super::server::{cut_off, page};
use crate::START;

/// The admin key of the buyer's wallet.
pub const ADMIN_KEY: &str = "ad0000000000000000000000000000ad";

/// The invoice key of the seller's wallet.
pub const INVOICE_KEY: &str = "1e00000000000000000000000000001e";

type Shared = State<Arc<Ledger>>;

/// The wallet that asks, by the key that is shown.
#[derive(Clone, Copy, PartialEq)]
enum Key {
    Buyer,
    Seller,
    Unknown,
}

pub(super) fn router(ledger: Arc<Ledger>) -> Router {
    ledger.mark_lnbits();
    Router::new()
        .route("/api/v1/wallet", get(wallet))
        .route("/api/v1/payments", axum::routing::post(create_or_pay))
        .route("/api/v1/payments/paginated", get(list))
        .route("/api/v1/payments/fee-reserve", get(fee_reserve))
        .route("/api/v1/payments/{hash}", get(payment))
        .with_state(ledger)
}

fn key(headers: &HeaderMap) -> Key {
    match headers.get("x-api-key").and_then(|key| key.to_str().ok()) {
        Some(ADMIN_KEY) => Key::Buyer,
        Some(INVOICE_KEY) => Key::Seller,
        _ => Key::Unknown,
    }
}

fn refusal(status: u16, detail: &str) -> Response {
    let status = StatusCode::from_u16(status).expect("a status");
    (status, Json(json!({ "detail": detail }))).into_response()
}

fn payment_error(detail: &str, status: &str) -> Response {
    let code = StatusCode::from_u16(520).expect("a status");
    (code, Json(json!({ "detail": detail, "status": status }))).into_response()
}

async fn wallet(State(ledger): Shared, headers: HeaderMap) -> Response {
    match key(&headers) {
        Key::Buyer => Json(json!({
            "name": "buyer", "balance": ledger.balance().await.msat(),
            "id": "59751eeed3df42e4906877e3e2b15ebd",
        }))
        .into_response(),
        Key::Seller => Json(json!({ "name": "seller", "balance": 0 })).into_response(),
        Key::Unknown => refusal(404, "Wallet not found."),
    }
}

async fn create_or_pay(
    State(ledger): Shared,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let key = key(&headers);
    let is_out = body["out"].as_bool().expect("a direction");
    match (key, is_out) {
        (Key::Unknown, _) => refusal(404, "Wallet not found."),
        (Key::Seller, true) => refusal(403, "Invoice (or Admin) key required."),
        (_, false) => create(&ledger, &body).await,
        (Key::Buyer, true) => match body["bolt11"].as_str() {
            Some(bolt11) => pay(&ledger, bolt11).await,
            None => refusal(400, "Missing BOLT11 invoice"),
        },
    }
}

async fn create(ledger: &Ledger, body: &Value) -> Response {
    assert_eq!(body["unit"], "sat", "{body}");
    let number = |name: &str| body[name].as_u64().expect("a whole number");
    let memo = body["memo"].as_str().expect("a memo");
    let made = ledger
        .create(number("amount"), number("expiry"), memo)
        .await;
    let made = incoming(&made, None);
    (StatusCode::CREATED, Json(made)).into_response()
}

/// Returns an invoice as the wallet that made it sees it: with its preimage, paid or not.
fn incoming(made: &NewInvoice, settled: Option<u64>) -> Value {
    let status = if settled.is_some() {
        "success"
    } else {
        "pending"
    };
    json!({
        "checking_id": made.payment_hash().to_string(),
        "payment_hash": made.payment_hash().to_string(),
        "wallet_id": "789b0502ba7743b09aa5ac8d3eecf27a",
        "amount": made.terms().amount.map_or(0, Msat::msat), "fee": 0, "bolt11": made.bolt11(),
        "payment_request": made.bolt11(), "status": status, "preimage": Ledger::unpaid_preimage(),
        "updated_at": moment(settled.unwrap_or(0)), "extra": {},
    })
}

/// Returns the time of a settlement: one millisecond after another, and of the first without a
/// fraction, as Python writes it.
fn moment(index: u64) -> String {
    let second = UnixTime::from_secs(START.secs() + index / 1000).to_rfc3339();
    let second = second.trim_end_matches('Z');
    match index % 1000 {
        0 => format!("{second}+00:00"),
        millis => format!("{second}.{millis:03}000+00:00"),
    }
}

fn outgoing(hash: &PaymentHash, status: &str) -> Value {
    json!({
        "checking_id": hash.to_string(), "payment_hash": hash.to_string(), "amount": -1,
        "wallet_id": "59751eeed3df42e4906877e3e2b15ebd", "fee": -2000, "status": status,
        "preimage": null, "bolt11": "", "updated_at": moment(0), "extra": {},
    })
}

/// Returns the buyer's record of a payment.
async fn recorded(ledger: &Ledger, hash: &PaymentHash) -> Option<Value> {
    Some(match ledger.record(*hash).await {
        Record::Absent => return None,
        Record::Failed => outgoing(hash, "failed"),
        Record::InFlight => outgoing(hash, "pending"),
        Record::Settled {
            preimage,
            paid,
            fee,
        } => {
            let mut told = outgoing(hash, "success");
            let signed = |amount: Msat| -i64::try_from(amount.msat()).expect("small");
            told["amount"] = json!(signed(paid));
            match fee {
                Some(fee) => told["fee"] = json!(signed(fee)),
                None => drop(told.as_object_mut().expect("fields").remove("fee")),
            }
            told["preimage"] = json!(preimage);
            told
        }
    })
}

async fn pay(ledger: &Ledger, bolt11: &str) -> Response {
    let hash = Invoice::decode(bolt11).expect("BOLT 11").payment_hash;
    match ledger.pay(bolt11).await {
        Answer::CutOff => cut_off(),
        Answer::Never => std::future::pending().await,
        Answer::Page(status) => page(status),
        Answer::Refusal => payment_error("Insufficient balance.", "failed"),
        Answer::RefusalAsBegun => match ledger.fault() {
            Fault::RefusesAsBegun => payment_error("Payment is still pending.", "pending"),
            _ => payment_error("Internal invoice already paid.", "failed"),
        },
        Answer::Record => match recorded(ledger, &hash).await {
            Some(told) if told["status"] == "success" => {
                (StatusCode::CREATED, Json(told)).into_response()
            }
            _ => payment_error("Payment failed: no route", "failed"),
        },
    }
}

async fn payment(State(ledger): Shared, headers: HeaderMap, Path(hash): Path<String>) -> Response {
    let hash: PaymentHash = hash.parse().expect("a hash");
    let made = ledger.invoices();
    let made = made.iter().find(|made| made.payment_hash() == hash);
    let is_paid = matches!(ledger.state(hash).await, InvoiceState::Settled { .. });
    let details = match (key(&headers), made) {
        (Key::Buyer, _) => recorded(&ledger, &hash).await,
        (Key::Seller, Some(made)) => Some(incoming(made, is_paid.then_some(1))),
        // Without a key of a wallet, LNbits tells of every payment, and not whose it is.
        (Key::Unknown, Some(_)) => return Json(json!({ "paid": is_paid })).into_response(),
        (_, None) => None,
    };
    match details {
        Some(told) => {
            let paid = told["status"] == "success";
            Json(json!({ "paid": paid, "details": told })).into_response()
        }
        None => refusal(404, "Payment does not exist."),
    }
}

async fn fee_reserve(Query(query): Query<HashMap<String, String>>) -> Response {
    let amount = Invoice::decode(&query["invoice"]).expect("BOLT 11").amount;
    let percent = amount.map_or(0, Msat::msat) / 100;
    Json(json!({ "fee_reserve": percent.max(2000) })).into_response()
}

async fn list(
    State(ledger): Shared,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    if key(&headers) == Key::Unknown {
        return refusal(404, "Wallet not found.");
    }
    let made = ledger.invoices();
    let ask = |name: &str| {
        query
            .get(name)
            .map(|text| text.parse::<usize>().expect("a number"))
    };
    let mut all: Vec<Value> = Vec::new();
    if let Some(memo) = query.get("memo") {
        let is_it = |made: &&NewInvoice| {
            let invoice = Invoice::decode(made.bolt11()).expect("BOLT 11");
            invoice.description.as_ref() == Some(memo)
        };
        all.extend(made.iter().filter(is_it).map(|made| incoming(made, None)));
    } else {
        let settled = ledger.settled().await;
        all.extend(settled.iter().rev().filter_map(|settled| {
            let made = made
                .iter()
                .find(|made| made.payment_hash() == settled.payment_hash)?;
            Some(incoming(made, Some(settled.index.0)))
        }));
    }
    let total = all.len();
    let page = all.into_iter().skip(ask("offset").unwrap_or(0));
    let page: Vec<Value> = page.take(ask("limit").unwrap_or(10)).collect();
    Json(json!({ "data": page, "total": total })).into_response()
}
