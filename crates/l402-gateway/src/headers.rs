//! What headers pass, in both directions (ATTACKS H-12, H-25 to H-29).

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use l402_server::{Access, Route};

use crate::credential::{is_credential, is_own_header};
use crate::shop::Target;

/// What is known of the client's side of a request.
pub(crate) struct Client<'a> {
    /// Its address, as a header says it.
    pub(crate) address: &'a HeaderValue,
    pub(crate) tls: bool,
    /// The `Host` header or `:authority`, as received.
    pub(crate) host: Option<HeaderValue>,
}

/// Makes of a request's headers those that the upstream gets. `Host` is the caller's business.
pub(crate) fn request(headers: &mut HeaderMap, client: Client<'_>, target: &Target) {
    let named = connection_names(headers);
    let dropped = |name: &&HeaderName| {
        let credential = !target.forward_credential && is_own_header(name);
        credential || named.contains(name) || is_dropped(name, target)
    };
    let doomed: Vec<HeaderName> = headers.keys().filter(dropped).cloned().collect();
    for name in doomed {
        headers.remove(name);
    }
    if !target.forward_credential {
        drop_credentials(headers);
    }
    join_cookies(headers);
    forwarded(headers, client);
    for (name, value) in target.sold.iter().chain(&target.headers) {
        headers.insert(name.clone(), value.clone());
    }
}

/// Other schemes of `Authorization` belong to the upstream, and stay.
fn drop_credentials(headers: &mut HeaderMap) {
    let ours = |value: &HeaderValue| is_credential(&header::AUTHORIZATION, value);
    let all = headers.get_all(header::AUTHORIZATION);
    if !all.iter().any(ours) {
        return;
    }
    let rest: Vec<_> = all.iter().skip(1).filter(|v| !ours(v)).cloned().collect();
    let first = headers.remove(header::AUTHORIZATION);
    for value in first.into_iter().filter(|v| !ours(v)).chain(rest) {
        headers.append(header::AUTHORIZATION, value);
    }
}

/// The headers of the answer to the client.
pub(crate) fn response(headers: &mut HeaderMap) {
    let named = connection_names(headers);
    let is_hop = |name: &&HeaderName| HOP_BY_HOP.contains(&name.as_str()) || named.contains(name);
    let doomed: Vec<HeaderName> = headers.keys().filter(is_hop).cloned().collect();
    for name in doomed {
        headers.remove(name);
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
    if values.iter().all(is_plain) {
        return Vec::new();
    }
    let words = values
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let names = words.filter_map(|word| HeaderName::from_bytes(word.trim_ascii()).ok());
    names.filter(|name| !is_protected(name)).collect()
}

/// What most clients and servers say, and no more.
fn is_plain(connection: &HeaderValue) -> bool {
    matches!(connection.as_bytes(), b"keep-alive" | b"close")
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
fn forwarded(headers: &mut HeaderMap, client: Client<'_>) {
    headers.insert(FORWARDED_FOR, client.address.clone());
    let proto = if client.tls { "https" } else { "http" };
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static(proto));
    if let Some(host) = client.host {
        headers.insert(FORWARDED_HOST, host);
    }
}

/// What was paid for, as the upstream is told. No secret and no payment hash is in it.
pub(crate) fn sold(route: &Route) -> Vec<(HeaderName, HeaderValue)> {
    let Access::Priced(priced) = &route.access else {
        return Vec::new();
    };
    let price = (PRICE_MSAT, HeaderValue::from(priced.price.msat()));
    let service = HeaderValue::from_str(priced.service.as_str());
    let service = service.ok().map(|service| (SERVICE, service));
    service.into_iter().chain([price]).collect()
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
