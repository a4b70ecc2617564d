//! Answers to HEAD.

use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body::Body;

/// Takes the body off an answer to HEAD, and leaves its length in `Content-Length` (RFC 9110,
/// section 9.3.2).
///
/// Servers of HTTP/1.1 do this by themselves. Over HTTP/2 they send what they are given, and
/// clients take that for a fault of the protocol.
pub fn take_body<B: Body + Default>(headers: &mut HeaderMap, body: &mut B) {
    let body = core::mem::take(body);
    if let Some(length @ 1..) = body.size_hint().exact() {
        headers
            .entry(CONTENT_LENGTH)
            .or_insert_with(|| length.into());
    }
}
