//! Redirects: which of them only lead on, and which are the delivery itself.

use http::StatusCode;
use http::header::{HeaderMap, HeaderValue, LOCATION};
use http::uri::Authority;
use url::Url;

/// The origin that a request was for: its host in lower case, and its port if it names one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
}

/// Returns true if the buyer gets nothing by this answer but the advice to use what it has (304), or
/// to ask again at the origin it has asked. `safe` is true for GET and HEAD.
///
/// 303, and 301 and 302 after a POST, say that the request was carried out. A redirect to another
/// origin is often the delivery itself: a signed address, for example.
pub(crate) fn leads_on(
    (status, headers): (StatusCode, &HeaderMap),
    safe: bool,
    origin: Option<&Origin>,
) -> bool {
    match status {
        StatusCode::NOT_MODIFIED => true,
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => stays(headers, origin),
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => safe && stays(headers, origin),
        _ => false,
    }
}

/// Returns the path and query that a client asks for next, if a redirect leads on from this path and query.
pub(crate) fn next_path(headers: &HeaderMap, from: &str) -> Option<String> {
    let location = headers.get(LOCATION)?.to_str().ok()?;
    // By the rules that browsers read addresses by. The host has no part in it: it is the same.
    let base = Url::parse(&format!("http://host.invalid{from}")).ok()?;
    let next = base.join(location).ok()?;
    let path = next.path();
    Some(match next.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    })
}

/// Returns true if there is one `Location`, and it is at the origin.
fn stays(headers: &HeaderMap, origin: Option<&Origin>) -> bool {
    let mut locations = headers.get_all(LOCATION).iter();
    match (locations.next(), locations.next()) {
        (Some(location), None) => is_at(location, origin),
        // Clients differ in which of several they follow.
        _ => false,
    }
}

/// Returns true if a `Location` is a path, or names the origin itself. The scheme does not matter:
/// the paywall may stand behind a server that adds TLS.
fn is_at(location: &HeaderValue, origin: Option<&Origin>) -> bool {
    let Ok(text) = location.to_str() else {
        return false;
    };
    // Browsers read a backslash as a slash, and drop tabs: neither may hide a host.
    if text.contains(['\\', '\t']) {
        return false;
    }
    let text = text.trim();
    let (scheme, rest) = match text.split_once(':') {
        Some((scheme, rest)) if is_scheme(scheme) => (Some(scheme), rest),
        _ => (None, text),
    };
    let default_port = match scheme {
        None => None,
        Some(scheme) if scheme.eq_ignore_ascii_case("http") => Some(80),
        Some(scheme) if scheme.eq_ignore_ascii_case("https") => Some(443),
        Some(_) => return false,
    };
    let Some(rest) = rest.strip_prefix("//") else {
        // `http:path` has several readings.
        return scheme.is_none();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    origin.is_some_and(|origin| names(&rest[..end], default_port, origin))
}

/// Returns true for what may stand before the colon of an absolute address (RFC 3986, section 3.1).
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

/// Returns true if an authority is the origin's. Without a port it has the default one of its
/// scheme.
fn names(authority: &str, default_port: Option<u16>, origin: &Origin) -> bool {
    let Ok(authority) = authority.parse::<Authority>() else {
        return false;
    };
    if authority.as_str().contains('@') {
        return false;
    }
    let host = authority.host();
    let host = host.strip_suffix('.').unwrap_or(host);
    let port = authority.port_u16();
    let same_port = port == origin.port
        || port.or(default_port) == origin.port
        || (origin.port.is_none() && port == default_port);
    same_port && host.eq_ignore_ascii_case(&origin.host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop(port: Option<u16>) -> Origin {
        let host = "shop.example".to_owned();
        Origin { host, port }
    }

    #[test]
    fn the_next_path_is_the_one_that_a_browser_asks_for() {
        for (location, next) in [
            ("/docs/", "/docs/"),
            ("c?a=1#b", "/a/c?a=1"),
            ("?q=2", "/a/b?q=2"),
            ("", "/a/b?q"),
            ("../../x/./y/..", "/x/"),
            ("https://shop.example", "/"),
            ("http://shop.example/a b", "/a%20b"),
            ("/.//shop.example/", "//shop.example/"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(LOCATION, HeaderValue::from_static(location));
            let found = next_path(&headers, "/a/b?q");
            assert_eq!(found.as_deref(), Some(next), "{location}");
        }
    }

    #[test]
    fn a_location_at_the_origin_is_told_from_one_elsewhere() {
        for (location, plain, with_port) in [
            ("/next", true, true),
            ("next?a=1:2", true, true),
            ("?q", true, true),
            ("", true, true),
            ("//shop.example/next", true, false),
            ("http://shop.example/next", true, false),
            ("https://SHOP.example./", true, false),
            ("https://shop.example:443/", true, false),
            ("http://shop.example:8402/next", false, true),
            ("https://shop.example:9000/file?signature=1", false, false),
            ("https://files.example/a?signature=1", false, false),
            ("//files.example", false, false),
            ("/\\files.example", false, false),
            ("https:files.example", false, false),
            ("https://shop.example@files.example/", false, false),
            ("ftp://shop.example/", false, false),
            ("lightning:lnbc1", false, false),
        ] {
            let value = HeaderValue::from_static(location);
            assert_eq!(is_at(&value, Some(&shop(None))), plain, "{location}");
            let origin = shop(Some(8402));
            assert_eq!(is_at(&value, Some(&origin)), with_port, "{location}");
        }
        let absolute = HeaderValue::from_static("http://shop.example/");
        assert!(!is_at(&absolute, None));
    }
}
