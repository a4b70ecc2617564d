//! Which requests the page answers: those to its own address, that no page of another origin made.

use std::net::SocketAddr;

use http::header::{HOST, HeaderMap, HeaderName, ORIGIN};
use http::{Method, StatusCode};

use crate::header::{SEC_FETCH_SITE, only};

/// A request that is not answered, with a text for the one who made it.
pub(super) type Refusal = (StatusCode, &'static str);

/// Checks the method and the headers that a page in a browser cannot choose.
///
/// # Errors
/// [`Refusal`] for another method, another host, or another page.
pub(super) fn check(method: &Method, headers: &HeaderMap, own: SocketAddr) -> Result<(), Refusal> {
    if method != Method::GET && method != Method::POST {
        return Err((StatusCode::METHOD_NOT_ALLOWED, "only GET and POST"));
    }
    // A name that was made to lead here (DNS rebinding) stands in Host.
    let names = [own.to_string(), format!("localhost:{}", own.port())];
    let is_own = text(headers, &HOST).is_some_and(|host| names.iter().any(|name| name == host));
    if !is_own {
        return Err((StatusCode::FORBIDDEN, "the Host is not this page's"));
    }
    let foreign = (StatusCode::FORBIDDEN, "a page of another origin asks");
    let site = text(headers, &SEC_FETCH_SITE);
    let is_post = method == Method::POST;
    // `none` is a person who typed the address or followed a link from another program.
    let is_site = match site {
        None => !headers.contains_key(SEC_FETCH_SITE),
        Some("same-origin") => true,
        Some("none") => !is_post,
        // A link is followed, and shows a page without frames. Its form is another request.
        Some(_) => false,
    };
    if !is_site && (is_post || headers.contains_key("sec-fetch-dest") && !is_document(headers)) {
        return Err(foreign);
    }
    let origins = names.map(|name| format!("http://{name}"));
    match text(headers, &ORIGIN) {
        Some(origin) if origins.iter().any(|own| own == origin) => Ok(()),
        // Every browser sends it with a form.
        None if !is_post && !headers.contains_key(ORIGIN) => Ok(()),
        _ => Err(foreign),
    }
}

/// Returns true for the load of a whole page, in a window of its own.
fn is_document(headers: &HeaderMap) -> bool {
    let dest = HeaderName::from_static("sec-fetch-dest");
    text(headers, &dest) == Some("document")
}

/// Returns the value of a header that stands there once and is text.
fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    only(headers, name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(method: &str, headers: &[(&str, &str)]) -> bool {
        let map: HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
            .collect();
        let method = method.parse().unwrap();
        check(&method, &map, "127.0.0.1:4000".parse().unwrap()).is_ok()
    }

    const HOST: (&str, &str) = ("host", "127.0.0.1:4000");
    const ORIGIN: (&str, &str) = ("origin", "http://127.0.0.1:4000");
    const LOCALHOST: (&str, &str) = ("host", "localhost:4000");
    const DOCUMENT: (&str, &str) = ("sec-fetch-dest", "document");

    fn site(site: &'static str) -> (&'static str, &'static str) {
        ("sec-fetch-site", site)
    }

    // ATTACKS A-08: a page of another origin neither reads the form nor sends it.
    #[test]
    fn its_own_page_is_answered() {
        for headers in [
            vec![HOST],
            vec![LOCALHOST],
            vec![HOST, site("none"), DOCUMENT],
            vec![HOST, site("cross-site"), DOCUMENT],
        ] {
            assert!(checked("GET", &headers), "{headers:?}");
        }
        for headers in [
            vec![HOST, ORIGIN],
            vec![HOST, ORIGIN, site("same-origin")],
            vec![LOCALHOST, ("origin", "http://localhost:4000")],
        ] {
            assert!(checked("POST", &headers), "{headers:?}");
        }
    }

    #[test]
    fn no_other_page_is_answered() {
        for headers in [
            vec![],
            vec![("host", "evil.test:4000")],
            vec![("host", "127.0.0.1:4001")],
            vec![("host", "127.0.0.1")],
            vec![HOST, HOST],
            vec![HOST, ("origin", "http://evil.test")],
            vec![HOST, site("cross-site"), ("sec-fetch-dest", "iframe")],
        ] {
            assert!(!checked("GET", &headers), "{headers:?}");
        }
        for headers in [
            vec![HOST],
            vec![HOST, ("origin", "null")],
            vec![HOST, ("origin", "http://127.0.0.1:4001")],
            vec![HOST, ORIGIN, site("same-site")],
            vec![HOST, ORIGIN, site("none")],
        ] {
            assert!(!checked("POST", &headers), "{headers:?}");
        }
        assert!(!checked("PUT", &[HOST, ORIGIN]) && !checked("HEAD", &[HOST]));
    }
}
