//! The headers that do not go on, in both directions.

use http::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, LOCATION,
    PROXY_AUTHORIZATION,
};
use l402::{Credential, HOP_BY_HOP};
use url::{Position, Url};

use super::token::OWN_HEADER;

use crate::header::SEC_FETCH_SITE;

/// The header that says why a 402 was not paid, or a request not made.
pub(super) const REFUSED: HeaderName = HeaderName::from_static("l402-refused");

/// The header that says why there is no answer.
pub(super) const ERROR: HeaderName = HeaderName::from_static("l402-error");

/// The value of a header of a 402 that is no credential.
const ACCEPTED: &str = "accepted";

/// Leaves of a program's headers what the server may see. Length and host are written anew.
pub(super) fn of_request(headers: &mut HeaderMap) {
    remove_hop_by_hop(headers);
    for name in [HOST, CONTENT_LENGTH, EXPECT, OWN_HEADER] {
        headers.remove(name);
    }
}

/// Takes the cookies off that a browser sends to a reverse proxy: it has them from other programs of this
/// machine, whatever their ports, and they are none of the server's business.
pub(super) fn without_cookies_of_here(headers: &mut HeaderMap) {
    if headers.contains_key(SEC_FETCH_SITE) {
        headers.remove(COOKIE);
    }
}

/// Leaves of a server's headers what the program may see: no word of ours, and no credential that the
/// server sends back.
pub(super) fn of_answer(headers: &mut HeaderMap) {
    remove_hop_by_hop(headers);
    headers.remove(REFUSED);
    headers.remove(ERROR);
    headers.remove(http::header::AUTHORIZATION);
    for name in Credential::HEADERS {
        // A 402 says by the same name that the second header is read. Of several, each counts.
        if headers.get_all(name).iter().any(|value| value != ACCEPTED) {
            headers.remove(name);
        }
    }
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
    // What a program says to its proxy, and none but this one reads.
    headers.remove(PROXY_AUTHORIZATION);
}

/// Rewrites a `Location` below the target of a reverse proxy to one below the proxy, so that the program
/// asks the proxy again.
pub(super) fn translate_location(headers: &mut HeaderMap, asked: &Url, target: &Url) {
    let Some(location) = headers.get(LOCATION).and_then(|it| it.to_str().ok()) else {
        return;
    };
    let Ok(to) = asked.join(location) else {
        return;
    };
    if to.origin() != target.origin() {
        return;
    }
    let rest = &to[Position::BeforePath..];
    let base = target.path().trim_end_matches('/');
    let Some(rest) = rest
        .strip_prefix(base)
        .filter(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
    else {
        return;
    };
    // `//host/x` would be another host.
    let rest = format!("/{}", rest.trim_start_matches('/'));
    if let Ok(value) = HeaderValue::try_from(rest) {
        headers.insert(LOCATION, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(headers: &[(&str, &str)]) -> HeaderMap {
        let parse = |text: &str| HeaderValue::from_str(text).unwrap();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.parse::<HeaderName>().unwrap(), parse(value));
        }
        map
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        headers.keys().map(HeaderName::as_str).collect()
    }

    #[test]
    fn what_belongs_to_a_connection_or_to_the_proxy_stays_here() {
        let mut headers = map(&[
            ("connection", "close, X-Mine"),
            ("x-mine", "1"),
            ("te", "trailers"),
            ("upgrade", "h2c"),
            ("http2-settings", "AAMAAABk"),
            ("proxy-authorization", "Bearer token"),
            ("l402-proxy-token", "token"),
            ("host", "127.0.0.1:9000"),
            ("content-length", "3"),
            ("authorization", "Bearer own"),
        ]);
        of_request(&mut headers);
        assert_eq!(names(&headers), ["authorization"]);
    }

    #[test]
    fn a_browsers_cookies_of_this_machine_stay_here() {
        let mut headers = map(&[("cookie", "a=b"), ("sec-fetch-site", "same-origin")]);
        without_cookies_of_here(&mut headers);
        assert_eq!(names(&headers), ["sec-fetch-site"]);
        let mut headers = map(&[("cookie", "a=b")]);
        without_cookies_of_here(&mut headers);
        assert_eq!(names(&headers), ["cookie"]);
    }

    #[test]
    fn a_server_says_nothing_in_our_name_and_sends_no_credential_back() {
        let mut headers = map(&[
            ("l402-refused", "over_budget"),
            ("l402-error", "transport"),
            ("authorization", "L402 a:b"),
            ("l402-credential", "a:b"),
            ("transfer-encoding", "chunked"),
            ("l402-use", "spent"),
        ]);
        of_answer(&mut headers);
        assert_eq!(names(&headers), ["l402-use"]);
        let two = [("l402-credential", ACCEPTED), ("l402-credential", "a:b")];
        let mut headers = map(&two);
        of_answer(&mut headers);
        assert!(headers.is_empty());
        let mut headers = map(&[("l402-credential", ACCEPTED)]);
        of_answer(&mut headers);
        assert_eq!(names(&headers), ["l402-credential"]);
    }

    #[test]
    fn a_redirect_below_the_target_stays_below_the_proxy() {
        for (target, location, seen) in [
            ("https://a.example/", "/x?y=1", "/x?y=1"),
            ("https://a.example/", "https://a.example/x", "/x"),
            ("https://a.example/v1", "/v1/x", "/x"),
            ("https://a.example/v1/", "https://a.example/v1?q", "/?q"),
            ("https://a.example/v1", "/v10/x", "/v10/x"),
            (
                "https://a.example/",
                "https://b.example/x",
                "https://b.example/x",
            ),
            (
                "https://a.example/",
                "http://a.example/x",
                "http://a.example/x",
            ),
            (
                "https://a.example/",
                "https://a.example//b.example/",
                "/b.example/",
            ),
        ] {
            let target: Url = target.parse().unwrap();
            let mut headers = map(&[("location", location)]);
            translate_location(&mut headers, &target, &target);
            assert_eq!(headers[LOCATION], seen, "{target} {location}");
        }
    }
}
