//! The words of trusted proxies on a client: `X-Forwarded-*`, and `Forwarded` (RFC 7239).
//!
//! Each proxy appends the address that it was connected from. So the lists are read from the right,
//! and only as far as the addresses are those of trusted proxies: what stands left of the first other
//! one, the client may have written itself (ATTACKS D-02, H-28).
//!
//! ```text
//!   X-Forwarded-For: 127.0.0.1,  203.0.113.7,  10.0.0.2      from 10.0.0.1
//!                    the client  the client    a trusted     a trusted proxy,
//!                    wrote it                  proxy         the socket's peer
//! ```

use std::net::IpAddr;

use http::header::{FORWARDED, HeaderMap, HeaderName};
use l402_server::canonical_authority;

use super::headers::{FORWARDED_FOR, FORWARDED_HOST, FORWARDED_PROTO};

/// A client as the trusted proxies before it tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Forwarded {
    /// The addresses from the gateway's own peer outwards, at least that one. The last is the client.
    pub(super) chain: Vec<IpAddr>,
    /// True if the client used TLS; `None` if no proxy says.
    pub(super) https: Option<bool>,
    /// The host that the client asked for, perhaps with a port.
    pub(super) host: Option<String>,
}

impl Forwarded {
    /// Reads the headers of a request from `peer`, which is a trusted proxy itself.
    ///
    /// `X-Forwarded-For` wins over `Forwarded`: nearly every proxy writes the former, and lets the
    /// latter pass as its client sent it.
    pub(super) fn read(headers: &HeaderMap, peer: IpAddr, trusts: impl Fn(IpAddr) -> bool) -> Self {
        let addresses = elements(headers, &FORWARDED_FOR);
        let standard = standard_elements(headers);
        if addresses.is_empty() && !standard.is_empty() {
            let read: Vec<_> = standard.iter().map(|text| Element::read(text)).collect();
            let named = read.iter().map(|element| element.as_ref()?.address());
            let chain = chain(peer, named, trusts);
            let outermost = at(&read, &chain).and_then(Option::as_ref);
            return Self {
                https: outermost.and_then(|element| is_https(element.proto.as_ref()?)),
                host: outermost.and_then(|element| host(element.host.as_ref()?)),
                chain,
            };
        }
        let chain = chain(peer, addresses.iter().map(|text| address(text)), trusts);
        let protos = elements(headers, &FORWARDED_PROTO);
        let hosts = elements(headers, &FORWARDED_HOST);
        Self {
            https: at(&protos, &chain).and_then(|text| is_https(text)),
            host: at(&hosts, &chain).and_then(host),
            chain,
        }
    }

    /// The address of the client.
    pub(super) fn client(&self) -> IpAddr {
        *self.chain.last().expect("the peer is in the chain")
    }

    /// Returns the addresses as `X-Forwarded-For` has them, from the client on.
    pub(super) fn list(&self) -> String {
        let texts: Vec<String> = self.chain.iter().rev().map(ToString::to_string).collect();
        texts.join(", ")
    }
}

/// Returns the addresses from the peer outwards, up to the first that is no trusted proxy. One that
/// cannot be read ends the walk before it.
fn chain(
    peer: IpAddr,
    named: impl DoubleEndedIterator<Item = Option<IpAddr>>,
    trusts: impl Fn(IpAddr) -> bool,
) -> Vec<IpAddr> {
    let mut chain = vec![peer];
    for address in named.rev() {
        let Some(address) = address else { break };
        chain.push(address);
        if !trusts(address) {
            break;
        }
    }
    chain
}

/// Returns the element that the outermost trusted proxy wrote: as far from the right as the client
/// stands in the list of addresses. A shorter list was begun by that proxy.
fn at<'a, T>(elements: &'a [T], chain: &[IpAddr]) -> Option<&'a T> {
    let from_right = chain
        .len()
        .saturating_sub(2)
        .min(elements.len().checked_sub(1)?);
    elements.iter().rev().nth(from_right)
}

/// Returns the elements of a list in all lines of its header. Those without text are left out.
///
/// `X-Forwarded-*` know no quotes. An open one of a client's must not hide what a proxy has appended.
fn elements<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<&'a str> {
    let lines = headers.get_all(name).iter();
    let pieces = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    pieces.filter_map(text).collect()
}

/// Returns the elements of `Forwarded` in all its lines, in which commas may stand in quotes.
fn standard_elements(headers: &HeaderMap) -> Vec<&str> {
    let mut elements = Vec::new();
    for line in headers.get_all(FORWARDED) {
        let at = elements.len();
        let (mut left, mut quoted) = (line.as_bytes(), false);
        // From the right, where the proxies have written: a quote that the client has left open ends
        // there at the comma behind it.
        for index in (0..left.len()).rev() {
            match left[index] {
                b'"' if !is_escaped(left, index) => quoted = !quoted,
                b',' if !quoted => {
                    elements.extend(text(&left[index + 1..]));
                    left = &left[..index];
                }
                _ => {}
            }
        }
        elements.extend(text(left));
        elements[at..].reverse();
    }
    elements
}

/// Returns true if there is an odd number of backslashes before a byte.
fn is_escaped(line: &[u8], index: usize) -> bool {
    let before = line[..index].iter().rev();
    before.take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// Returns an element without the spaces around it; `None` if nothing is left. What is not UTF-8
/// becomes an element that nobody can read, since it has its place in the list.
fn text(element: &[u8]) -> Option<&str> {
    let element = element.trim_ascii();
    (!element.is_empty()).then(|| std::str::from_utf8(element).unwrap_or("?"))
}

/// Splits an element of `Forwarded` into its pairs, at each `;` outside of quotes.
fn pairs(element: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    let pieces = element.split(move |letter| {
        let ends = letter == ';' && !quoted;
        (quoted, escaped) = match letter {
            '"' if !escaped => (!quoted, false),
            '\\' if quoted && !escaped => (true, true),
            _ => (quoted, false),
        };
        ends
    });
    pieces.map(str::trim).filter(|piece| !piece.is_empty())
}

/// One element of `Forwarded`. The parameter `by` is of no use here.
#[derive(Debug, Default)]
struct Element {
    client: Option<String>,
    proto: Option<String>,
    host: Option<String>,
}

impl Element {
    /// Reads an element; `None` if it is malformed, or has a parameter twice.
    fn read(text: &str) -> Option<Self> {
        let mut element = Self::default();
        for pair in pairs(text) {
            let (name, value) = pair.split_once('=')?;
            let value = unquoted(value)?;
            let field = match name.to_ascii_lowercase().as_str() {
                "for" => &mut element.client,
                "proto" => &mut element.proto,
                "host" => &mut element.host,
                _ => continue,
            };
            if field.replace(value).is_some() {
                return None;
            }
        }
        Some(element)
    }

    fn address(&self) -> Option<IpAddr> {
        address(self.client.as_ref()?)
    }
}

/// Returns the value of a token or of a quoted text; `None` if the quotes do not close.
fn unquoted(text: &str) -> Option<String> {
    let Some(inside) = text.strip_prefix('"') else {
        return (!text.contains('"')).then(|| text.to_owned());
    };
    let mut value = String::with_capacity(inside.len());
    let mut letters = inside.chars();
    loop {
        match letters.next()? {
            '"' => return letters.as_str().is_empty().then_some(value),
            '\\' => value.push(letters.next()?),
            letter => value.push(letter),
        }
    }
}

/// Reads an address of IPv4 or IPv6, with or without brackets and a port. `None` for anything else,
/// such as `unknown` and names that hide an address.
fn address(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    let (address, port) = match text.strip_prefix('[') {
        Some(inside) => {
            let (address, port) = inside.split_once(']')?;
            (IpAddr::V6(address.parse().ok()?), port)
        }
        None => {
            let (address, port) = text.split_at(text.find(':')?);
            (IpAddr::V4(address.parse().ok()?), port)
        }
    };
    // RFC 7239 lets a port be hidden, too.
    let of_port = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let named = port.strip_prefix(':');
    let is_port = named.is_some_and(|port| !port.is_empty() && port.bytes().all(of_port));
    (port.is_empty() || is_port).then(|| address.to_canonical())
}

/// Returns true for a scheme over TLS, false for one without; `None` for any other text.
fn is_https(text: &str) -> Option<bool> {
    let is = |name: &&str| text.eq_ignore_ascii_case(name);
    match (
        ["https", "wss"].iter().any(is),
        ["http", "ws"].iter().any(is),
    ) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}

/// Returns the text if it is a host, perhaps with a port.
fn host(text: impl AsRef<str>) -> Option<String> {
    let text = text.as_ref();
    canonical_authority(text).map(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    const PEER: [u8; 4] = [10, 0, 0, 1];

    /// Addresses of 10.0.0.0/8 and `::1` are those of trusted proxies.
    fn trusts(address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => address.octets()[0] == 10,
            IpAddr::V6(address) => address.is_loopback(),
        }
    }

    fn read(lines: &[(&'static str, &str)]) -> Forwarded {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        Forwarded::read(&headers, PEER.into(), trusts)
    }

    /// ATTACKS D-02, H-28.
    #[test]
    fn the_client_is_the_rightmost_address_that_is_no_trusted_proxy() {
        for (list, chain) in [
            ("", "10.0.0.1"),
            ("203.0.113.7", "203.0.113.7, 10.0.0.1"),
            ("127.0.0.1, 10.0.0.9, 203.0.113.7", "203.0.113.7, 10.0.0.1"),
            (
                "6.6.6.6,203.0.113.7 , 10.0.0.2,::1",
                "203.0.113.7, 10.0.0.2, ::1, 10.0.0.1",
            ),
            ("10.0.0.3, 10.0.0.2", "10.0.0.3, 10.0.0.2, 10.0.0.1"),
            ("203.0.113.7:4711", "203.0.113.7, 10.0.0.1"),
            ("[2001:db8::7]:4711", "2001:db8::7, 10.0.0.1"),
            ("[2001:db8::7]", "2001:db8::7, 10.0.0.1"),
            ("::ffff:203.0.113.7", "203.0.113.7, 10.0.0.1"),
            (", ,203.0.113.7,", "203.0.113.7, 10.0.0.1"),
            ("203.0.113.7, unknown", "10.0.0.1"),
            ("203.0.113.7, 10.0.0.256, 10.0.0.2", "10.0.0.2, 10.0.0.1"),
            ("203.0.113.7, ü, 10.0.0.2", "10.0.0.2, 10.0.0.1"),
            ("203.0.113.7:", "10.0.0.1"),
            ("203.0.113.7:80:80", "10.0.0.1"),
            ("[203.0.113.7]", "10.0.0.1"),
            ("[2001:db8::7", "10.0.0.1"),
            ("203.0.113.07", "10.0.0.1"),
        ] {
            let told = read(&[("x-forwarded-for", list)]);
            assert_eq!(told.list(), chain, "{list}");
        }
        let lines = [
            ("x-forwarded-for", "6.6.6.6"),
            ("x-forwarded-for", "203.0.113.7, 10.0.0.2"),
        ];
        assert_eq!(read(&lines).client(), IpAddr::from([203, 0, 113, 7]));
    }

    #[test]
    fn scheme_and_host_are_those_that_the_outermost_trusted_proxy_wrote() {
        for (list, protos, hosts, https, host) in [
            (
                "1.1.1.1",
                "https",
                "shop.example",
                Some(true),
                Some("shop.example"),
            ),
            (
                "1.1.1.1",
                "https, http",
                "evil, shop.example:81",
                Some(false),
                Some("shop.example:81"),
            ),
            (
                "1.1.1.1, 10.0.0.2",
                "HTTPS",
                "Shop.example",
                Some(true),
                Some("Shop.example"),
            ),
            (
                "1.1.1.1, 10.0.0.2",
                "http, https, http",
                "a, b, c",
                Some(true),
                Some("b"),
            ),
            ("", "x, wss", "", Some(true), None),
            ("1.1.1.1", "gopher", "a b", None, None),
            ("1.1.1.1", "https://", "user@shop.example", None, None),
            ("1.1.1.1", "", "shop.example/path", None, None),
        ] {
            let told = read(&[
                ("x-forwarded-for", list),
                ("x-forwarded-proto", protos),
                ("x-forwarded-host", hosts),
            ]);
            assert_eq!(
                (told.https, told.host.as_deref()),
                (https, host),
                "{list} {protos} {hosts}"
            );
        }
    }

    #[test]
    fn the_standard_header_is_read_as_rfc_7239_writes_it() {
        for (line, chain, https, host) in [
            (
                "for=203.0.113.7;proto=https;host=shop.example",
                "203.0.113.7, 10.0.0.1",
                Some(true),
                Some("shop.example"),
            ),
            (
                "For=\"[2001:db8::7]:4711\" ; by=_x",
                "2001:db8::7, 10.0.0.1",
                None,
                None,
            ),
            (
                "for=6.6.6.6, for=203.0.113.7;proto=http",
                "203.0.113.7, 10.0.0.1",
                Some(false),
                None,
            ),
            (
                "for=203.0.113.7;proto=https, for=10.0.0.2;proto=http",
                "203.0.113.7, 10.0.0.2, 10.0.0.1",
                Some(true),
                None,
            ),
            (
                "for=\"203.0.113.7:_port\";host=\"a.example:81\"",
                "203.0.113.7, 10.0.0.1",
                None,
                Some("a.example:81"),
            ),
            (
                "for=203.0.113.7, for=unknown;proto=https",
                "10.0.0.1",
                Some(true),
                None,
            ),
            ("for=203.0.113.7, for=_hidden", "10.0.0.1", None, None),
            ("for=203.0.113.7, proto=https", "10.0.0.1", Some(true), None),
            (
                "for=203.0.113.7;for=6.6.6.6;proto=https",
                "10.0.0.1",
                None,
                None,
            ),
            ("for=\"203.0.113.7", "10.0.0.1", None, None),
            (
                "for=203.0.113.7;ext=\"a,b;\\\"c\"",
                "203.0.113.7, 10.0.0.1",
                None,
                None,
            ),
            ("for", "10.0.0.1", None, None),
        ] {
            let told = read(&[("forwarded", line)]);
            assert_eq!(told.list(), chain, "{line}");
            assert_eq!((told.https, told.host.as_deref()), (https, host), "{line}");
        }
    }

    /// A proxy that writes the one lets the other pass as its client sent it (ATTACKS D-02).
    #[test]
    fn x_forwarded_for_wins_over_the_standard_header() {
        let told = read(&[
            ("forwarded", "for=6.6.6.6;proto=https;host=evil.example"),
            ("x-forwarded-for", "203.0.113.7"),
        ]);
        assert_eq!(
            (told.list().as_str(), told.https, told.host),
            ("203.0.113.7, 10.0.0.1", None, None)
        );
        let told = read(&[
            ("forwarded", "for=203.0.113.7;proto=http"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "evil.example"),
        ]);
        assert_eq!(
            (told.list().as_str(), told.https, told.host),
            ("203.0.113.7, 10.0.0.1", Some(false), None)
        );
    }

    proptest! {
        /// Whatever a client writes, the address that the nearest proxy appends is the one that counts.
        #[test]
        fn no_words_of_a_client_move_its_address(words in "[ -~]{0,60}", lines in 0_usize..3) {
            for end in ["", "\"", "\\", "\u{fc}"] {
                let mut headers = HeaderMap::new();
                for _ in 0..lines {
                    headers.append("x-forwarded-for", HeaderValue::from_str(&words).unwrap());
                }
                let appended = format!("{words}{end}, 203.0.113.7");
                headers.append("x-forwarded-for", HeaderValue::from_bytes(appended.as_bytes()).unwrap());
                let told = Forwarded::read(&headers, PEER.into(), trusts);
                prop_assert_eq!(told.list(), "203.0.113.7, 10.0.0.1");
            }
        }

        #[test]
        fn no_words_of_a_client_in_the_standard_header_do(words in "[ -~]{0,80}") {
            let appended = format!("{words}, for=203.0.113.7");
            for line in [appended.as_str(), "for=203.0.113.7"] {
                let mut headers = HeaderMap::new();
                headers.append("forwarded", HeaderValue::from_str(&words).unwrap());
                headers.append("forwarded", HeaderValue::from_str(line).unwrap());
                let told = Forwarded::read(&headers, PEER.into(), trusts);
                prop_assert_eq!(told.list(), "203.0.113.7, 10.0.0.1");
            }
        }
    }
}
