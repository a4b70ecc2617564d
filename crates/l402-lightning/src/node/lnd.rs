//! The written form of lnd.

use core::fmt;
use core::str::FromStr;
use std::path::{Path, PathBuf};

use l402::Network;
use l402_host::{is_loopback_host, named_path};
use url::Url;

use super::address::{has_user, host_url, parameters, write_path};
use super::error::NodeError;
use super::table::NodeForm;

/// lnd over REST: `lnd://HOST:PORT?tls_cert=FILE&macaroon=FILE`.
///
/// Without `tls_cert`, the certificate must be one that browsers trust. An lnd behind Tor is
/// reached with `&proxy=socks5h://127.0.0.1:9050`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LndNode {
    /// The REST address of lnd, as `host:port`.
    pub address: String,
    /// The PEM file with the certificate that is pinned; `None` for a public certificate.
    pub tls_cert: Option<PathBuf>,
    /// The file with the macaroon: as lnd writes it, or in hexadecimal or base64.
    pub macaroon: PathBuf,
    /// The network; `None` if the address does not state it.
    pub network: Option<Network>,
    /// The SOCKS proxy that connects to lnd and finds its name, such as Tor's; `None` for none.
    pub proxy: Option<Url>,
}

impl LndNode {
    /// Takes the paths of both files from `base`.
    pub(super) fn with_base(mut self, base: &Path) -> Self {
        self.tls_cert = self.tls_cert.map(|path| named_path(base, path));
        self.macaroon = named_path(base, self.macaroon);
        self
    }
}

impl FromStr for LndNode {
    type Err = NodeError;

    fn from_str(text: &str) -> Result<Self, NodeError> {
        let url = host_url(text, &NodeForm::LND)?;
        let host = url.host_str().unwrap_or_default();
        let address = format!("{host}:{}", url.port().unwrap_or(8080));
        let names = ["tls_cert", "macaroon", "network", "proxy"];
        let [tls_cert, macaroon, network, proxy] = parameters(&url, &NodeForm::LND, names)?;
        // Not repeated: with it anybody could use the node.
        if macaroon.as_deref().is_some_and(is_macaroon) {
            return Err(wrong(
                "what is given for macaroon= is a macaroon; it names a file, so save it to one",
            ));
        }
        let proxy = proxy.as_deref().map(read_proxy).transpose()?;
        if proxy.is_none() && host.ends_with(".onion") {
            return Err(wrong(
                "an address of Tor needs its proxy, such as &proxy=socks5h://127.0.0.1:9050",
            ));
        }
        // Nobody else can have signed a certificate for this machine.
        if tls_cert.is_none() && is_loopback_host(host) {
            return Err(wrong(
                "lnd's tls_cert is missing; only a node with a public certificate needs none",
            ));
        }
        let macaroon = macaroon.ok_or_else(|| wrong("lnd's macaroon is missing"))?;
        Ok(Self {
            address,
            tls_cert: tls_cert.map(PathBuf::from),
            macaroon: macaroon.into(),
            network: network
                .map(|name| name.parse())
                .transpose()
                .map_err(|error| NodeError::new(format!("lnd's network: {error}")))?,
            proxy,
        })
    }
}

/// Reads the address of a SOCKS proxy: host and port alone, since a password would be a secret here.
fn read_proxy(text: &str) -> Result<Url, NodeError> {
    let proxy: Option<Url> = text.parse().ok();
    let is_proxy = |proxy: &Url| {
        // With `socks5` this machine would look the name up, and tell its resolver which node it uses.
        proxy.scheme() == "socks5h"
            && proxy.host_str().is_some_and(|host| !host.is_empty())
            && proxy.port().is_some()
            && matches!(proxy.path(), "" | "/")
            && proxy.query().is_none()
            && proxy.fragment().is_none()
            && !has_user(proxy)
    };
    let wanted = "lnd's proxy is a host and a port, as in &proxy=socks5h://127.0.0.1:9050";
    proxy.filter(is_proxy).ok_or_else(|| wrong(wanted))
}

/// Returns true if the text begins as a macaroon of lnd does, in hexadecimal or base64.
fn is_macaroon(text: &str) -> bool {
    let begins = |prefix: &str| {
        text.get(..prefix.len())
            .is_some_and(|t| t.eq_ignore_ascii_case(prefix))
    };
    // Version 2, and the field with lnd's name.
    begins("0201036c6e64") || text.starts_with("AgEDbG5k")
}

fn wrong(mistake: &str) -> NodeError {
    NodeError::of(&NodeForm::LND, mistake)
}

impl fmt::Display for LndNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An address from elsewhere than `FromStr` may hold a user and a password.
        let host = self.address.rsplit('@').next().unwrap_or_default();
        write!(f, "lnd://{host}?")?;
        if let Some(tls_cert) = &self.tls_cert {
            f.write_str("tls_cert=")?;
            write_path(f, tls_cert)?;
            f.write_str("&")?;
        }
        f.write_str("macaroon=")?;
        write_path(f, &self.macaroon)?;
        if let Some(network) = self.network {
            write!(f, "&network={network}")?;
        }
        let Some(proxy) = &self.proxy else {
            return Ok(());
        };
        let (host, port) = (proxy.host_str().unwrap_or_default(), proxy.port());
        let proxy = format!("{}://{host}:{}", proxy.scheme(), port.unwrap_or_default());
        f.write_str("&proxy=")?;
        write_path(f, Path::new(&proxy))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_the_way_to_lnd_is_named() {
        for (text, named) in [
            ("lnd://127.0.0.1?macaroon=b", "tls_cert is missing"),
            ("lnd://[::1]:8080?macaroon=b", "tls_cert is missing"),
            ("lnd://localhost?macaroon=b", "tls_cert is missing"),
            ("lnd://h?tls_cert=a", "macaroon is missing"),
            ("lnd://abc.onion?tls_cert=a&macaroon=b", "proxy=socks5h://"),
            (
                "lnd://h?macaroon=b&proxy=socks5://127.0.0.1:9050",
                "proxy is a host and a port",
            ),
            (
                "lnd://h?macaroon=b&proxy=socks5h://me:hunter2@127.0.0.1:9050",
                "proxy is a host and a port",
            ),
            (
                "lnd://h?macaroon=b&proxy=socks5h://127.0.0.1",
                "proxy is a host and a port",
            ),
        ] {
            let error = text.parse::<LndNode>().unwrap_err().to_string();
            assert!(error.contains(named), "{text}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        for text in [
            "lnd://node.example:443?macaroon=b",
            "lnd://abc.onion?tls_cert=a&macaroon=b&proxy=socks5h://[::1]:9050",
        ] {
            text.parse::<LndNode>().unwrap();
        }
    }
}
