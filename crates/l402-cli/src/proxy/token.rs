//! The token that a program shows in place of being the same user.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{HeaderMap, HeaderName, PROXY_AUTHORIZATION};
use l402_host::private;
use subtle::ConstantTimeEq as _;

use crate::error::CliError;
use crate::exit_code;

/// The header for the token in reverse mode, for clients that send no `Proxy-Authorization` to a server.
pub(super) const OWN_HEADER: HeaderName = HeaderName::from_static("l402-proxy-token");

/// The least length of a token, in bytes.
const LENGTH_MIN: usize = 16;

/// The content of a token file. Never shown.
pub(crate) struct Token(Vec<u8>);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Token {
    /// Reads the token of a file, and makes a random one first if the file is missing. Returns true
    /// with it if this call made it.
    ///
    /// # Errors
    /// If the file cannot be read or made, is open to others, or holds no token of 16 visible characters.
    pub(crate) fn of_file(path: &Path) -> Result<(Self, bool), CliError> {
        let is_new = !path.exists();
        let failed = |error: l402_host::FileError| {
            let (exit, code) = exit_code::of_file(error.fault());
            CliError::new(exit, code, format!("--token-file: {error}"))
        };
        private::create_hex_key(path).map_err(failed)?;
        let bytes = private::read(path).map_err(failed)?;
        let token = bytes.trim_ascii().to_vec();
        if token.len() < LENGTH_MIN || !token.iter().all(u8::is_ascii_graphic) {
            let text = format!(
                "--token-file: {} holds no token of at least {LENGTH_MIN} visible characters",
                path.display()
            );
            return Err(
                CliError::new(exit_code::CONFIGURATION, "configuration", text)
                    .with_hint("remove the file: a new one is made with a random token"),
            );
        }
        Ok((Self(token), is_new))
    }

    /// Returns true if the headers show this token. `is_reverse` allows the header of its own.
    pub(super) fn is_shown(&self, headers: &HeaderMap, is_reverse: bool) -> bool {
        let own = is_reverse.then(|| only(headers, &OWN_HEADER)).flatten();
        let proxy = only(headers, &PROXY_AUTHORIZATION).and_then(of_authorization);
        [own.map(<[u8]>::to_vec), proxy]
            .into_iter()
            .flatten()
            .any(|shown| bool::from(shown.as_slice().ct_eq(&self.0)))
    }
}

/// Returns the value of a header that stands there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().filter(|_| values.next().is_none());
    value.map(http::HeaderValue::as_bytes)
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
        let token = Token(b"0123456789abcdef".to_vec());
        let headers = headers.iter();
        let headers: HeaderMap = headers
            .map(|(name, value)| ((*name).clone(), HeaderValue::from_str(value).unwrap()))
            .collect();
        token.is_shown(&headers, is_reverse)
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
