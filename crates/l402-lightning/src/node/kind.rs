//! The backends that a program knows by name.

use core::fmt;
use core::str::FromStr;
use std::borrow::Cow;
use std::path::Path;

use super::cln::{ClnNode, ClnRestNode};
use super::error::NodeError;
use super::lnbits::LnbitsNode;
use super::lnd::LndNode;
use super::lnurl::LnurlNode;
use super::nwc::NwcNode;
use super::phoenixd::PhoenixdNode;
use super::sandbox_http::SandboxHttpNode;
use super::stored::{WalletName, kind_of};
use super::table::NodeForm;
use crate::Error;

/// A backend as it is written in a configuration: `sandbox`, `sandbox+http://127.0.0.1:8403` or
/// `lnd://127.0.0.1:8080?tls_cert=/path/tls.cert&macaroon=/path/invoice.macaroon`.
///
/// `FromStr` and `Display` agree. The text holds paths and never a secret. A path is
/// percent-encoded if it holds anything but letters, digits and `/ . _ - ~ :`. The port of lnd is
/// 8080 by default, and `&network=regtest` states its network if the macaroon's path does not.
///
/// ```
/// use l402_lightning::{Node, NodeForm};
///
/// let node: Node = "lnd://node.example:8080?tls_cert=tls.cert&macaroon=invoice.macaroon".parse()?;
/// assert_eq!(node.form(), NodeForm::LND);
/// assert!(node.form().receives);
///
/// // An error shows how to write it, and repeats no password.
/// let error = "lnd://me:secret@node.example".parse::<Node>().unwrap_err();
/// assert!(error.to_string().contains("lnd's address is a host and a port"));
/// assert!(!error.to_string().contains("secret"));
/// # Ok::<(), l402_lightning::NodeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Node {
    /// The embedded sandbox of one home folder.
    Sandbox,
    /// The sandbox of another home, through its HTTP API (paying only).
    SandboxHttp(SandboxHttpNode),
    /// lnd over REST.
    Lnd(LndNode),
    /// Core Lightning over its Unix socket.
    Cln(ClnNode),
    /// Core Lightning over clnrest.
    ClnRest(ClnRestNode),
    /// The node that runs inside this program, in the home folder.
    Ldk,
    /// A wallet that speaks Nostr Wallet Connect.
    Nwc(NwcNode),
    /// phoenixd over HTTP.
    Phoenixd(PhoenixdNode),
    /// LNbits over HTTP.
    Lnbits(LnbitsNode),
    /// A Lightning address (receiving only).
    Lnurl(LnurlNode),
    /// A wallet or node that is stored under a name in the home folder.
    Stored(WalletName),
}

impl Node {
    /// Returns the row of [`NodeForm::ALL`] that describes this backend.
    #[must_use]
    pub fn form(&self) -> NodeForm {
        match self {
            Self::Sandbox => NodeForm::SANDBOX,
            Self::SandboxHttp(_) => NodeForm::SANDBOX_HTTP,
            Self::Lnd(_) => NodeForm::LND,
            Self::Cln(_) => NodeForm::CLN,
            Self::ClnRest(_) => NodeForm::CLN_REST,
            Self::Ldk => NodeForm::LDK,
            Self::Nwc(_) => NodeForm::NWC,
            Self::Phoenixd(_) => NodeForm::PHOENIXD,
            Self::Lnbits(_) => NodeForm::LNBITS,
            Self::Lnurl(_) => NodeForm::LNURL,
            Self::Stored(_) => NodeForm::STORED,
        }
    }

    /// Returns the node with its relative paths taken from `base`, the folder of the file that names
    /// it, and with `~/` taken for the user's home directory.
    #[must_use]
    pub fn with_base(self, base: &Path) -> Self {
        match self {
            Self::Lnd(node) => Self::Lnd(node.with_base(base)),
            Self::ClnRest(node) => Self::ClnRest(node.with_base(base)),
            Self::Nwc(node) => Self::Nwc(node.with_base(base)),
            Self::Phoenixd(node) => Self::Phoenixd(node.with_base(base)),
            Self::Lnbits(node) => Self::Lnbits(node.with_base(base)),
            Self::Sandbox
            | Self::SandboxHttp(_)
            | Self::Cln(_)
            | Self::Ldk
            | Self::Lnurl(_)
            | Self::Stored(_) => self,
        }
    }

    /// Returns the node that a name stands for in this home folder, and any other node as it is.
    ///
    /// # Errors
    /// `Local` if no wallet is stored under the name, or its file cannot be used.
    pub fn resolve(&self, home: &Path) -> Result<Cow<'_, Self>, Error> {
        match self {
            Self::Stored(name) => name.resolve(home).map(Cow::Owned),
            node => Ok(Cow::Borrowed(node)),
        }
    }
}

impl FromStr for Node {
    type Err = NodeError;

    fn from_str(text: &str) -> Result<Self, NodeError> {
        // The kind alone decides who reads the rest, so that a mistake in an address of lnd is
        // answered with lnd's example and not with all of them.
        let kind = text.split_once(':').map_or(text, |(kind, _)| kind);
        match kind {
            "sandbox" if text == kind => Ok(Self::Sandbox),
            "ldk" if text == kind => Ok(Self::Ldk),
            "sandbox+http" => text.parse().map(Self::SandboxHttp),
            "lnd" if text != kind => text.parse().map(Self::Lnd),
            "cln" if text != kind => text.parse().map(Self::Cln),
            "cln+https" => text.parse().map(Self::ClnRest),
            "nwc" | "nostr+walletconnect" => text.parse().map(Self::Nwc),
            "phoenixd+http" | "phoenixd+https" => text.parse().map(Self::Phoenixd),
            "lnbits+http" | "lnbits+https" => text.parse().map(Self::Lnbits),
            "lnurl" => text.parse().map(Self::Lnurl),
            word => match (word.parse(), kind_of(word)) {
                (Ok(name), _) if text == word => Ok(Self::Stored(name)),
                // `lnd` alone, or `lnbits://`: the kind is known, and its form is not kept.
                (_, Some(form)) => Err(NodeError::of(&form, "this is not all of it")),
                _ => Err(NodeError::no_form()),
            },
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sandbox => f.write_str(NodeForm::SANDBOX.kind),
            Self::SandboxHttp(node) => node.fmt(f),
            Self::Lnd(node) => node.fmt(f),
            Self::Cln(node) => node.fmt(f),
            Self::ClnRest(node) => node.fmt(f),
            Self::Ldk => f.write_str(NodeForm::LDK.kind),
            Self::Nwc(node) => node.fmt(f),
            Self::Phoenixd(node) => node.fmt(f),
            Self::Lnbits(node) => node.fmt(f),
            Self::Lnurl(node) => node.fmt(f),
            Self::Stored(name) => name.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn printing_and_reading_agree() {
        for text in [
            "sandbox",
            "sandbox+http://127.0.0.1:8403",
            "sandbox+http://localhost:1",
            "sandbox+http://[::1]:8403",
            "lnd://127.0.0.1:8080?tls_cert=/a/tls.cert&macaroon=/a/b.macaroon",
            "lnd://node.example:443?tls_cert=a%20b%26%2B%25&macaroon=%C3%A4&network=regtest",
            "lnd://node.example:443?macaroon=m",
            "lnd://abc.onion:8080?tls_cert=c&macaroon=m&proxy=socks5h://127.0.0.1:9050",
            "lnd://h:1?macaroon=m&network=signet&proxy=socks5h://%5B::1%5D:9050",
            "cln:///home/a%20b%26/lightning-rpc",
            "cln+https://node.example:3010?rune=a%2Bb&ca=c.pem",
            "cln+https://[::1]:1?rune=r",
            "ldk",
            "nwc:a%20b%2Bc.nwc",
            "phoenixd+http://127.0.0.1:9740?password=p",
            "phoenixd+https://phoenix.example?password=p",
            "lnbits+https://lnbits.example?key=a%26b",
            "lnbits+http://127.0.0.1:5000?key=k",
            "lnurl:a.b+c@wallet.example",
            "lnurl:a@wallet.example:8443",
            "alby-2",
        ] {
            assert_eq!(text.parse::<Node>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn paths_are_decoded_and_a_plus_stays_one() {
        let node: Node = "lnd://h?macaroon=my%20file+1&tls_cert=rel/tls.cert"
            .parse()
            .unwrap();
        let Node::Lnd(lnd) = node else { panic!() };
        assert_eq!((lnd.address.as_str(), lnd.network), ("h:8080", None));
        assert_eq!(lnd.macaroon, PathBuf::from("my file+1"));
        assert_eq!(lnd.tls_cert, Some(PathBuf::from("rel/tls.cert")));
    }

    #[test]
    fn what_is_wrong_is_named_with_an_example() {
        for (text, named) in [
            ("", "sandbox"),
            ("lnb:x", "lnd://"),
            ("lnd", "not all of it; write lnd://"),
            ("phoenixd", "not all of it; write phoenixd+http://"),
            ("My Wallet", "sandbox"),
            ("Sandbox", "sandbox"),
            ("sandbox+http://10.0.0.1:8403", "this machine alone"),
            (
                "sandbox+http://127.0.0.1.example.com:8403",
                "this machine alone",
            ),
            ("sandbox+http://127.0.0.1:8403/v1", "nothing else"),
            ("sandbox+https://127.0.0.1:8403", "sandbox+http://"),
            ("lnd://?tls_cert=a&macaroon=b", "lnd://"),
            ("lnd://h?tls_cert=a", "macaroon is missing"),
            ("lnd://h?tls_cert=a&macaroon=b&macaroon=c", "twice"),
            ("lnd://h?tls_cert=&macaroon=b", "empty"),
            ("lnd://h?tls_cert=a&macaroon=b&cert=c", "cert"),
            ("lnd://h?tls_cert=a&macaroon=b&network=main", "mainnet"),
            ("lnd://h/v1?tls_cert=a&macaroon=b", "host and a port"),
            ("lnd://me:secret@h?tls_cert=a&macaroon=b", "host and a port"),
            (
                "lnd://h?tls_cert=a&macaroon=0201036c6E64secret",
                "names a file",
            ),
            ("lnd://h?tls_cert=a&macaroon=AgEDbG5ksecret", "names a file"),
            ("cln://", "absolute path"),
            ("cln:rel/lightning-rpc", "absolute path"),
            ("cln+https://h", "rune of clnrest is missing"),
            ("cln+https://me:secret@h?rune=a", "host and a port"),
            ("nwc:", "file with the connection is missing"),
            ("nostr+walletconnect://abc?secret=1", "save it to a file"),
            (
                "nwc:nostr+walletconnect://abc?relay=a&secret=1",
                "save it to a file",
            ),
            ("phoenixd+http://10.0.0.1?password=a", "use https://"),
            (
                "phoenixd+http://127.0.0.1",
                "password of phoenixd is missing",
            ),
            ("lnbits+https://h?key=a&admin=b", "no parameter"),
            ("lnbits+http://lnbits.example?key=a", "use https://"),
            ("lnurl:wallet.example", "you@host"),
            ("lnurl:a@host/path", "stands a host"),
            ("lnurl:a b@host", "letters"),
        ] {
            let error = text.parse::<Node>().unwrap_err().to_string();
            assert!(error.contains(named), "{text}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    /// Every kind, written with a secret wherever a text can hold one, and built by hand.
    #[test]
    fn no_kind_shows_a_secret() {
        const SECRET: &str = "hunter2";
        for form in NodeForm::ALL {
            let with_user = form.example.replace("://", &format!("://me:{SECRET}@"));
            let next = if form.example.contains('?') { '&' } else { '?' };
            let with_parameter = format!("{}{next}password={SECRET}", form.example);
            let with_fragment = format!("{}#{SECRET}", form.example);
            for text in [with_user, with_parameter, with_fragment] {
                let shown = match text.parse::<Node>() {
                    Ok(node) => format!("{node} {node:?}"),
                    Err(error) => error.to_string(),
                };
                assert!(!shown.contains(SECRET), "{text}: {shown}");
            }
        }
        let by_hand = LndNode {
            address: format!("me:{SECRET}@h:8080"),
            tls_cert: None,
            macaroon: "invoice.macaroon".into(),
            network: None,
            proxy: format!("socks5h://me:{SECRET}@t:1").parse().ok(),
        };
        let shown = Node::Lnd(by_hand).to_string();
        assert_eq!(
            shown,
            "lnd://h:8080?macaroon=invoice.macaroon&proxy=socks5h://t:1"
        );
    }
}
