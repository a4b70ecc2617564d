//! A request to the dashboard: its cookie, its parameters, and where it comes from.

use http::header::{COOKIE, HOST, HeaderMap, ORIGIN};
use http::request::Parts;
use url::form_urlencoded;

use super::session::SessionId;

/// The parameters of an address or of a form, the first of each name.
#[derive(Debug, Default)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads `name=value&…`.
    pub(super) fn read(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).into_owned().collect())
    }

    /// Reads the query of an address.
    pub(super) fn of_query(head: &Parts) -> Self {
        Self::read(head.uri.query().unwrap_or_default().as_bytes())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut pairs = self.0.iter();
        pairs
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Returns the name of the cookie. Cookies know no ports, so that each listener of a machine has a name of its
/// own. With TLS no other host can set it (`__Host-`).
pub(super) fn cookie_name(headers: &HeaderMap, is_tls: bool) -> String {
    let host = headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let port = host.rsplit(':').next().unwrap_or_default();
    let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let prefix = if is_tls { "__Host-" } else { "" };
    let port = if is_port { port } else { "0" };
    format!("{prefix}l402_session_{port}")
}

/// Returns the secret of the session that the cookie names.
pub(super) fn session_of(headers: &HeaderMap, is_tls: bool) -> Option<SessionId> {
    let name = cookie_name(headers, is_tls);
    let lines = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok());
    let mut pairs = lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(own, _)| *own == name)?;
    SessionId::from_hex(value)
}

/// Returns true if a page of this dashboard sent the request. A browser says so in one header at least; the
/// listener has compared `Origin` with `Host` before.
pub(super) fn is_own(headers: &HeaderMap) -> bool {
    match headers.get("sec-fetch-site") {
        Some(site) => site == "same-origin",
        None => headers.contains_key(ORIGIN),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(all: &[(&'static str, &'static str)]) -> HeaderMap {
        let all = all.iter();
        all.map(|(name, value)| {
            (
                name.parse::<http::HeaderName>().unwrap(),
                HeaderValue::from_static(value),
            )
        })
        .collect()
    }

    #[test]
    fn a_cookie_is_that_of_this_listener() {
        let digits = "a5".repeat(32);
        let cookie = format!("x=1; l402_session_8405={digits}; l402_session_1=00");
        let mut of = headers(&[("host", "127.0.0.1:8405")]);
        of.insert(COOKIE, cookie.parse().unwrap());
        assert_eq!(session_of(&of, false).unwrap().to_hex(), digits);
        assert!(session_of(&of, true).is_none());
        of.insert(HOST, HeaderValue::from_static("127.0.0.1:1"));
        assert!(session_of(&of, false).is_none());
        assert_eq!(
            cookie_name(&headers(&[("host", "[::1]")]), false),
            "l402_session_0"
        );
    }

    #[test]
    fn only_an_own_page_sends_forms() {
        for (all, own) in [
            (&[][..], false),
            (&[("origin", "http://127.0.0.1:8405")], true),
            (&[("sec-fetch-site", "same-origin")], true),
            (
                &[
                    ("sec-fetch-site", "cross-site"),
                    ("origin", "http://127.0.0.1:8405"),
                ],
                false,
            ),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "none")], false),
        ] {
            assert_eq!(is_own(&headers(all)), own, "{all:?}");
        }
    }

    #[test]
    fn the_first_parameter_of_a_name_counts() {
        let read = Parameters::read(b"a=1&b=%3Cb%3E+c&a=2");
        assert_eq!(
            (read.get("a"), read.get("b"), read.get("c")),
            (Some("1"), Some("<b> c"), None)
        );
    }
}
