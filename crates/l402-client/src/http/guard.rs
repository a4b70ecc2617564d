//! Addresses that are never asked: those of the caller's own wallet.

use std::fmt;
use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;

use l402_host::is_localhost;
use url::{Host, Url};

use super::connection::NoResponse;

/// A rule that says which URLs may be asked at all.
pub(crate) type Asks = Arc<dyn Fn(&Url) -> bool + Send + Sync>;

/// The addresses that no request goes to.
#[derive(Clone)]
pub(crate) struct Guard {
    own: Vec<(String, u16)>,
    asks: Option<Asks>,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Guard").field(&self.own).finish()
    }
}

impl Guard {
    /// Takes hosts, as an address or a name, with their ports.
    pub(crate) fn new(own: Vec<(String, u16)>) -> Self {
        Self { own, asks: None }
    }

    /// Refuses also what a rule does not let pass.
    pub(crate) fn asking(mut self, asks: Option<Asks>) -> Self {
        self.asks = asks;
        self
    }

    /// Refuses a URL that leads to one of the addresses, whatever name it has there.
    pub(super) async fn check(&self, url: &Url) -> Result<(), NoResponse> {
        if self.asks.as_ref().is_some_and(|asks| !asks(url)) {
            let host = url.host_str().unwrap_or_default();
            return Err(NoResponse::OtherHost(format!(
                "{host} is none of the hosts that may be asked"
            )));
        }
        let Some(port) = url.port_or_known_default() else {
            return Ok(());
        };
        // Most ports are nobody's, and then no name is resolved.
        if !self.own.iter().any(|(_, own)| *own == port) {
            return Ok(());
        }
        let (name, asked) = match url.host() {
            Some(Host::Ipv4(ip)) => (ip.to_string(), vec![IpAddr::V4(ip)]),
            Some(Host::Ipv6(ip)) => (ip.to_string(), vec![IpAddr::V6(ip)]),
            Some(Host::Domain(name)) => (name.to_owned(), resolved(name, port).await),
            None => return Ok(()),
        };
        for (host, own) in &self.own {
            if *own != port {
                continue;
            }
            let host = host.trim_start_matches('[').trim_end_matches(']');
            let theirs = match host.parse() {
                Ok(ip) => vec![ip],
                Err(_) => resolved(host, port).await,
            };
            let is_same = |a: &IpAddr| theirs.iter().any(|b| is_same_machine(*a, *b));
            if host.eq_ignore_ascii_case(&name) || asked.iter().any(is_same) {
                let text = format!(
                    "{name}:{port} is the address of a wallet or of another program of yours that \
                     moves money; nothing is asked there, for it would pay outside of the journal"
                );
                return Err(NoResponse::OwnAddress(text));
            }
        }
        Ok(())
    }
}

/// Returns the addresses of a name. One that cannot be resolved has none, and is not reached either.
async fn resolved(name: &str, port: u16) -> Vec<IpAddr> {
    if is_localhost(name) {
        return vec![IpAddr::V4(std::net::Ipv4Addr::LOCALHOST)];
    }
    let found = tokio::net::lookup_host((name, port)).await;
    found.map_or_else(|_| Vec::new(), |all| all.map(|it| it.ip()).collect())
}

/// Returns true if two addresses lead to the same machine.
fn is_same_machine(a: IpAddr, b: IpAddr) -> bool {
    let (a, b) = (a.to_canonical(), b.to_canonical());
    a == b || (is_here(a) && is_here(b))
}

/// Returns true if an address is one of this machine. A program that listens on all of them is reached
/// at each, whatever address its wallet is written with.
fn is_here(ip: IpAddr) -> bool {
    // All of 127.0.0.0/8 is one machine, and 0.0.0.0 connects to it, too.
    let is_known = ip.is_loopback() || ip.is_unspecified();
    // The system gives a socket the addresses of its own interfaces only. Nothing is sent.
    is_known || UdpSocket::bind((ip, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn refuses(own: &str, url: &str) -> bool {
        let guard = Guard::new(vec![(own.to_owned(), 8403)]);
        guard.check(&url.parse().unwrap()).await.is_err()
    }

    #[tokio::test]
    async fn every_name_of_this_machine_is_the_same_address() {
        for url in [
            "http://127.0.0.1:8403/v1/pay",
            "http://127.1:8403/",
            "http://0x7f000001:8403/",
            "http://127.9.9.9:8403/",
            "http://0.0.0.0:8403/",
            "http://[::1]:8403/",
            "http://[::ffff:127.0.0.1]:8403/",
            "http://LOCALHOST:8403/",
            "https://a.localhost:8403/",
            "https://localhost.:8403/",
        ] {
            assert!(refuses("127.0.0.1", url).await, "{url}");
        }
        for url in [
            "http://127.0.0.1:8404/",
            "http://127.0.0.1/",
            "http://10.0.0.1:8403/",
        ] {
            assert!(!refuses("127.0.0.1", url).await, "{url}");
        }
    }

    #[tokio::test]
    async fn an_address_of_an_interface_is_this_machine() {
        // The address that this machine would use on the way to another. Nothing is sent, and a machine
        // without a network has none.
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        if socket.connect("192.0.2.1:9").is_err() {
            return;
        }
        let url = format!("http://{}:8403/", socket.local_addr().unwrap().ip());
        for own in ["127.0.0.1", "0.0.0.0", "localhost"] {
            assert!(refuses(own, &url).await, "{own} {url}");
        }
        assert!(!refuses("127.0.0.1", "http://192.0.2.1:8403/").await);
    }

    #[tokio::test]
    async fn another_machine_is_known_by_its_address_and_its_name() {
        assert!(refuses("10.0.0.1", "http://10.0.0.1:8403/").await);
        assert!(refuses("Node.invalid", "http://node.invalid:8403/").await);
        assert!(refuses("[fd00::1]", "http://[fd00::1]:8403/").await);
        assert!(!refuses("10.0.0.1", "http://127.0.0.1:8403/").await);
    }

    // ATTACKS A-07: a redirect does not lead out of the hosts that may be asked.
    #[tokio::test]
    async fn a_rule_lets_its_urls_pass_and_no_other() {
        let asks: Asks = Arc::new(|url: &Url| url.host_str() == Some("a.invalid"));
        let guard = Guard::new(Vec::new()).asking(Some(asks));
        let check = async |url: &str| guard.check(&url.parse().unwrap()).await;
        assert!(check("http://a.invalid/x").await.is_ok());
        let Err(NoResponse::OtherHost(text)) = check("http://b.invalid/x").await else {
            panic!("it was let pass");
        };
        assert_eq!(text, "b.invalid is none of the hosts that may be asked");
    }
}
