//! The headers that pass, in both directions (ATTACKS H-12, H-25 to H-29).

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use l402::HOP_BY_HOP;
use l402_server::{PassCookies, Withheld};

use crate::framing_header::is_framing;
use crate::table::RouteTarget;
use crate::trace::{TRACEPARENT, TraceHeaders};

/// The client's side of a request, for the headers that tell the upstream of it.
pub(crate) struct Client<'a> {
    /// The addresses from the client to the peer, as a header's value: the peer's alone, unless it is a
    /// trusted proxy.
    pub(crate) addresses: &'a HeaderValue,
    pub(crate) tls: bool,
    /// The `Host` header or `:authority` as received, or the host that a trusted proxy was asked for.
    pub(crate) host: Option<&'a HeaderValue>,
    /// The headers that tell of the payment, where the route wants them.
    pub(crate) payment: Vec<(HeaderName, HeaderValue)>,
    /// In place of the client's; `None` if those pass as they came.
    pub(crate) trace: Option<TraceHeaders>,
}

/// Calls `pass` with each header that the upstream gets: those of the client that may pass, then
/// the gateway's and the operator's. `Host` and the framing are left to the caller.
pub(crate) fn request(
    headers: &HeaderMap,
    client: &Client<'_>,
    target: &RouteTarget,
    mut pass: impl FnMut(&HeaderName, &HeaderValue),
) {
    let named = connection_names(headers);
    let mut cookies = Cookies::default();
    for (name, value) in headers {
        let is_replaced = |trace: &TraceHeaders| trace.replaces(name);
        if is_dropped(name, value, target)
            || named.contains(name)
            || client.trace.as_ref().is_some_and(is_replaced)
        {
            continue;
        }
        if *name == header::COOKIE {
            match PassCookies::taken_off(value) {
                None => cookies.gather(value),
                Some(left) => left.iter().for_each(|left| cookies.gather(left)),
            }
        } else {
            pass(name, value);
        }
    }
    if let Some(cookies) = cookies.joined() {
        pass(&header::COOKIE, &cookies);
    }
    // The operator's headers win over the gateway's. The client's of these names were dropped above
    // (ATTACKS H-25).
    let mut ours = |name: &HeaderName, value: &HeaderValue| {
        if !is_operators(name.as_str(), target) {
            pass(name, value);
        }
    };
    forwarded(client, &mut ours);
    if let Some(trace) = &client.trace {
        ours(&TRACEPARENT, &trace.parent);
    }
    target
        .sale_headers
        .iter()
        .chain(&client.payment)
        .for_each(|(name, value)| ours(name, value));
    target
        .headers
        .iter()
        .for_each(|(name, value)| pass(name, value));
}

/// Removes from an answer the headers that are for the connection to the upstream alone.
pub(crate) fn response(headers: &mut HeaderMap) {
    let named = connection_names(headers);
    let is_hop = |name: &&HeaderName| HOP_BY_HOP.contains(&name.as_str()) || named.contains(name);
    let removed: Vec<HeaderName> = headers.keys().filter(is_hop).cloned().collect();
    for name in removed {
        headers.remove(name);
    }
}

/// Returns true for a header that only the gateway sends to the upstream, and for one that asks for
/// another method or path: a free method may share its path with a priced one.
fn is_ours(name: &str) -> bool {
    use Withheld::{Forwarding, Override, Own};
    matches!(Withheld::of(name, b""), Some(Forwarding | Override | Own))
}

/// Returns true if a header of the client is not passed on. Other schemes of `Authorization` belong
/// to the upstream, and pass.
fn is_dropped(name: &HeaderName, value: &HeaderValue, target: &RouteTarget) -> bool {
    let text = name.as_str();
    if is_framing(name) || is_operators(text, target) {
        return true;
    }
    match Withheld::of(text, value.as_bytes()) {
        Some(Withheld::Credential) => !target.forward_credential,
        // The names of the operator's choice are of these two kinds.
        Some(Withheld::Forwarding | Withheld::Override) => !target.pass_headers.contains(name),
        reason => reason.is_some(),
    }
}

/// Returns true if the operator sets a header of this name. Some servers cannot tell a dash from an
/// underscore, so neither does this.
fn is_operators(name: &str, target: &RouteTarget) -> bool {
    let mut own = target.headers.iter().map(|(own, _)| own.as_str());
    own.any(|own| dashed(own).eq(dashed(name)))
}

/// Returns a name with each underscore as a dash.
fn dashed(name: &str) -> impl Iterator<Item = u8> {
    let dash = |byte| if byte == b'_' { b'-' } else { byte };
    name.bytes().map(dash)
}

/// Returns the headers that `Connection` names, and which are dropped for that (RFC 9110, section
/// 7.6.1). Headers that protect the upstream are left out: a client cannot have them dropped.
fn connection_names(headers: &HeaderMap) -> Vec<HeaderName> {
    let values = headers.get_all(header::CONNECTION);
    // Nearly every request takes this way, without an allocation.
    if values.iter().all(is_plain) {
        return Vec::new();
    }
    let names = values
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let names = names.filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok());
    names.filter(|name| !is_protected(name)).collect()
}

/// Returns true for the usual values, which name no header.
fn is_plain(connection: &HeaderValue) -> bool {
    matches!(connection.as_bytes(), b"keep-alive" | b"close")
}

/// Returns true for a header that `Connection` must not have dropped: without it a request or an
/// answer would have another meaning.
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

/// Joins a cookie that HTTP/2 sent in pieces. HTTP/1.1 allows only one (RFC 9113, section 8.2.3).
#[derive(Default)]
struct Cookies {
    first: Option<HeaderValue>,
    /// All pieces, if there are more than one.
    all: Vec<u8>,
}

impl Cookies {
    fn gather(&mut self, piece: &HeaderValue) {
        let Some(first) = &self.first else {
            self.first = Some(piece.clone());
            return;
        };
        if self.all.is_empty() {
            self.all.extend_from_slice(first.as_bytes());
        }
        self.all.extend_from_slice(b"; ");
        self.all.extend_from_slice(piece.as_bytes());
    }

    fn joined(self) -> Option<HeaderValue> {
        if self.all.is_empty() {
            return self.first;
        }
        let joined = HeaderValue::from_bytes(&self.all);
        Some(joined.expect("joined values are a value"))
    }
}

pub(super) const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(super) const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
pub(super) const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Passes on the headers that say who the client is. They are made from the socket and the words of
/// trusted proxies, because a client could write any address into a header (ATTACKS D-02).
fn forwarded(client: &Client<'_>, pass: &mut impl FnMut(&HeaderName, &HeaderValue)) {
    pass(&FORWARDED_FOR, client.addresses);
    let proto = if client.tls { "https" } else { "http" };
    pass(&FORWARDED_PROTO, &HeaderValue::from_static(proto));
    if let Some(host) = client.host {
        pass(&FORWARDED_HOST, host);
    }
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
        let joined = |pieces: &[&'static str]| {
            let mut cookies = Cookies::default();
            for piece in pieces {
                cookies.gather(&HeaderValue::from_static(piece));
            }
            cookies.joined()
        };
        assert_eq!(joined(&[]), None);
        assert_eq!(joined(&["a=1"]).unwrap(), "a=1");
        assert_eq!(joined(&["a=1", "b=2", "c"]).unwrap(), "a=1; b=2; c");
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
