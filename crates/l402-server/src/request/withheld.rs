//! The headers of a request that never reach the service behind.

use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use l402::Credential;

use super::CanonicalRequest;

/// Headers that ask an upstream to take another method than the one that was priced.
const METHOD_OVERRIDES: [&str; 3] = [
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
];

impl CanonicalRequest {
    /// Takes out of a request what must not reach an upstream: credentials of ours, headers that
    /// only the paywall may set (`x-l402-…`, also spelt with underscores), and method overrides.
    /// An `authorization` of another scheme stays.
    pub fn strip(headers: &mut HeaderMap) {
        let doomed: Vec<HeaderName> = headers
            .keys()
            .filter(|name| is_reserved(name.as_str()))
            .cloned()
            .collect();
        for name in doomed {
            headers.remove(name);
        }
        let ours = |value: &HeaderValue| Credential::is_l402(value.as_bytes());
        if headers.get_all(AUTHORIZATION).iter().any(ours) {
            headers.remove(AUTHORIZATION);
        }
    }
}

fn is_reserved(name: &str) -> bool {
    let credential = Credential::HEADERS.contains(&name) && name != "authorization";
    credential || is_own(name) || METHOD_OVERRIDES.contains(&name)
}

/// Whether a header is one that only the paywall sets. An upstream that reads CGI variables
/// cannot tell `-` from `_`.
pub(crate) fn is_own(name: &str) -> bool {
    let bytes = name.as_bytes();
    bytes.len() > 7 && matches!((bytes[1], bytes[6]), (b'-' | b'_', b'-' | b'_')) && {
        bytes[0] == b'x' && &bytes[2..6] == b"l402"
    }
}
