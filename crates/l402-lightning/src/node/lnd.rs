//! The written form of lnd.

use core::fmt;
use core::str::FromStr;
use std::path::{Path, PathBuf};

use l402::Network;
use l402_host::named_path;

use super::address::{host_url, parameters, write_path};
use super::error::NodeError;
use super::table::NodeForm;

/// lnd over REST: `lnd://HOST:PORT?tls_cert=FILE&macaroon=FILE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LndNode {
    /// The REST address of lnd, as `host:port`.
    pub address: String,
    /// The PEM file with the certificate that is pinned.
    pub tls_cert: PathBuf,
    /// The file with the macaroon, in lnd's binary form.
    pub macaroon: PathBuf,
    /// The network; `None` if the address does not state it.
    pub network: Option<Network>,
}

impl LndNode {
    /// Takes the paths of both files from `base`.
    pub(super) fn with_base(mut self, base: &Path) -> Self {
        self.tls_cert = named_path(base, self.tls_cert);
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
        let [tls_cert, macaroon, network] =
            parameters(&url, &NodeForm::LND, ["tls_cert", "macaroon", "network"])?;
        let needed = |value: Option<String>, missing| value.ok_or_else(|| wrong(missing));
        // Not repeated: with it anybody could use the node.
        if macaroon.as_deref().is_some_and(is_macaroon) {
            return Err(wrong(
                "what is given for macaroon= is a macaroon; it names a file, so save it to one",
            ));
        }
        Ok(Self {
            address,
            tls_cert: needed(tls_cert, "lnd's tls_cert is missing")?.into(),
            macaroon: needed(macaroon, "lnd's macaroon is missing")?.into(),
            network: network
                .map(|name| name.parse())
                .transpose()
                .map_err(|error| NodeError::new(format!("lnd's network: {error}")))?,
        })
    }
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
        write!(f, "lnd://{host}?tls_cert=")?;
        write_path(f, &self.tls_cert)?;
        f.write_str("&macaroon=")?;
        write_path(f, &self.macaroon)?;
        self.network
            .map_or(Ok(()), |network| write!(f, "&network={network}"))
    }
}
