//! The host that a request is for. A request that names two is refused (ATTACKS H-09).

use http::Uri;
use http::uri::Authority;
use l402::Problem;

use super::lines::Line;

/// A host without its port, in lower case, without the dot of the DNS root; and the port, if one is
/// named.
pub(super) type HostAndPort = (String, Option<u16>);

/// Returns the host and the port of a request. An absolute
/// target and HTTP/2's `:authority` must agree with the header.
///
/// # Errors
/// [`Problem::BadRequest`] if there are several hosts, or one that cannot be read.
pub(super) fn of(host: &Line<'_>, uri: &Uri) -> Result<Option<HostAndPort>, Problem> {
    let header = match host {
        Line::None => None,
        Line::One(line) => {
            // The common form first, without the full grammar: this runs for each request.
            let read = plain(line.as_bytes()).or_else(|| {
                let authority = Authority::try_from(line.as_bytes()).ok()?;
                split(&authority)
            });
            Some(read.ok_or(Problem::BadRequest)?)
        }
        // Also if all are equal (RFC 9112 section 3.2).
        Line::Several(_) => return Err(Problem::BadRequest),
    };
    let target = match uri.authority() {
        Some(authority) => Some(split(authority).ok_or(Problem::BadRequest)?),
        None => None,
    };
    // Ports are compared as well: `shop:80` and `shop:81` may be two servers.
    match (header, target) {
        (Some(header), Some(target)) if header != target => Err(Problem::BadRequest),
        (header, target) => Ok(header.or(target)),
    }
}

/// Returns a host name of the configuration as requests are compared with it. `None` if no request
/// could be for it: a port, a scheme, a wildcard.
///
/// ```
/// use l402_server::canonical_host;
///
/// assert_eq!(canonical_host("Shop.example.").as_deref(), Some("shop.example"));
/// assert_eq!(canonical_host("shop.example:80"), None);
/// ```
#[must_use]
pub fn canonical_host(text: &str) -> Option<String> {
    let authority = Authority::try_from(text).ok()?;
    let (host, _) = split(&authority)?;
    // A colon without a number is a port as well.
    (authority.host().len() == text.len()).then_some(host)
}

/// Returns the host and the port of an authority, as requests are compared by them. `None` for what
/// no request could be for.
///
/// ```
/// use l402_server::canonical_authority;
///
/// let read = |text| canonical_authority(text);
/// assert_eq!(read("Shop.example.:80"), Some(("shop.example".to_owned(), Some(80))));
/// assert_eq!(read("user@shop.example"), None);
/// ```
#[must_use]
pub fn canonical_authority(text: &str) -> Option<(String, Option<u16>)> {
    split(&Authority::try_from(text).ok()?)
}

/// Returns an origin of the configuration as browsers send it: scheme and host in lower case,
/// without the port if it is the scheme's own. `None` for what no browser sends.
///
/// ```
/// use l402_server::canonical_origin;
///
/// assert_eq!(canonical_origin("https://App.example:443/").as_deref(), Some("https://app.example"));
/// assert_eq!(canonical_origin("https://app.example/page"), None);
/// ```
#[must_use]
pub fn canonical_origin(text: &str) -> Option<String> {
    // Of pages that have none, such as local files.
    if text == "null" {
        return Some(text.to_owned());
    }
    let (scheme, rest) = text.split_once("://")?;
    let named = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    if scheme.is_empty() || !scheme.bytes().all(named) {
        return None;
    }
    let scheme = scheme.to_ascii_lowercase();
    let authority = Authority::try_from(rest.strip_suffix('/').unwrap_or(rest)).ok()?;
    let (host, port) = split(&authority)?;
    let own = match scheme.as_str() {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    };
    let port = port.filter(|port| Some(*port) != own);
    let port = port.map_or_else(String::new, |port| format!(":{port}"));
    Some(format!("{scheme}://{host}{port}"))
}

/// Reads the common form of a host without the full grammar: a name in lower case or an IPv4
/// address, perhaps with a port. `None` leaves it to the full grammar, which reads these alike.
fn plain(line: &[u8]) -> Option<HostAndPort> {
    let name = line.iter().take_while(|b| is_plain(**b)).count();
    let (name, port) = line.split_at(name);
    let port = match port {
        [] => None,
        [b':', digits @ ..] if digits.iter().all(u8::is_ascii_digit) => {
            Some(std::str::from_utf8(digits).ok()?.parse().ok()?)
        }
        _ => return None,
    };
    // The dot of the DNS root is left to the full grammar, which removes it.
    if matches!(name, [] | [.., b'.']) {
        return None;
    }
    Some((std::str::from_utf8(name).ok()?.to_owned(), port))
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.' | b'_')
}

/// Splits an authority into host and port. Returns `None` for anything but a name or an address
/// with at most one number behind it.
fn split(authority: &Authority) -> Option<HostAndPort> {
    // In `user@host` the text does not begin with the host, or no port follows: refused either way.
    let text = authority.as_str();
    let host = authority.host();
    let port = text.strip_prefix(host)?;
    let number = match port.strip_prefix(':') {
        None | Some("") => None,
        Some(_) => Some(authority.port_u16()?),
    };
    let plain = port.is_empty() || port.starts_with(':');
    let host = host.strip_suffix('.').unwrap_or(host);
    let host = one_spelling(host).filter(|_| plain)?;
    Some((host, number))
}

/// Returns a DNS name, an IPv4 address, or an IPv6 address in brackets, in its one spelling.
fn one_spelling(host: &str) -> Option<String> {
    let address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    match address {
        Some(address) => {
            let address: std::net::Ipv6Addr = address.parse().ok()?;
            Some(format!("[{address}]"))
        }
        None => {
            let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
            let named = !host.is_empty() && host.bytes().all(allowed);
            named.then(|| host.to_ascii_lowercase())
        }
    }
}

#[cfg(test)]
mod tests {
    use http::header::HOST;

    use super::super::lines::Lines;
    use super::*;

    fn host(uri: &str, hosts: &[&str]) -> Result<Option<String>, Problem> {
        let request = hosts
            .iter()
            .fold(http::Request::get(uri), |r, host| r.header(HOST, *host));
        let parts = request.body(()).unwrap().into_parts().0;
        let read = of(&Lines::of(&parts.headers).host, &parts.uri);
        read.map(|read| read.map(|(host, _)| host))
    }

    #[test]
    fn one_host_however_it_is_spelt() {
        for (uri, header, expected) in [
            ("/", "Shop.Example", "shop.example"),
            ("/", "shop.example.", "shop.example"),
            ("/", "shop.example:8080", "shop.example"),
            ("/", "127.0.0.1:80", "127.0.0.1"),
            ("/", "[::1]:80", "[::1]"),
            ("http://SHOP.example/x", "shop.example", "shop.example"),
        ] {
            assert_eq!(
                host(uri, &[header]),
                Ok(Some(expected.into())),
                "{uri} {header}"
            );
        }
        assert_eq!(host("http://a.example/", &[]), Ok(Some("a.example".into())));
        assert_eq!(host("/", &[]), Ok(None));
    }

    /// A difference between the two would be a second reading of a host (ATTACKS H-09).
    #[test]
    fn the_common_form_is_read_as_the_full_grammar_reads_it() {
        for line in [
            "shop",
            "shop.example",
            "a_b-c.d:80",
            "127.0.0.1:8402",
            "shop:",
            "a..b",
            ".a",
            "a.",
            "a:065535",
            "a:65536",
            "a:99999",
            "a:+1",
            "a:1:2",
            "-",
            "_",
            ":80",
            "",
            "A",
            "[::1]",
            "a@b",
            "a/b",
            "a b",
            "a?b",
            "1",
        ] {
            let Some(short) = plain(line.as_bytes()) else {
                continue;
            };
            let authority = Authority::try_from(line).ok();
            assert_eq!(authority.as_ref().and_then(split), Some(short), "{line}");
        }
    }

    #[test]
    fn refuses_hosts_that_could_be_two() {
        for (uri, headers) in [
            ("/", &["a", "b"][..]),
            ("/", &["a", "a"]),
            ("/", &["a:80@b"]),
            ("/", &["user@b"]),
            ("/", &[""]),
            ("/", &["a:b"]),
            ("/", &["a b"]),
            ("/", &["a/b"]),
            ("/", &["a,b"]),
            ("/", &["a:99999"]),
            ("/", &["[::1"]),
            ("http://other/paid", &["shop"]),
            ("http://shop:81/paid", &["shop:80"]),
            ("http://user@shop/paid", &["shop"]),
        ] {
            assert_eq!(
                host(uri, headers),
                Err(Problem::BadRequest),
                "{uri} {headers:?}"
            );
        }
    }
}
