//! What headers pass, in both directions (ATTACKS H-12, H-25 to H-29).

use std::net::IpAddr;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use l402_server::{Access, Route};

use crate::credential::is_credential;
use crate::shop::Target;

/// What is known of the client's side of a request.
pub(crate) struct Client<'a> {
    pub(crate) ip: IpAddr,
    pub(crate) tls: bool,
    /// The `Host` header or `:authority`, as received.
    pub(crate) host: Option<&'a HeaderValue>,
}

/// The headers of the request to the upstream. `Host` is the caller's business.
pub(crate) fn request(
    from: HeaderMap,
    client: &Client<'_>,
    route: &Route,
    target: &Target,
) -> HeaderMap {
    let named = connection_names(&from);
    let mut to = HeaderMap::with_capacity(from.len() + 8);
    let mut name = None;
    for (next, value) in from {
        name = next.or(name);
        let Some(name) = &name else { continue };
        let credential = !target.forward_credential && is_credential(name, &value);
        if credential || named.contains(name) || is_dropped(name, target) {
            continue;
        }
        to.append(name.clone(), value);
    }
    join_cookies(&mut to);
    forwarded(&mut to, client);
    sold(&mut to, route);
    for (name, value) in &target.headers {
        to.insert(name.clone(), value.clone());
    }
    to
}

/// The headers of the answer to the client.
pub(crate) fn response(headers: &mut HeaderMap) {
    for name in connection_names(headers) {
        headers.remove(name);
    }
    for name in &HOP_BY_HOP {
        headers.remove(*name);
    }
}

/// Headers that are about one connection, not about the message (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [&str; 9] = [
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

/// Headers of the message's framing and routing, which no list of names may touch and no
/// operator may set.
pub(crate) fn is_framing(name: &HeaderName) -> bool {
    let name = name.as_str();
    HOP_BY_HOP.contains(&name) || matches!(name, "host" | "content-length" | "expect")
}

/// What the gateway alone says to the upstream, and what would lead it to another method or path:
/// what is free may have the same path as what is priced.
fn is_ours(name: &str) -> bool {
    match name {
        "forwarded" | "x-real-ip" | "x-client-ip" | "true-client-ip" | "x-cluster-client-ip" => {
            true
        }
        "proxy-authorization" | "x-original-url" | "x-rewrite-url" => true,
        "x-http-method" | "x-http-method-override" | "x-method-override" => true,
        _ => name.starts_with("x-forwarded-") || name.starts_with("x-l402-"),
    }
}

fn is_dropped(name: &HeaderName, target: &Target) -> bool {
    if is_framing(name) || is_ours(name.as_str()) {
        return true;
    }
    // Some servers read x_l402_price as x-l402-price.
    name.as_str().contains('_') && is_alias(&name.as_str().replace('_', "-"), target)
}

fn is_alias(name: &str, target: &Target) -> bool {
    let operator = target.headers.iter().any(|(own, _)| own.as_str() == name);
    let framing = HOP_BY_HOP.contains(&name) || matches!(name, "host" | "content-length");
    let credential = matches!(
        name,
        "authorization" | "l402-credential" | "grpc-metadata-macaroon"
    );
    operator || framing || credential || is_ours(name)
}

/// What `Connection` names beside its own words. A client may not name away what protects the
/// upstream.
fn connection_names(headers: &HeaderMap) -> Vec<HeaderName> {
    let values = headers.get_all(header::CONNECTION);
    let words = values
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let names = words.filter_map(|word| HeaderName::from_bytes(word.trim_ascii()).ok());
    names.filter(|name| !is_protected(name)).collect()
}

fn is_protected(name: &HeaderName) -> bool {
    let text = name.as_str();
    matches!(
        text,
        "authorization" | "cookie" | "content-type" | "close" | "cache-control"
    ) || matches!(
        text,
        "www-authenticate" | "set-cookie" | "content-encoding" | "vary"
    ) || is_framing(name)
        || is_ours(text)
}

/// HTTP/2 may send a cookie in pieces, HTTP/1.1 may not (RFC 9113, section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    if headers.get_all(header::COOKIE).iter().nth(1).is_none() {
        return;
    }
    let pieces: Vec<_> = headers
        .get_all(header::COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    if let Ok(joined) = HeaderValue::from_bytes(&pieces.join(&b"; "[..])) {
        headers.insert(header::COOKIE, joined);
    }
}

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const SERVICE: HeaderName = HeaderName::from_static("x-l402-service");
const PRICE_MSAT: HeaderName = HeaderName::from_static("x-l402-price-msat");

/// The socket tells who asks; what the request says of it was dropped.
fn forwarded(headers: &mut HeaderMap, client: &Client<'_>) {
    if let Ok(ip) = HeaderValue::from_str(&client.ip.to_string()) {
        headers.insert(FORWARDED_FOR, ip);
    }
    let proto = if client.tls { "https" } else { "http" };
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static(proto));
    if let Some(host) = client.host {
        headers.insert(FORWARDED_HOST, host.clone());
    }
}

/// What was paid for. No secret and no payment hash is in it.
fn sold(headers: &mut HeaderMap, route: &Route) {
    let Access::Priced(priced) = &route.access else {
        return;
    };
    if let Ok(service) = HeaderValue::from_str(priced.service.as_str()) {
        headers.insert(SERVICE, service);
    }
    headers.insert(PRICE_MSAT, HeaderValue::from(priced.price.msat()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_cookie_in_pieces_becomes_one() {
        let mut pieces = headers(&[("cookie", "a=1"), ("cookie", "b=2"), ("x", "1"), ("x", "2")]);
        join_cookies(&mut pieces);
        assert_eq!(
            pieces.get_all("cookie").iter().collect::<Vec<_>>(),
            ["a=1; b=2"]
        );
        assert_eq!(pieces.get_all("x").iter().count(), 2);
    }

    #[test]
    fn no_header_that_protects_can_be_named_away() {
        let named = headers(&[
            ("connection", "keep-alive, X-One , authorization,host"),
            ("connection", "x-forwarded-for, x-l402-service, , a b"),
        ]);
        assert_eq!(connection_names(&named), ["x-one"]);
    }
}
