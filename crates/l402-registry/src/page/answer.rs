//! Answers of the page, with the headers that all of them have.

use axum::body::Body;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{Response, StatusCode};
use maud::Markup;

/// The rules for the browser: our own files, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Returns a page.
pub(super) fn page(status: StatusCode, body: Markup) -> Response<Body> {
    let mut response = Response::new(Body::from(body.into_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    protect(headers);
    // A price that was seen is worth little a minute later.
    set(headers, CACHE_CONTROL, "no-cache");
    set(headers, CONTENT_TYPE, "text/html; charset=utf-8");
    response
}

/// Returns a file of ours. It may be kept for a year: its address changes with it.
pub(super) fn file(content_type: &'static str, body: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    protect(headers);
    set(
        headers,
        CACHE_CONTROL,
        "public, max-age=31536000, immutable",
    );
    set(headers, CONTENT_TYPE, content_type);
    response
}

fn protect(headers: &mut HeaderMap) {
    set(headers, CONTENT_SECURITY_POLICY, POLICY);
    set(headers, REFERRER_POLICY, "no-referrer");
    set(headers, X_CONTENT_TYPE_OPTIONS, "nosniff");
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}
