//! The forms of answers.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;

/// An answer to an operator, held in memory.
pub(crate) type AdminAnswer = Response<Full<Bytes>>;

/// Returns an answer with a body of a type. It is stored nowhere.
pub(crate) fn answer(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> AdminAnswer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert("x-content-type-options", nosniff);
    answer
}

/// Returns a text.
pub(crate) fn text(status: StatusCode, body: impl Into<Bytes>) -> AdminAnswer {
    answer(status, "text/plain; charset=utf-8", body)
}

/// Returns a value as JSON.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> AdminAnswer {
    // Keys are texts everywhere, so writing cannot fail.
    let body = serde_json::to_vec(value).unwrap_or_default();
    answer(status, "application/json", body)
}
