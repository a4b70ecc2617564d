//! The answer at `/.well-known/l402/receipt`.

use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{Method, Response};
use http_body_util::Full;
use l402_server::{CanonicalRequest, Granted, Receipt};
use serde_json::{Value, json};

use super::answer::{Answer, refuse};
use super::body::AnswerBody;
use super::connection::GatewayState;
use crate::table::RouteTable;

/// Answers with what was bought with the credential of the request. The request is free, no upstream
/// is asked, and no use is counted.
pub(super) async fn answer(
    granted: Granted,
    method: &Method,
    request: &CanonicalRequest,
    table: &RouteTable,
    state: &GatewayState,
) -> Answer {
    let receipt = match state.paywall.receipt(&table.snapshot, request).await {
        Ok(receipt) => receipt,
        Err(refusal) => {
            let report = granted.with_problem(refusal.problem()).not_forwarded();
            return refuse(refusal.with_use(report));
        }
    };
    let text = document(&receipt).to_string();
    let length = text.len();
    let body = if *method == Method::HEAD {
        Full::default()
    } else {
        Full::from(text)
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, length.into());
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // For the holder of the credential alone.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Whoever sends the credential may read what it says.
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    granted
        .settle(response)
        .map(|body| AnswerBody::Document(Box::new(body)))
}

/// Writes a receipt. It holds no secret: neither the token nor the preimage.
fn document(receipt: &Receipt) -> Value {
    json!({
        "service": receipt.service.as_str(),
        "price_msat": receipt.price.msat(),
        "price_sats": receipt.price.ceil_sat(),
        "policy": receipt.policy.to_string(),
        "uses": receipt.policy.uses(),
        "payment_hash": receipt.payment_hash.to_string(),
        "token_id": hex::encode(receipt.token_id.as_bytes()),
        "expires_at": receipt.expires.to_rfc3339(),
    })
}
