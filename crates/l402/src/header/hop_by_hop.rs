//! The headers that no proxy passes on.

/// Headers that are about one connection, not about the message (RFC 9110, section 7.6.1). A proxy
/// passes none of them on, in either direction.
pub const HOP_BY_HOP: [&str; 9] = [
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
