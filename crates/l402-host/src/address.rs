//! Addresses to listen on, as people write them, and the reach of an address.

use core::fmt;
use core::str::FromStr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// An address to listen on: `127.0.0.1:8402`, `[::1]:8402`, `localhost:8402`, `:8402` or `8402`.
///
/// Without a host, and for `localhost`, it is this machine alone (127.0.0.1): a user who means all of
/// its addresses writes `0.0.0.0:8402`. Port 0 stands for a free port.
///
/// ```
/// use l402_host::ListenAddress;
///
/// for text in ["127.0.0.1:8402", "localhost:8402", ":8402", "8402"] {
///     assert_eq!(text.parse::<ListenAddress>()?.0.to_string(), "127.0.0.1:8402");
/// }
/// assert!("shop.example:8402".parse::<ListenAddress>().is_err());
/// # Ok::<(), l402_host::ListenAddressError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenAddress(pub SocketAddr);

/// The reason why a text is no address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListenAddressError {
    /// The host is a name other than `localhost`.
    HostName,
    /// There is no port, or it is no number up to 65535.
    Port,
}

impl fmt::Display for ListenAddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HostName => {
                "the host is no IP address; write 127.0.0.1:8402 for this machine alone, or \
                 0.0.0.0:8402 for all of its addresses"
            }
            Self::Port => "the port is missing or wrong; write 127.0.0.1:8402",
        })
    }
}

impl std::error::Error for ListenAddressError {}

impl FromStr for ListenAddress {
    type Err = ListenAddressError;

    fn from_str(text: &str) -> Result<Self, ListenAddressError> {
        if let Ok(address) = text.parse() {
            return Ok(Self(address));
        }
        let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
        // Digits alone, for a number may also be parsed from `+80`.
        let digits = port.bytes().all(|byte| byte.is_ascii_digit());
        let port = Some(port)
            .filter(|_| digits)
            .and_then(|port| port.parse().ok());
        let port = port.ok_or(ListenAddressError::Port)?;
        match host {
            "" | "localhost" => Ok(Self((Ipv4Addr::LOCALHOST, port).into())),
            _ => Err(ListenAddressError::HostName),
        }
    }
}

/// Returns true if an address can be one of the open internet: not of this machine, of a private or
/// local network, of a group, or reserved.
///
/// A program that asks an address which a stranger has chosen, asks it only if this is true: behind
/// the others stand machines that answer to their neighbours alone.
#[must_use]
pub fn is_public_address(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

/// Returns true if a name is this machine, whatever a resolver says (RFC 6761): `localhost`, and every
/// name below it, of any case, with or without a dot at the end.
#[must_use]
pub fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

/// Returns true if the host of a URL is this machine, whatever a resolver says: `localhost` itself, or a
/// loopback address. `host` is as [`Url::host_str`] gives it, an IPv6 address with or without brackets.
///
/// No other name counts, even if it resolves to loopback today: names can be re-pointed.
///
/// [`Url::host_str`]: https://docs.rs/url/2/url/struct.Url.html#method.host_str
#[must_use]
pub fn is_loopback_host(host: &str) -> bool {
    let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let is_local = ip.is_loopback() || ip.is_private() || ip.is_link_local();
    let is_nobody = ip.is_multicast() || ip.is_documentation();
    let is_reserved = match ip.octets() {
        // "This network", and what is reserved for later, broadcast included.
        [0 | 240..=255, ..] => true,
        // Shared by the customers of a provider (RFC 6598).
        [100, second, ..] => second & 0xc0 == 64,
        // Protocol assignments (RFC 6890), relays of 6to4 (RFC 7526), benchmarks (RFC 2544).
        [192, 0, 0, _] | [192, 88, 99, _] | [198, 18 | 19, ..] => true,
        _ => false,
    };
    !(is_local || is_nobody || is_reserved)
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = ip.segments();
    // RFC 6052: a translator reaches the IPv4 address in the last 32 bits.
    if [a, b, c, d, e, f] == [0x64, 0xff9b, 0, 0, 0, 0] {
        let [g, h] = [g.to_be_bytes(), h.to_be_bytes()];
        return is_public_v4(Ipv4Addr::new(g[0], g[1], h[0], h[1]));
    }
    // Global unicast is 2000::/3. In it, 2001::/23 holds Teredo and other protocols, 2001:db8::/32
    // and 3fff::/20 are for documents, and 2002::/16 leads to an IPv4 address.
    let is_special = match (a, b) {
        (0x2001, 0..=0x1ff | 0xdb8) | (0x2002, _) => true,
        (0x3fff, b) => b < 0x1000,
        _ => false,
    };
    a & 0xe000 == 0x2000 && !is_special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_neighbour_alone_should_reach_is_not_public() {
        for text in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public_address(text.parse().unwrap()), "{text}");
        }
        for text in [
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2001:4860:4860::8888",
            "2606:4700::1",
        ] {
            assert!(is_public_address(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn names_of_this_machine_are_known_by_their_last_label() {
        for name in [
            "localhost",
            "LOCALHOST",
            "localhost.",
            "a.localhost",
            "a.b.LocalHost.",
        ] {
            assert!(is_localhost(name), "{name}");
        }
        for name in [
            "",
            ".",
            "localhost.example",
            "xlocalhost",
            "localhost..",
            "127.0.0.1",
        ] {
            assert!(!is_localhost(name), "{name}");
        }
    }

    #[test]
    fn a_host_is_this_machine_by_its_address_or_one_name() {
        for host in ["localhost", "127.0.0.1", "127.9.9.9", "[::1]", "::1"] {
            assert!(is_loopback_host(host), "{host}");
        }
        for host in [
            "",
            "LOCALHOST",
            "a.localhost",
            "localhost.",
            "127.0.0.1.example",
            "10.0.0.1",
            "0.0.0.0",
            "[::ffff:127.0.0.1]",
            "[::]",
        ] {
            assert!(!is_loopback_host(host), "{host}");
        }
    }

    // FAULTS T12: what people mean by an address.
    #[test]
    fn what_people_write_is_understood() {
        for (text, means) in [
            (":8402", "127.0.0.1:8402"),
            ("8402", "127.0.0.1:8402"),
            ("localhost:0", "127.0.0.1:0"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("[::1]:80", "[::1]:80"),
            ("[::]:65535", "[::]:65535"),
        ] {
            let read = text.parse::<ListenAddress>().map(|it| it.0.to_string());
            assert_eq!(read, Ok(means.to_owned()), "{text}");
        }
        for (text, error) in [
            ("", ListenAddressError::Port),
            ("127.0.0.1", ListenAddressError::Port),
            ("localhost", ListenAddressError::Port),
            (":65536", ListenAddressError::Port),
            (":+80", ListenAddressError::Port),
            ("::1:80", ListenAddressError::HostName),
            ("*:80", ListenAddressError::HostName),
            ("shop.example:80", ListenAddressError::HostName),
        ] {
            assert_eq!(text.parse::<ListenAddress>(), Err(error), "{text}");
        }
    }
}
