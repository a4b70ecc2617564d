//! Answers of the dashboard, with the headers that all of them have.

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION,
    REFERRER_POLICY, SET_COOKIE, X_CONTENT_TYPE_OPTIONS,
};
use http::{Response, StatusCode};
use http_body_util::Full;
use maud::Markup;

use super::asset::File;
use crate::admin::AdminAnswer;

/// The rules for the browser: our own files, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The headers of every answer. With `no-referrer` a browser would send the forms of the dashboard with
/// `Origin: null`, as it does those of a stranger's page; `same-origin` tells others as little.
const PROTECTION: [(HeaderName, &str); 5] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "same-origin"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
];

fn protected(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> AdminAnswer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    for (name, value) in PROTECTION {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// Returns a page.
pub(super) fn page(status: StatusCode, body: Markup) -> AdminAnswer {
    protected(status, "text/html; charset=utf-8", body.into_string())
}

/// Returns a text of JSON.
pub(super) fn json(status: StatusCode, body: String) -> AdminAnswer {
    protected(status, "application/json", body)
}

/// Returns a file of the dashboard. It may be kept: its address changes with it, and it holds no secret.
pub(super) fn file(file: &'static File) -> AdminAnswer {
    let mut answer = protected(StatusCode::OK, file.content_type, file.text);
    let kept = HeaderValue::from_static("private, max-age=31536000, immutable");
    answer.headers_mut().insert(CACHE_CONTROL, kept);
    answer
}

/// Leads to another page of the dashboard, which is asked for by GET.
pub(super) fn see(place: &str) -> AdminAnswer {
    let mut answer = protected(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", "");
    // Places are ours, or were compared with ours.
    let place = HeaderValue::from_str(place).unwrap_or(HeaderValue::from_static("/"));
    answer.headers_mut().insert(LOCATION, place);
    answer
}

/// Sets a cookie.
pub(super) fn with_cookie(mut answer: AdminAnswer, cookie: &str) -> AdminAnswer {
    // Names and values are hexadecimal digits.
    if let Ok(mut value) = HeaderValue::from_str(cookie) {
        value.set_sensitive(true);
        answer.headers_mut().insert(SET_COOKIE, value);
    }
    answer
}
