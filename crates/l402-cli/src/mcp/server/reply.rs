//! Answers of HTTP that are ours and not the SDK's.

use std::convert::Infallible;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use rmcp::model::JsonRpcError;

use super::message;

/// The body of an answer.
pub(super) type Body = BoxBody<Bytes, Infallible>;

/// Returns a body that is there already.
pub(super) fn full(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).boxed()
}

/// Returns an answer of one line.
pub(super) fn plain(status: StatusCode, text: &'static str) -> Box<Response<Body>> {
    let mut response = Response::new(full(text));
    *response.status_mut() = status;
    let media_type = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    Box::new(response)
}

/// Returns the answer to what is no message.
pub(super) fn refused(refusal: &JsonRpcError) -> Box<Response<Body>> {
    let mut response = Response::new(full(message::to_value(refusal).to_string()));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    let media_type = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    Box::new(response)
}
