//! The calls of lnd's REST interface, answered from a sandbox.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use futures_util::StreamExt;
use l402::{Invoice, Msat, PaymentHash};
use l402_lightning::{
    InvoiceRequest, InvoiceState, Pay, PayRequest, Payment, Receive, Settlement, SettlementIndex,
    Sign,
};
use serde_json::{Value, json};

use super::server::{Fake, Mischief};

pub(super) fn router(fake: Arc<Fake>) -> Router {
    Router::new()
        .route("/v1/getinfo", get(info))
        .route("/v1/balance/channels", get(balance))
        .route("/v1/invoices", post(add_invoice).get(list_invoices))
        .route("/v1/invoices/subscribe", get(subscribe))
        .route("/v1/invoice/{hash}", get(invoice))
        .route("/v1/signmessage", post(sign_message))
        .route("/v2/router/send", post(send))
        .route("/v2/router/track/{hash}", get(track))
        .layer(middleware::from_fn_with_state(fake.clone(), authorize))
        .with_state(fake)
}

fn status(http: StatusCode, code: u32, message: &str) -> Response {
    (
        http,
        Json(json!({ "code": code, "message": message, "details": [] })),
    )
        .into_response()
}

async fn authorize(
    State(fake): State<Arc<Fake>>,
    headers: HeaderMap,
    request: Request,
    next: Next,
) -> Response {
    let shown = headers
        .get("grpc-metadata-macaroon")
        .and_then(|value| value.to_str().ok());
    let all = shown.and_then(|shown| fake.macaroons.get(shown));
    let invoices = request.uri().path().starts_with("/v1/invoice");
    match all {
        Some(all) if *all || invoices => {}
        _ => return status(StatusCode::INTERNAL_SERVER_ERROR, 2, "permission denied"),
    }
    let mischief = *fake.mischief.lock().expect("not poisoned");
    match mischief {
        Mischief::Garbage => "<html>not lnd</html>".into_response(),
        Mischief::Silent => std::future::pending().await,
        Mischief::Endless => endless(),
        _ => next.run(request).await,
    }
}

async fn info() -> Json<Value> {
    Json(json!({ "chains": [{ "chain": "bitcoin", "network": "regtest" }] }))
}

async fn sign_message(State(fake): State<Arc<Fake>>, Json(body): Json<Value>) -> Json<Value> {
    let message = body["msg"].as_str().expect("text");
    let message = STANDARD.decode(message).expect("lnd takes base64");
    let signature = fake.home.sandbox.sign(&message).await.expect("signed");
    Json(json!({ "signature": signature }))
}

async fn balance(State(fake): State<Arc<Fake>>) -> Json<Value> {
    let msat = fake.home.wallet.balance().await.expect("a balance").msat();
    let (sat, msat) = ((msat / 1000).to_string(), msat.to_string());
    let remote = json!({ "sat": "250000", "msat": "250000000" });
    Json(json!({
        "balance": sat, "local_balance": { "sat": sat, "msat": msat }, "remote_balance": remote,
    }))
}

fn number(value: &Value) -> u64 {
    value
        .as_str()
        .expect("lnd takes strings")
        .parse()
        .expect("a number")
}

async fn add_invoice(State(fake): State<Arc<Fake>>, Json(body): Json<Value>) -> Json<Value> {
    let half = *fake.mischief.lock().expect("not poisoned") == Mischief::CheapInvoice;
    let request = InvoiceRequest::new(
        Msat::new(number(&body["value_msat"]) / if half { 2 } else { 1 }),
        Duration::from_secs(number(&body["expiry"])),
        body["memo"].as_str().expect("text").to_owned(),
    );
    let made = fake
        .home
        .sandbox
        .create_invoice(request)
        .await
        .expect("an invoice");
    let mut invoices = fake.invoices.lock().expect("not poisoned");
    invoices.push((made.payment_hash(), made.bolt11().to_owned()));
    let r_hash = STANDARD.encode(made.payment_hash().as_bytes());
    let index = invoices.len().to_string();
    Json(json!({ "r_hash": r_hash, "payment_request": made.bolt11(), "add_index": index }))
}

impl Fake {
    fn known(&self) -> Vec<PaymentHash> {
        self.invoices
            .lock()
            .expect("not poisoned")
            .iter()
            .map(|(hash, _)| *hash)
            .collect()
    }

    /// Returns all settlements so far.
    fn settled(&self) -> impl Future<Output = Vec<Settlement>> {
        let sandbox = self.home.sandbox.clone();
        async move {
            let mut found = Vec::new();
            let mut stream = sandbox.settlements(SettlementIndex::default());
            while let Ok(next) =
                // The stream never ends, so a pause of 40 ms counts as its end.
                tokio::time::timeout(Duration::from_millis(40), stream.next()).await
            {
                found.push(next.expect("goes on").expect("a settlement"));
            }
            found
        }
    }

    /// Waits for the end of a payment in flight.
    async fn end(&self, hash: PaymentHash) -> Payment {
        loop {
            let payment = self.home.wallet.lookup(hash).await.expect("an answer");
            match payment.expect("it was begun") {
                Payment::Unknown(_) => tokio::time::sleep(Duration::from_millis(5)).await,
                ended => return ended,
            }
        }
    }

    async fn wire(&self, hash: &PaymentHash) -> Value {
        let settled = self.settled().await;
        let r_hash = STANDARD.encode(hash.as_bytes());
        if let Some(settlement) = settled.iter().find(|s| s.payment_hash == *hash) {
            return wire_settlement(settlement);
        }
        let state = match self.home.sandbox.lookup(*hash).await.expect("a state") {
            InvoiceState::Held => "ACCEPTED",
            _ => "OPEN",
        };
        json!({ "r_hash": r_hash, "state": state, "amt_paid_msat": "0", "settle_index": "0" })
    }
}

fn wire_settlement(settlement: &Settlement) -> Value {
    json!({
        "r_hash": STANDARD.encode(settlement.payment_hash.as_bytes()),
        "state": "SETTLED",
        "settled": true,
        "amt_paid_msat": settlement.paid.msat().to_string(),
        "settle_index": settlement.index.0.to_string(),
    })
}

async fn invoice(State(fake): State<Arc<Fake>>, Path(hash): Path<String>) -> Response {
    let hash: PaymentHash = hash.parse().expect("a hash");
    if !fake.known().contains(&hash) {
        return status(StatusCode::NOT_FOUND, 5, "unable to locate invoice");
    }
    Json(fake.wire(&hash).await).into_response()
}

async fn list_invoices(
    State(fake): State<Arc<Fake>>,
    Query(query): Query<HashMap<String, String>>,
) -> Json<Value> {
    let ask = |name: &str| query[name].parse::<usize>().expect("a number");
    // Two at a time, so that a test of a few invoices has several pages.
    let (offset, most) = (ask("index_offset"), ask("num_max_invoices").min(2));
    let mut invoices = Vec::new();
    for hash in fake.known().iter().skip(offset).take(most) {
        invoices.push(fake.wire(hash).await);
    }
    let last = if invoices.is_empty() {
        0
    } else {
        offset + invoices.len()
    };
    Json(json!({ "invoices": invoices, "last_index_offset": last.to_string() }))
}

/// Streams settlements. Like lnd, reports past ones only after an index that is not zero, and other
/// invoices in between.
async fn subscribe(
    State(fake): State<Arc<Fake>>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let asked: u64 = query["settle_index"].parse().expect("a number");
    let last = fake
        .settled()
        .await
        .last()
        .map_or(0, |settlement| settlement.index.0);
    let from = SettlementIndex(if asked == 0 { last } else { asked });
    let opened = json!({ "result": { "r_hash": STANDARD.encode([1; 32]), "state": "OPEN" } });
    let first = futures_util::stream::iter([Ok(Bytes::from(format!("{opened}\n")))]);
    let later = futures_util::stream::unfold((fake, from), |(fake, from)| async move {
        let told = fake.home.sandbox.settlements(from).next().await?.ok()?;
        let line = format!("{}\n", json!({ "result": wire_settlement(&told) }));
        // Two parts of each line, because a client must not take a chunk for a line.
        let (half, rest) = line.split_at(line.len() / 2);
        let parts = [half, rest].map(|part| Ok::<_, std::io::Error>(Bytes::from(part.to_owned())));
        Some((futures_util::stream::iter(parts), (fake, told.index)))
    });
    Body::from_stream(first.chain(later.flatten())).into_response()
}

fn wire_payment(payment: &Payment, hash: &PaymentHash, mischief: Mischief) -> Value {
    let mut told = json!({
        "payment_hash": hash.to_string(),
        "payment_preimage": "0".repeat(64),
        "status": "IN_FLIGHT",
        "failure_reason": "FAILURE_REASON_NONE",
        "value_msat": "0",
        "fee_msat": "0",
    });
    match payment {
        Payment::Failed(_) => {
            told["status"] = json!("FAILED");
            told["failure_reason"] = json!("FAILURE_REASON_NO_ROUTE");
        }
        Payment::Settled {
            preimage,
            paid,
            fee,
        } => {
            told["status"] = json!("SUCCEEDED");
            told["payment_preimage"] = json!(preimage.to_hex());
            told["value_msat"] = json!(paid.msat().to_string());
            told["fee_msat"] = json!(fee.msat().to_string());
            match mischief {
                Mischief::NoPreimage => told["payment_preimage"] = json!(""),
                Mischief::OtherPreimage => told["payment_preimage"] = json!("07".repeat(32)),
                Mischief::TellsNoFee => {
                    drop(told.as_object_mut().expect("fields").remove("fee_msat"))
                }
                _ => {}
            }
        }
        Payment::Unknown(_) => {}
    }
    told
}

fn line(payment: &Value) -> Response {
    format!("{}\n", json!({ "result": payment })).into_response()
}

async fn send(State(fake): State<Arc<Fake>>, Json(body): Json<Value>) -> Response {
    fake.sends.fetch_add(1, Ordering::SeqCst);
    let bolt11 = body["payment_request"]
        .as_str()
        .expect("an invoice")
        .to_owned();
    assert!(
        body["timeout_seconds"].is_u64(),
        "lnd takes a number: {body}"
    );
    let hash = Invoice::decode(&bolt11).expect("BOLT 11").payment_hash;
    let wallet = &fake.home.wallet;
    // lnd refuses to pay a second time, and a client has to track the payment instead.
    if let Some(Payment::Settled { .. }) = wallet.lookup(hash).await.expect("an answer") {
        return status(StatusCode::CONFLICT, 6, "invoice is already paid");
    }
    let mischief = *fake.mischief.lock().expect("not poisoned");
    match mischief {
        Mischief::FailsInTheEnd | Mischief::InFlight => std::future::pending::<()>().await,
        Mischief::AnsweredByProxy(status) => return proxy(status),
        Mischief::Refuses(code) => {
            return status(StatusCode::INTERNAL_SERVER_ERROR, code, "not now");
        }
        Mischief::ForgetsInFlight => {
            let error = json!({ "error": { "code": 2, "message": "not any more", "details": [] } });
            let end = Bytes::from(format!("{error}\n"));
            return [moving(&hash), end].concat().into_response();
        }
        _ => {}
    }
    let max_fee = Msat::new(number(&body["fee_limit_msat"]));
    let deadline = Duration::from_secs(10);
    let mut payment = wallet.pay(PayRequest::new(bolt11, max_fee, deadline)).await;
    if let Payment::Unknown(_) = payment {
        payment = fake.end(hash).await;
    }
    let told = wire_payment(&payment, &hash, mischief);
    match mischief {
        Mischief::DropsAfterSend => {
            let broken = futures_util::stream::iter([
                Ok(Bytes::from_static(b"{\"resu")),
                Err(std::io::Error::other("gone")),
            ]);
            return Body::from_stream(broken).into_response();
        }
        Mischief::Paying => return status(StatusCode::CONFLICT, 6, "payment is in transition"),
        _ => {}
    }
    line(&told)
}

async fn track(
    State(fake): State<Arc<Fake>>,
    Path(hash): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let bytes = URL_SAFE.decode(hash).expect("URL-safe base64 with padding");
    let hash = PaymentHash::from_bytes(bytes.try_into().expect("32 bytes"));
    let mischief = *fake.mischief.lock().expect("not poisoned");
    if let Mischief::AnsweredByProxy(_) = mischief {
        return proxy(404);
    }
    // Of what was sent alone.
    let was_sent = fake.sends.load(Ordering::SeqCst) > 0;
    let in_flight = mischief == Mischief::InFlight && was_sent;
    let quiet = query
        .get("no_inflight_updates")
        .is_some_and(|value| value == "true");
    match fake.home.wallet.lookup(hash).await.expect("an answer") {
        _ if mischief == Mischief::FailsInTheEnd && was_sent => {
            let failed = Payment::failed(unknown().error);
            line(&wire_payment(&failed, &hash, mischief))
        }
        _ if in_flight && quiet => std::future::pending().await,
        _ if in_flight => {
            let first = futures_util::stream::iter([Ok::<_, std::io::Error>(moving(&hash))]);
            let never = futures_util::stream::pending();
            Body::from_stream(first.chain(never)).into_response()
        }
        Some(Payment::Unknown(_)) => {
            let first = futures_util::stream::iter([Ok::<_, std::io::Error>(moving(&hash))]);
            let end = async move {
                let told = wire_payment(&fake.end(hash).await, &hash, mischief);
                Ok(Bytes::from(format!("{}\n", json!({ "result": told }))))
            };
            let last = futures_util::stream::once(end);
            Body::from_stream(first.chain(last)).into_response()
        }
        Some(payment) if mischief == Mischief::Paying => {
            // In flight when it is asked for first, and settled from then on.
            *fake.mischief.lock().expect("not poisoned") = Mischief::None;
            let told = wire_payment(&payment, &hash, mischief);
            let end = format!("{}\n", json!({ "result": told }));
            [moving(&hash), Bytes::from(end)].concat().into_response()
        }
        Some(payment) => line(&wire_payment(&payment, &hash, mischief)),
        None => status(StatusCode::NOT_FOUND, 5, "payment isn't initiated"),
    }
}

/// Returns an answer of something that stands before lnd.
fn proxy(status: u16) -> Response {
    let status = StatusCode::from_u16(status).expect("a status");
    (status, "<html>a proxy</html>").into_response()
}

/// Returns an answer that never ends.
fn endless() -> Response {
    let chunk = Bytes::from(vec![b'x'; 64 * 1024]);
    let chunks = futures_util::stream::repeat_with(move || Ok::<_, std::io::Error>(chunk.clone()));
    Body::from_stream(chunks).into_response()
}

/// Returns the line of a payment in flight.
fn moving(hash: &PaymentHash) -> Bytes {
    let told = wire_payment(&Payment::Unknown(unknown()), hash, Mischief::None);
    format!("{}\n", json!({ "result": told })).into()
}

fn unknown() -> l402_lightning::Unknown {
    let error = l402_lightning::Error::new(l402_lightning::ErrorKind::Timeout, "in flight");
    l402_lightning::Unknown { error }
}
