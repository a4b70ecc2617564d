//! The list of request headers that never reach the service behind the paywall, for proxies and for
//! the tower layer.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use l402::Credential;

use super::CanonicalRequest;

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

/// The reason why a header of a request does not pass to the service behind the paywall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Withheld {
    /// Holds an L402 credential, or text that is meant to be one.
    Credential,
    /// Says who the client is and how it came here (`x-forwarded-for`, `proxy-authorization`).
    /// A proxy that faces its clients withholds these headers and writes its own. The tower layer
    /// passes them: a trusted proxy before the program may have set them.
    Forwarding,
    /// A name that only the paywall sets: `x-l402-…`, also spelt with underscores, and what a proxy
    /// tells its upstream of the payment (`l402-payment-hash`, `l402-service`, `l402-uses-left`).
    Own,
    /// Asks for another method or path than the one that was priced.
    Override,
    /// A name of this list, or one of the message's framing, spelt with underscores. A service that
    /// reads CGI variables cannot tell `_` from `-`.
    Twin,
}

impl Withheld {
    /// Returns the reason to withhold a header, or `None` if the header may pass. `name` is in
    /// lower case. An `authorization` of another scheme belongs to the service, and passes.
    ///
    /// ```
    /// use l402_server::Withheld;
    ///
    /// let mixed = Withheld::of("authorization", b"Bearer x, L402 token:preimage");
    /// assert_eq!(mixed, Some(Withheld::Credential));
    /// assert_eq!(Withheld::of("authorization", b"Bearer x"), None);
    /// assert_eq!(Withheld::of("x_http_method_override", b"DELETE"), Some(Withheld::Twin));
    /// ```
    #[must_use]
    pub fn of(name: &str, value: &[u8]) -> Option<Self> {
        match name {
            "authorization" => names_scheme(value).then_some(Self::Credential),
            "l402-credential" | "macaroon" | "grpc-metadata-macaroon" => Some(Self::Credential),
            "l402-payment-hash" | "l402-service" | "l402-uses-left" => Some(Self::Own),
            "x-http-method" | "x-http-method-override" | "x-method-override" => {
                Some(Self::Override)
            }
            "x-original-url" | "x-rewrite-url" => Some(Self::Override),
            "forwarded"
            | "x-real-ip"
            | "x-client-ip"
            | "true-client-ip"
            | "x-cluster-client-ip"
            | "proxy-authorization" => Some(Self::Forwarding),
            _ if name.starts_with("x-forwarded-") => Some(Self::Forwarding),
            _ if is_own(name) => Some(Self::Own),
            _ => is_twin(name).then_some(Self::Twin),
        }
    }
}

impl CanonicalRequest {
    /// Removes the headers that must not reach the service: all that are [`Withheld`], except
    /// [`Withheld::Forwarding`]. If one line of `authorization` holds an L402 credential, all lines
    /// of that name are removed.
    pub fn strip(headers: &mut HeaderMap) {
        // Removed by name, all lines at once: a service may read the first line or the last.
        let is_withheld = |(name, value): &(&HeaderName, &HeaderValue)| {
            let withheld = Withheld::of(name.as_str(), value.as_bytes());
            withheld.is_some_and(|reason| reason != Withheld::Forwarding)
        };
        let withheld: Vec<HeaderName> = headers
            .iter()
            .filter(is_withheld)
            .map(|(name, _)| name.clone())
            .collect();
        for name in withheld {
            headers.remove(name);
        }
    }
}

/// Returns true if only the paywall sets headers of this name: `x-l402-…`, with dashes or
/// underscores, which a service that reads CGI variables cannot tell apart.
pub(crate) fn is_own(name: &str) -> bool {
    // Compared byte by byte, without a copy of the name: this runs for each header of each request.
    let bytes = name.as_bytes();
    bytes.len() >= 7 && matches!((bytes[1], bytes[6]), (b'-' | b'_', b'-' | b'_')) && {
        bytes[0] == b'x' && &bytes[2..6] == b"l402"
    }
}

/// Returns true if the name is a withheld one, or one of the framing, in another spelling.
fn is_twin(name: &str) -> bool {
    name.contains('_') && {
        let dashed = name.replace('_', "-");
        let framing = HOP_BY_HOP.contains(&dashed.as_str()) || dashed == "content-length";
        framing || Withheld::of(&dashed, b"").is_some()
    }
}

/// Returns true if any credential in a list names the scheme L402 or LSAT.
fn names_scheme(value: &[u8]) -> bool {
    // The usual case first. The list is read for `Bearer x, L402 token:preimage`.
    Credential::is_l402(value) || value.split(|byte| *byte == b',').any(Credential::is_l402)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_our_schemes_in_any_spelling_and_leaves_others_alone() {
        let ours = [
            "L402 a:b",
            "l402\ta:b",
            "LSAT a:b",
            "lsat",
            "L402:a:b",
            "Bearer x,lsat=a:b",
            "Bearer x, L402 a:b",
            " L402  a:b",
        ];
        for value in ours {
            assert!(names_scheme(value.as_bytes()), "{value:?}");
        }
        for value in [
            "Bearer L402",
            "Basic bDQwMg==",
            "xL402 a:b",
            "L402x a:b",
            "",
        ] {
            assert!(!names_scheme(value.as_bytes()), "{value:?}");
        }
    }

    #[test]
    fn every_header_that_can_hold_a_credential_is_withheld() {
        for name in Credential::HEADERS {
            let withheld = Withheld::of(name, b"L402 a:b");
            assert_eq!(withheld, Some(Withheld::Credential), "{name}");
        }
    }

    /// ATTACKS H-12, H-27.
    #[test]
    fn a_name_with_underscores_is_judged_as_one_with_dashes() {
        for name in [
            "l402_credential",
            "l402_payment_hash",
            "l402-payment_hash",
            "l402_service",
            "l402_uses-left",
            "grpc_metadata-macaroon",
            "x_http_method_override",
            "x_original_url",
            "x_forwarded_for",
            "x_real_ip",
            "proxy_authorization",
            "transfer_encoding",
            "content_length",
            "keep_alive",
        ] {
            assert_eq!(Withheld::of(name, b"1"), Some(Withheld::Twin), "{name}");
        }
        for name in ["x_l402_paid", "x-l402_paid", "x_l402-", "x-l402-paid"] {
            assert_eq!(Withheld::of(name, b"1"), Some(Withheld::Own), "{name}");
        }
        for name in ["l402-payment-hash", "l402-service", "l402-uses-left"] {
            assert_eq!(Withheld::of(name, b"1"), Some(Withheld::Own), "{name}");
        }
        for name in ["x_plain", "user_agent", "content_type", "accept", "x-l4022"] {
            assert_eq!(Withheld::of(name, b"1"), None, "{name}");
        }
    }

    #[test]
    fn what_a_proxy_before_the_program_says_of_the_client_stays() {
        let mut headers = HeaderMap::new();
        for name in ["x-forwarded-for", "x-real-ip", "forwarded", "connection"] {
            headers.insert(name, HeaderValue::from_static("1"));
        }
        let before = headers.clone();
        headers.insert("x_forwarded_for", HeaderValue::from_static("spoofed"));
        CanonicalRequest::strip(&mut headers);
        assert_eq!(headers, before);
    }
}
