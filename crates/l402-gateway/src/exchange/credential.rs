//! Which headers carry an L402 credential: none of them reaches an upstream.

use http::{HeaderName, HeaderValue, header};
use l402::Credential;

/// Whether this header holds a credential of ours, or what is meant to be one. Other schemes of
/// `Authorization` belong to the upstream.
pub(crate) fn is_credential(name: &HeaderName, value: &HeaderValue) -> bool {
    is_own_header(name) || (*name == header::AUTHORIZATION && names_scheme(value.as_bytes()))
}

/// Whether a header holds nothing but a credential.
pub(crate) fn is_own_header(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "l402-credential" | "macaroon" | "grpc-metadata-macaroon"
    )
}

/// Whether any part of a list of credentials names one of our schemes.
fn names_scheme(value: &[u8]) -> bool {
    // Most say so at once.
    Credential::is_l402(value) || value.split(|byte| *byte == b',').any(Credential::is_l402)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_schemes_are_known_in_any_dress_and_others_are_let_be() {
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
}
