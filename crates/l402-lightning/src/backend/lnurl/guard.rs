//! The URLs that may be asked. The service behind an address chooses them, and may be hostile.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use l402_host::{is_localhost, is_public_address};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::node::is_loopback;
use crate::{Error, ErrorKind, LnurlNode};

/// The longest URL of a service, in bytes.
const MAX_URL: usize = 1024;

/// The rule on URLs and the addresses behind them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guard {
    /// True if the Lightning address itself is on this machine, which is for tests and for a
    /// service of one's own.
    allows_loopback: bool,
}

impl Guard {
    /// Returns the rule for an address, and the URL that describes it.
    pub(super) fn of(node: &LnurlNode) -> Result<(Self, Url), Error> {
        let (user, host) = (node.user(), node.host());
        let parse = |scheme: &str| {
            let url = format!("{scheme}://{host}/.well-known/lnurlp/{user}");
            Url::parse(&url).map_err(|_| local("the host of the Lightning address is none"))
        };
        let url = parse("https")?;
        let allows_loopback = is_loopback(&url);
        let guard = Self { allows_loopback };
        let url = if allows_loopback { parse("http")? } else { url };
        guard.check(&url)?;
        Ok((guard, url))
    }

    /// Reads a URL that the service has named.
    pub(super) fn read(self, text: &str) -> Result<Url, Error> {
        if text.len() > MAX_URL {
            return Err(refused("is longer than 1024 bytes"));
        }
        let url = Url::parse(text).map_err(|_| refused("cannot be read"))?;
        self.check(&url)?;
        // Escaped, it may have become longer; it goes into a token.
        if url.as_str().len() > MAX_URL {
            return Err(refused("is longer than 1024 bytes"));
        }
        Ok(url)
    }

    /// Refuses a URL that could lead to a private network, or that others could read on the way. The
    /// addresses of a name are checked when it is resolved.
    fn check(self, url: &Url) -> Result<(), Error> {
        let may_be_here = self.allows_loopback && is_loopback(url);
        let private = || Err(refused("leads to a private address"));
        if url.scheme() != "https" && !(url.scheme() == "http" && may_be_here) {
            return Err(refused("is not https"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("holds a user or a password"));
        }
        let literal = match url.host() {
            Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
            Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
            Some(Host::Domain(name)) if is_localhost(name) && !may_be_here => return private(),
            Some(Host::Domain(_)) => None,
            None => return Err(refused("has no host")),
        };
        match literal {
            Some(ip) if !self.admits(ip) => private(),
            _ => Ok(()),
        }
    }

    fn admits(self, ip: IpAddr) -> bool {
        is_public_address(ip) || self.allows_loopback && ip.to_canonical().is_loopback()
    }

    /// Returns the addresses of a name, if all of them may be asked.
    fn checked(self, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Error> {
        // One that may not is enough: a name with both is a name of somebody who tries.
        if found.iter().all(|it| self.admits(it.ip())) {
            Ok(found)
        } else {
            Err(refused("leads to a private address"))
        }
    }
}

/// Resolves names for the HTTP client, which so connects to checked addresses and to no others: a
/// second answer of DNS cannot lead elsewhere.
impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = *self;
        Box::pin(async move {
            let name = name.as_str();
            let found = if is_localhost(name) {
                // Whatever a resolver says. Only the one name was let through, if any.
                vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))]
            } else {
                // The client puts the port in.
                tokio::net::lookup_host((name, 0)).await?.collect()
            };
            let addresses: Addrs = Box::new(guard.checked(found)?.into_iter());
            Ok(addresses)
        })
    }
}

fn refused(what: &str) -> Error {
    let text = format!("a URL of the Lightning address {what}; it is not asked");
    Error::new(ErrorKind::Protocol, text)
}

fn local(text: &str) -> Error {
    Error::new(ErrorKind::Local, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(address: &str) -> Guard {
        let node: LnurlNode = format!("lnurl:a@{address}").parse().unwrap();
        Guard::of(&node).unwrap().0
    }

    #[test]
    fn a_stranger_leads_nobody_into_a_private_network() {
        let guard = guard("wallet.example");
        for url in [
            "http://wallet.example/cb",
            "ftp://wallet.example/cb",
            "file:///etc/passwd",
            "https://127.0.0.1/",
            "https://127.1/",
            "https://0x7f000001/",
            "https://2130706433/",
            "https://0.0.0.0/",
            "https://10.0.0.1/",
            "https://169.254.169.254/latest/meta-data",
            "https://192.168.0.1:8080/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://[fd00::1]/",
            "https://[fe80::1]/",
            "https://localhost/",
            "https://LOCALHOST./",
            "https://a.localhost/",
            "https://user@wallet.example/",
            "https://user:password@wallet.example/",
            "nonsense",
            &format!("https://wallet.example/{}", "a".repeat(1024)),
            &format!("https://wallet.example/{}", "é".repeat(400)),
        ] {
            assert!(guard.read(url).is_err(), "{url}");
        }
        for url in [
            "https://wallet.example/cb?x=1",
            "https://pay.other.example:8443/",
            "https://1.1.1.1/",
        ] {
            assert!(guard.read(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn only_an_address_on_this_machine_leads_to_this_machine() {
        for address in ["127.0.0.1:8080", "localhost:8080", "[::1]:8080"] {
            let guard = guard(address);
            assert!(guard.read("http://127.0.0.1:9/cb").is_ok(), "{address}");
            assert!(guard.read("https://localhost/cb").is_ok());
            for url in [
                "http://wallet.example/",
                "http://a.localhost/",
                "https://localhost./",
                "https://10.0.0.1/",
                "http://10.0.0.1/",
            ] {
                assert!(guard.read(url).is_err(), "{address} {url}");
            }
        }
        for address in [
            "10.0.0.1",
            "192.168.1.5:443",
            "0.0.0.0",
            "shop.localhost:8080",
            "[::ffff:127.0.0.1]:8080",
        ] {
            let node: LnurlNode = format!("lnurl:a@{address}").parse().unwrap();
            assert!(Guard::of(&node).is_err(), "{address}");
        }
    }

    #[test]
    fn the_answers_of_dns_are_held_to_the_same_rule() {
        let address = |text: &str| SocketAddr::new(text.parse().unwrap(), 0);
        let public = guard("wallet.example");
        assert!(public.checked(vec![address("1.1.1.1")]).is_ok());
        for rebound in ["127.0.0.1", "10.0.0.1", "::1", "169.254.169.254"] {
            let found = vec![address("1.1.1.1"), address(rebound)];
            assert!(public.checked(found).is_err(), "{rebound}");
        }
        let here = guard("localhost:8080");
        assert!(here.checked(vec![address("127.0.0.1")]).is_ok());
        assert!(here.checked(vec![address("10.0.0.1")]).is_err());
    }

    #[tokio::test]
    async fn a_name_of_this_machine_is_resolved_for_nobody_else() {
        for name in ["localhost", "x.localhost"] {
            let resolve = |guard: Guard| guard.resolve(name.parse().unwrap());
            assert!(resolve(guard("wallet.example")).await.is_err(), "{name}");
            let found: Vec<_> = resolve(guard("127.0.0.1")).await.unwrap().collect();
            assert!(found.iter().all(|it| it.ip().is_loopback()), "{name}");
        }
    }
}
