//! The names of headers that frame a message or belong to one connection.

use http::HeaderName;

/// Headers that are about one connection, not about the message (RFC 9110, section 7.6.1).
pub(crate) const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Returns true for a header of the message's framing or routing: no `Connection` may name it away,
/// and no operator may set it.
pub(crate) fn is_framing(name: &HeaderName) -> bool {
    let name = name.as_str();
    HOP_BY_HOP.contains(&name) || matches!(name, "host" | "content-length" | "expect")
}
