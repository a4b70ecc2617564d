//! The answer to a path that the gateway has for itself.

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderValue,
    IF_NONE_MATCH, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use http_body_util::Full;
use l402::Problem;
use l402_server::{Granted, Refusal};

use super::answer::{Answer, refuse};
use super::body::AnswerBody;
use crate::publish::Document;
use crate::table::RouteTable;

/// The time for which a cache may keep a document. A reload may change prices at any moment, and the
/// 402 is what counts.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=60");

/// Answers a request for a path of the gateway's own. The request is free, and no upstream is asked.
pub(super) fn answer(granted: Granted, parts: &Parts, table: &RouteTable) -> Answer {
    let Some(document) = table.document(granted.route_index()) else {
        let report = granted.with_problem(Problem::NoRoute).not_forwarded();
        return refuse(Refusal::new(Problem::NoRoute).with_use(report));
    };
    let mut known = parts.headers.get_all(IF_NONE_MATCH).iter();
    let is_known = known.any(|tags| document.is_named_by(tags));
    let mut response = Response::new(Full::default());
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, CACHE);
    headers.insert(ETAG, document.etag.clone());
    // Pages of every origin may read them, as every program may: they hold no secret.
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        headers.insert(CONTENT_TYPE, document.content_type.clone());
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(CONTENT_LENGTH, document.body.len().into());
        *response.body_mut() = body(document, &parts.method);
    }
    granted
        .settle(response)
        .map(|body| AnswerBody::Document(Box::new(body)))
}

/// Returns the body of an answer, empty for HEAD.
fn body(document: &Document, method: &Method) -> Full<Bytes> {
    if *method == Method::HEAD {
        return Full::default();
    }
    Full::new(document.body.clone())
}
