//! Answers that a client can keep and ask for anew.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// Answers with JSON, or with 304 if the client has it.
pub(super) fn json<T: Serialize>(headers: &HeaderMap, value: &T) -> Response {
    kept(headers, "application/json", to_json(value))
}

/// Answers with JSON that no cache keeps.
pub(super) fn fresh<T: Serialize>(status: StatusCode, value: &T) -> Response {
    let mut answer = (status, to_json(value)).into_response();
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// Answers with a text, or with 304 if the client has it.
pub(super) fn kept(headers: &HeaderMap, content_type: &'static str, body: Vec<u8>) -> Response {
    let tag = tag(&body);
    let mut answer = Response::new(Body::empty());
    if has(headers, &tag) {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        *answer.body_mut() = body.into();
        let content_type = HeaderValue::from_static(content_type);
        answer.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    let headers = answer.headers_mut();
    // Kept, and asked about each time: what it says may be another price.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(ETAG, tag);
    }
    answer
}

fn to_json<T: Serialize>(value: &T) -> Vec<u8> {
    // Texts, numbers, lists and maps with texts as keys only, so writing cannot fail.
    serde_json::to_vec(value).unwrap_or_default()
}

fn tag(body: &[u8]) -> String {
    let digest: [u8; 32] = Sha256::digest(body).into();
    format!("\"{}\"", hex::encode(&digest[..16]))
}

/// Returns true if the client has the answer with this tag (RFC 9110, section 13.1.2: compared weakly).
fn has(headers: &HeaderMap, tag: &str) -> bool {
    let lines = headers.get_all(IF_NONE_MATCH).iter();
    let lines = lines.filter_map(|line| line.to_str().ok());
    let mut tags = lines.flat_map(|line| line.split(',')).map(str::trim);
    tags.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}
