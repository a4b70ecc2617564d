//! Which backend, as configuration and command line name it.

use core::fmt;
use core::str::FromStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use l402::Network;
use url::Url;

#[cfg(not(feature = "lnd"))]
use crate::absent::lnd;
#[cfg(not(feature = "sandbox"))]
use crate::absent::sandbox;
#[cfg(feature = "lnd")]
use crate::backend::lnd;
#[cfg(feature = "sandbox")]
use crate::backend::sandbox;
use crate::{Error, ErrorKind, Receive};
#[cfg(feature = "pay")]
use crate::{Pay, backend::sandbox_http};
use l402_host::Clock;

/// A backend as people write it: `sandbox`, `sandbox+http://127.0.0.1:8403`,
/// `lnd://127.0.0.1:8080?tls_cert=/path/tls.cert&macaroon=/path/invoice.macaroon`.
///
/// `FromStr` and `Display` agree; no secret is in it, only paths. Those are percent-encoded where
/// they hold anything but letters, digits and `/ . _ - ~ :`. The port of lnd is 8080 if none is
/// named, and `&network=regtest` says its network where the macaroon's path does not.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Node {
    /// The embedded sandbox of one home folder.
    Sandbox,
    /// The sandbox of another home, through its HTTP API (paying only): an `http` URL of loopback.
    SandboxHttp(Url),
    /// lnd over REST.
    Lnd {
        /// `host:port`.
        address: String,
        /// The PEM certificate that is pinned.
        tls_cert: PathBuf,
        /// The macaroon file.
        macaroon: PathBuf,
        /// The network, where it is stated.
        network: Option<Network>,
    },
}

/// The text names no backend. Holds a fragment that says which part and how to write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeError(String);

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NodeError {}

const LND_EXAMPLE: &str =
    "lnd://127.0.0.1:8080?tls_cert=/path/tls.cert&macaroon=/path/invoice.macaroon";

impl FromStr for Node {
    type Err = NodeError;

    fn from_str(text: &str) -> Result<Self, NodeError> {
        match text {
            "sandbox" => Ok(Self::Sandbox),
            _ if text.starts_with("sandbox+http:") => sandbox_http_url(text),
            _ if text.starts_with("lnd:") => lnd_url(text),
            _ => Err(NodeError(format!(
                "no Lightning backend is called that; write sandbox, \
                 sandbox+http://127.0.0.1:8403 or {LND_EXAMPLE}"
            ))),
        }
    }
}

fn sandbox_http_url(text: &str) -> Result<Node, NodeError> {
    let wrong = |what: &str| NodeError(format!("{what}; write sandbox+http://127.0.0.1:8403"));
    let plain = text.strip_prefix("sandbox+").unwrap_or(text);
    let url: Url = plain
        .parse()
        .map_err(|_| wrong("the sandbox's address is not a URL"))?;
    if !is_loopback(&url) {
        return Err(wrong(
            "the sandbox is no money and is reached on this machine alone",
        ));
    }
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if !bare || has_user(&url) {
        return Err(wrong(
            "the sandbox's address is a host and a port, nothing else",
        ));
    }
    Ok(Node::SandboxHttp(url))
}

fn lnd_url(text: &str) -> Result<Node, NodeError> {
    let wrong = |what: &str| NodeError(format!("{what}; write {LND_EXAMPLE}"));
    // In a path a plus sign is a plus sign; `query_pairs` would read a space.
    let url: Url = text
        .replace('+', "%2B")
        .parse()
        .map_err(|_| wrong("not a URL of lnd"))?;
    let Some(host) = url.host_str().filter(|host| !host.is_empty()) else {
        return Err(wrong("lnd's host is missing"));
    };
    if !matches!(url.path(), "" | "/") || url.fragment().is_some() || has_user(&url) {
        return Err(wrong(
            "lnd's address is a host and a port, then its files after a ?",
        ));
    }
    let address = format!("{host}:{}", url.port().unwrap_or(8080));
    let (mut tls_cert, mut macaroon, mut network) = (None, None, None);
    for (name, value) in url.query_pairs() {
        let slot = match &*name {
            "tls_cert" => &mut tls_cert,
            "macaroon" => &mut macaroon,
            "network" => &mut network,
            _ => return Err(wrong(&format!("lnd has no parameter {name:?}"))),
        };
        if value.is_empty() || slot.replace(value.into_owned()).is_some() {
            return Err(wrong(&format!(
                "lnd's parameter {name} is empty or written twice"
            )));
        }
    }
    Ok(Node::Lnd {
        address,
        tls_cert: tls_cert
            .ok_or_else(|| wrong("lnd's tls_cert is missing"))?
            .into(),
        macaroon: macaroon
            .ok_or_else(|| wrong("lnd's macaroon is missing"))?
            .into(),
        network: network
            .map(|name| name.parse())
            .transpose()
            .map_err(|error| NodeError(format!("lnd's network: {error}")))?,
    })
}

fn has_user(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sandbox => f.write_str("sandbox"),
            Self::SandboxHttp(url) => write!(f, "sandbox+{}", url.as_str().trim_end_matches('/')),
            Self::Lnd {
                address,
                tls_cert,
                macaroon,
                network,
            } => {
                write!(f, "lnd://{address}?tls_cert=")?;
                write_path(f, tls_cert)?;
                f.write_str("&macaroon=")?;
                write_path(f, macaroon)?;
                network.map_or(Ok(()), |network| write!(f, "&network={network}"))
            }
        }
    }
}

fn write_path(f: &mut fmt::Formatter<'_>, path: &Path) -> fmt::Result {
    path.to_string_lossy()
        .bytes()
        .try_for_each(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' | b'~' | b':' => {
                write!(f, "{}", char::from(byte))
            }
            _ => write!(f, "%{byte:02X}"),
        })
}

impl Node {
    /// Opens the receiving half. `home` is where the sandbox keeps its file.
    /// `danger_spending_macaroon` accepts an lnd macaroon that could spend.
    /// Must be called inside a tokio runtime, whose tasks do the I/O.
    ///
    /// # Errors
    /// `Unauthorized` for a macaroon that can do more than receive, `Local` for files that cannot
    /// be read, `Rejected` for a backend that only pays, `Unavailable` and others where lnd has to
    /// be asked for its network.
    pub async fn receiver(
        &self,
        home: &Path,
        clock: Arc<dyn Clock>,
        danger_spending_macaroon: bool,
    ) -> Result<Arc<dyn Receive>, Error> {
        match self {
            Self::Sandbox => sandbox::receiver(home, clock).await,
            Self::SandboxHttp(_) => Err(Error::new(
                ErrorKind::Rejected,
                "sandbox+http:// only pays; to be paid, use sandbox with the same home folder",
            )),
            Self::Lnd { .. } => lnd::receiver(self, clock, danger_spending_macaroon).await,
        }
    }

    /// Opens the spending half. The sandbox pays from its account `default`.
    ///
    /// # Errors
    /// As [`Node::receiver`], but for the macaroon, which must be able to spend here.
    #[cfg(feature = "pay")]
    pub async fn payer(&self, home: &Path, clock: Arc<dyn Clock>) -> Result<Arc<dyn Pay>, Error> {
        match self {
            Self::Sandbox => sandbox::payer(home, clock).await,
            Self::SandboxHttp(url) => Ok(Arc::new(sandbox_http::SandboxHttp::new(url)?)),
            Self::Lnd { .. } => lnd::payer(self, clock).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printing_and_reading_agree() {
        for text in [
            "sandbox",
            "sandbox+http://127.0.0.1:8403",
            "sandbox+http://localhost:1",
            "sandbox+http://[::1]:8403",
            "lnd://127.0.0.1:8080?tls_cert=/a/tls.cert&macaroon=/a/b.macaroon",
            "lnd://node.example:443?tls_cert=a%20b%26%2B%25&macaroon=%C3%A4&network=regtest",
        ] {
            assert_eq!(text.parse::<Node>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn paths_are_decoded_and_a_plus_stays_one() {
        let node: Node = "lnd://h?macaroon=my%20file+1&tls_cert=rel/tls.cert"
            .parse()
            .unwrap();
        let Node::Lnd {
            address,
            tls_cert,
            macaroon,
            network,
        } = node
        else {
            panic!()
        };
        assert_eq!((address.as_str(), network), ("h:8080", None));
        assert_eq!(macaroon, PathBuf::from("my file+1"));
        assert_eq!(tls_cert, PathBuf::from("rel/tls.cert"));
    }

    #[test]
    fn what_is_wrong_is_named_with_an_example() {
        for (text, named) in [
            ("", "sandbox"),
            ("lnb", "lnd://"),
            ("Sandbox", "sandbox"),
            ("sandbox+http://10.0.0.1:8403", "this machine alone"),
            (
                "sandbox+http://127.0.0.1.example.com:8403",
                "this machine alone",
            ),
            ("sandbox+http://127.0.0.1:8403/v1", "nothing else"),
            ("sandbox+https://127.0.0.1:8403", "sandbox+http://"),
            ("lnd://?tls_cert=a&macaroon=b", "lnd://"),
            ("lnd://h?macaroon=b", "tls_cert is missing"),
            ("lnd://h?tls_cert=a", "macaroon is missing"),
            ("lnd://h?tls_cert=a&macaroon=b&macaroon=c", "twice"),
            ("lnd://h?tls_cert=&macaroon=b", "empty"),
            ("lnd://h?tls_cert=a&macaroon=b&cert=c", "cert"),
            ("lnd://h?tls_cert=a&macaroon=b&network=main", "mainnet"),
            ("lnd://h/v1?tls_cert=a&macaroon=b", "host and a port"),
            ("lnd://me:secret@h?tls_cert=a&macaroon=b", "host and a port"),
        ] {
            let error = text.parse::<Node>().unwrap_err().to_string();
            assert!(error.contains(named), "{text}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
