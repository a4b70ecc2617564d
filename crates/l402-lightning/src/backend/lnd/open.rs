//! From a [`Node`] to a backend: files, network, and what the macaroon may do.

use std::path::Path;
use std::sync::Arc;

use l402::{Invoice, Network};
use zeroize::Zeroizing;

#[cfg(feature = "pay")]
pub(crate) use self::spending::payer;
use super::receive::LndReceive;
use super::rest::Rest;
use super::wire::{AddedInvoice, Info};
use super::{macaroon, tls};
use crate::{Error, ErrorKind, Node, Receive};
use l402_host::Clock;

/// Far above every certificate chain and macaroon.
const MAX_FILE: usize = 64 * 1024;

pub(crate) async fn receiver(
    node: &Node,
    clock: Arc<dyn Clock>,
    danger_spending_macaroon: bool,
) -> Result<Arc<dyn Receive>, Error> {
    let parts = Parts::of(node)?;
    let bytes = read(parts.macaroon, "the macaroon")?;
    if let Err(error) = macaroon::only_receives(&bytes, parts.macaroon) {
        if !danger_spending_macaroon {
            return Err(error);
        }
        tracing::warn!(target: "l402_lightning::lnd", %error, "DANGER: SELLING WITH A MACAROON THAT MAY SPEND, as configured");
    }
    let rest = parts.connect(&bytes)?;
    let network = match parts.network() {
        Some(network) => network,
        None => ask_network(&rest).await?,
    };
    Ok(Arc::new(LndReceive {
        clock,
        network,
        rest,
    }))
}

/// The fields of [`Node::Lnd`].
struct Parts<'a> {
    address: &'a str,
    tls_cert: &'a Path,
    macaroon: &'a Path,
    stated: Option<Network>,
}

impl<'a> Parts<'a> {
    fn of(node: &'a Node) -> Result<Self, Error> {
        match node {
            Node::Lnd {
                address,
                tls_cert,
                macaroon,
                network,
            } => Ok(Self {
                address,
                tls_cert,
                macaroon,
                stated: *network,
            }),
            Node::Sandbox | Node::SandboxHttp(_) => Err(Error::new(
                ErrorKind::Local,
                "this is not an address of lnd",
            )),
        }
    }

    fn connect(&self, macaroon: &[u8]) -> Result<Rest, Error> {
        let pem = read(self.tls_cert, "lnd's certificate")?;
        Rest::new(self.address, tls::pinned(&pem, self.tls_cert)?, macaroon)
    }

    /// The network without asking lnd: as stated, or from where lnd keeps its macaroons,
    /// `…/data/chain/bitcoin/regtest/invoice.macaroon`.
    fn network(&self) -> Option<Network> {
        let mut above = self
            .macaroon
            .ancestors()
            .skip(1)
            .filter_map(Path::file_name);
        let (folder, chain) = (above.next(), above.next());
        let kept = folder
            .and_then(|name| name.to_str())
            .filter(|_| chain == Some("bitcoin".as_ref()));
        self.stated.or_else(|| kept?.parse().ok())
    }
}

/// Asks lnd for its network: an invoice macaroon may not, and then an invoice says it.
async fn ask_network(rest: &Rest) -> Result<Network, Error> {
    let refused = match rest.get::<Info>("/v1/getinfo").await {
        Ok(info) => return info.network(),
        Err(failure) => failure,
    };
    if !matches!(
        refused.error.kind(),
        ErrorKind::Unauthorized | ErrorKind::Rejected
    ) {
        return Err(refused.error);
    }
    let body = serde_json::json!({ "value_msat": "1000", "expiry": "60", "memo": "network?" });
    let added: AddedInvoice = rest.post("/v1/invoices", &body).await?;
    let invoice = Invoice::decode(&added.payment_request);
    invoice.map(|invoice| invoice.network).map_err(|error| {
        Error::new(
            ErrorKind::Protocol,
            format!("lnd's invoice cannot be used: {error}"),
        )
    })
}

fn read(path: &Path, what: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    let wrong = |text: String| {
        Error::new(
            ErrorKind::Local,
            format!("cannot read {what} {}: {text}", path.display()),
        )
    };
    let bytes = std::fs::read(path)
        .map(Zeroizing::new)
        .map_err(|error| wrong(error.to_string()))?;
    if bytes.len() > MAX_FILE {
        return Err(wrong("it is over 64 KiB".to_owned()));
    }
    Ok(bytes)
}

#[cfg(feature = "pay")]
mod spending {
    use super::{Arc, Clock, Error, Info, Node, Parts, read};
    use crate::Pay;
    use crate::backend::lnd::pay::LndPay;

    pub(crate) async fn payer(node: &Node, clock: Arc<dyn Clock>) -> Result<Arc<dyn Pay>, Error> {
        let parts = Parts::of(node)?;
        let rest = parts.connect(&read(parts.macaroon, "the macaroon")?)?;
        let network = match parts.network() {
            Some(network) => network,
            None => rest.get::<Info>("/v1/getinfo").await?.network()?,
        };
        Ok(Arc::new(LndPay {
            clock,
            network,
            rest,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_network_is_read_from_where_lnd_keeps_its_macaroons() {
        let network = |path: &str, stated| {
            let (address, tls_cert, macaroon) = ("h:1", Path::new("c"), Path::new(path));
            Parts {
                address,
                tls_cert,
                macaroon,
                stated,
            }
            .network()
        };
        let kept = "/var/lnd/data/chain/bitcoin/regtest/invoice.macaroon";
        assert_eq!(network(kept, None), Some(Network::Regtest));
        assert_eq!(network(kept, Some(Network::Signet)), Some(Network::Signet));
        assert_eq!(
            network("/bitcoin/mainnet/a.macaroon", None),
            Some(Network::Bitcoin)
        );
        assert_eq!(network("/etc/mainnet/invoice.macaroon", None), None);
        assert_eq!(network("invoice.macaroon", None), None);
    }
}
