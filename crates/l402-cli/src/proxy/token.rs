//! The headers in which a program shows the proxy's token, in place of being the same user.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{HeaderMap, HeaderName, PROXY_AUTHORIZATION};

use crate::access_token::AccessToken;
use crate::header::only;

/// The header for the token in reverse mode, for clients that send no `Proxy-Authorization` to a server.
pub(super) const OWN_HEADER: HeaderName = HeaderName::from_static("l402-proxy-token");

/// Returns true if the headers show a token. `is_reverse` allows the header of its own.
pub(super) fn is_shown(token: &AccessToken, headers: &HeaderMap, is_reverse: bool) -> bool {
    let own = is_reverse.then(|| only(headers, &OWN_HEADER)).flatten();
    let own = own.map(|value| value.as_bytes().to_vec());
    let proxy = only(headers, &PROXY_AUTHORIZATION);
    let proxy = proxy.and_then(|value| of_authorization(value.as_bytes()));
    [own, proxy]
        .into_iter()
        .flatten()
        .any(|shown| token.is(&shown))
}

/// Returns the token of `Bearer TOKEN`, or of `Basic` with any name and the token as password.
fn of_authorization(value: &[u8]) -> Option<Vec<u8>> {
    let space = value.iter().position(|byte| *byte == b' ')?;
    let (scheme, rest) = value.split_at(space);
    let rest = rest.trim_ascii();
    if scheme.eq_ignore_ascii_case(b"bearer") {
        return Some(rest.to_vec());
    }
    if !scheme.eq_ignore_ascii_case(b"basic") {
        return None;
    }
    let pair = STANDARD.decode(rest).ok()?;
    let colon = pair.iter().position(|byte| *byte == b':')?;
    Some(pair.get(colon + 1..)?.to_vec())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn shows(headers: &[(&HeaderName, &str)], is_reverse: bool) -> bool {
        let token = AccessToken::for_tests("0123456789abcdef");
        let headers = headers.iter();
        let headers: HeaderMap = headers
            .map(|(name, value)| ((*name).clone(), HeaderValue::from_str(value).unwrap()))
            .collect();
        is_shown(&token, &headers, is_reverse)
    }

    #[test]
    fn a_token_is_shown_in_three_ways() {
        let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
        for good in [
            "Bearer 0123456789abcdef",
            "bearer  0123456789abcdef",
            &basic("anybody:0123456789abcdef"),
            &basic(":0123456789abcdef"),
        ] {
            assert!(shows(&[(&PROXY_AUTHORIZATION, good)], false), "{good}");
        }
        assert!(shows(&[(&OWN_HEADER, "0123456789abcdef")], true));
        assert!(!shows(&[(&OWN_HEADER, "0123456789abcdef")], false));
    }

    #[test]
    fn anything_else_is_no_token() {
        for bad in [
            "Bearer",
            "Bearer ",
            "Bearer 0123456789abcdeF",
            "Bearer 0123456789abcdef0",
            "Basic 0123456789abcdef",
            "0123456789abcdef",
            &format!("Basic {}", STANDARD.encode("0123456789abcdef")),
        ] {
            assert!(!shows(&[(&PROXY_AUTHORIZATION, bad)], true), "{bad}");
        }
        let good = "Bearer 0123456789abcdef";
        assert!(!shows(
            &[(&PROXY_AUTHORIZATION, good), (&PROXY_AUTHORIZATION, "x y")],
            true
        ));
        assert!(!shows(&[], true));
    }
}
