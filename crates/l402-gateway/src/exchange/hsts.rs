//! `Strict-Transport-Security`: browsers come by TLS alone for a while (RFC 6797).

use http::header::{HeaderValue, STRICT_TRANSPORT_SECURITY};

use super::answer::Answer;
use super::connection::Connection;

/// Adds the header to an answer over TLS, if the operator wants it. It replaces that of an upstream:
/// the host is the gateway's, and a browser heeds the first one alone.
pub(super) fn add(connection: &Connection, answer: &mut Answer) {
    // Not over plain HTTP, where anybody on the way could have written it.
    if !connection.tls {
        return;
    }
    if let Some(value) = &connection.worker.state.table.load().hsts {
        let headers = answer.headers_mut();
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::clone(value));
    }
}
