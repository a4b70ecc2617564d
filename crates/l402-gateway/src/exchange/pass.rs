//! The browser behind a question for a pass: its page, and the safety of its connection.

use std::net::IpAddr;

use http::header::{HOST, HeaderMap, ORIGIN};
use http::request::Parts;
use l402_server::{canonical_authority, canonical_origin};

use super::client::RequestClient;

/// The way to TLS, for an operator who reads the answer.
const FIX: &str = "A browser keeps a payment only over https; serve TLS ([tls] certificate and key), or name \
                   the proxy before this server in trusted_proxies, so that its X-Forwarded-Proto counts";

/// The reason why nobody is given a pass on this way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// A page of another origin asks.
    Foreign,
    /// Plain HTTP from another machine: the cookie would travel in the open.
    Plain,
}

impl Unfit {
    pub(super) fn advice(self) -> &'static str {
        match self {
            Self::Foreign => "Only a page of this host may ask here",
            Self::Plain => FIX,
        }
    }
}

/// Checks that a page of this host asks, over a connection that a cookie may take.
pub(super) fn check(parts: &Parts, client: &RequestClient<'_>) -> Result<(), Unfit> {
    let host = host(parts, client);
    let scheme = if client.uses_tls() { "https" } else { "http" };
    if !is_own_page(&parts.headers, scheme, host.as_deref()) {
        return Err(Unfit::Foreign);
    }
    let is_safe = client.uses_tls() || host.as_deref().is_some_and(is_loopback);
    is_safe.then_some(()).ok_or(Unfit::Plain)
}

/// Returns host and port as the browser asked for them.
fn host(parts: &Parts, client: &RequestClient<'_>) -> Option<String> {
    let header = client.host().or_else(|| parts.headers.get(HOST));
    match header {
        Some(host) => host.to_str().ok().map(str::to_owned),
        None => parts.uri.authority().map(ToString::to_string),
    }
}

/// Returns true if the request does not come from a page of another origin, by each header that says so.
fn is_own_page(headers: &HeaderMap, scheme: &str, host: Option<&str>) -> bool {
    let site = headers.get_all("sec-fetch-site").iter();
    let sites: Vec<_> = site.map(http::HeaderValue::as_bytes).collect();
    let is_own_site = match sites[..] {
        [] => false,
        [b"same-origin" | b"none"] => true,
        _ => return false,
    };
    let origins: Vec<_> = headers.get_all(ORIGIN).iter().collect();
    match origins[..] {
        [] => true,
        // A page that sends no referrer has no origin either. The browser has said that it is ours.
        [origin] if *origin == "null" => is_own_site,
        [origin] => {
            let own = host.and_then(|host| canonical_origin(&format!("{scheme}://{host}")));
            own.is_some() && origin.to_str().ok().and_then(canonical_origin) == own
        }
        _ => false,
    }
}

/// Returns true if a host with its port is this machine. The browser itself has resolved it, so that what it
/// sends there stays on its own machine.
fn is_loopback(host: &str) -> bool {
    let Some((name, _)) = canonical_authority(host) else {
        return false;
    };
    let ip = name.trim_matches(['[', ']']).parse::<IpAddr>();
    name == "localhost" || name.ends_with(".localhost") || ip.is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(lines: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        is_own_page(&headers, "https", Some("Shop.example:443"))
    }

    #[test]
    fn each_header_that_tells_of_the_page_has_to_name_this_one() {
        let site = |value| ("sec-fetch-site", value);
        let origin = |value| ("origin", value);
        assert!(own(&[]) && own(&[site("same-origin")]) && own(&[site("none")]));
        assert!(own(&[site("same-origin"), origin("https://shop.example")]));
        assert!(own(&[site("same-origin"), origin("null")]));
        for foreign in [
            &[site("same-site")][..],
            &[site("cross-site")],
            &[site("SAME-ORIGIN")],
            &[site("same-origin"), site("none")],
            &[origin("null")],
            &[origin("http://shop.example")],
            &[origin("https://shop.example:444")],
            &[origin("https://evil.example")],
            &[
                origin("https://shop.example"),
                origin("https://shop.example"),
            ],
            &[site("same-origin"), origin("https://evil.example")],
            &[site("cross-site"), origin("https://shop.example")],
        ] {
            assert!(!own(foreign), "{foreign:?}");
        }
    }

    #[test]
    fn this_machine_has_a_few_names() {
        for here in [
            "localhost",
            "localhost:8402",
            "127.0.0.1:1",
            "127.9.9.9",
            "[::1]:80",
            "a.localhost",
        ] {
            assert!(is_loopback(here), "{here}");
        }
        for elsewhere in [
            "shop.example",
            "192.0.2.1",
            "localhost.example",
            "[2001:db8::1]",
            "127.0.0.1.example",
        ] {
            assert!(!is_loopback(elsewhere), "{elsewhere}");
        }
    }
}
