//! The opening of an [`LndNode`]: its files, its network, and the permissions of its macaroon.

use std::path::Path;
use std::sync::Arc;

use l402::{Invoice, Network};
use zeroize::Zeroizing;

use super::receive::LndReceive;
use super::rest_api::Rest;
use super::wire::{AddedInvoice, Info};
use super::{macaroon, rest_api, tls};
use crate::backend::{named_file, spending};
use crate::{Error, ErrorKind, LndNode, Open, Receiver};

/// The maximum length of a file in KiB; far above every certificate chain and macaroon.
const MAX_FILE: usize = 64;

/// Opens the receiving half.
pub(crate) async fn receiver(node: &LndNode, open: Open) -> Result<Receiver, Error> {
    let macaroon = receiving_macaroon(node, open.danger_spending_node())?;
    let rest = connect(node, &macaroon)?;
    let network = match network(node) {
        Some(network) => network,
        None => ask_network(&rest).await?,
    };
    Ok(Receiver::new(Arc::new(LndReceive {
        clock: open.clock(),
        network,
        rest,
    })))
}

/// Checks the files of the receiving half as [`receiver`] does, and asks nobody.
pub(crate) fn check_receiver(node: &LndNode, danger_spending: bool) -> Result<(), Error> {
    let macaroon = receiving_macaroon(node, danger_spending)?;
    connect(node, &macaroon).map(drop)
}

/// Reads a macaroon for receiving.
fn receiving_macaroon(node: &LndNode, danger: bool) -> Result<Zeroizing<Vec<u8>>, Error> {
    let macaroon = read_macaroon(node)?;
    let spends = macaroon::only_receives(&macaroon, &node.macaroon).err();
    spending::refuse(spends, danger, "MACAROON")?;
    Ok(macaroon)
}

pub(super) fn read_macaroon(node: &LndNode) -> Result<Zeroizing<Vec<u8>>, Error> {
    let bytes = named_file::read_secret(&node.macaroon, "the macaroon", MAX_FILE)?;
    let binary = macaroon::binary(bytes);
    binary.ok_or_else(|| {
        let path = node.macaroon.display();
        let text = format!("{path} holds no macaroon; name the file that lnd or lncli has made");
        Error::new(ErrorKind::Local, text)
    })
}

pub(super) fn connect(node: &LndNode, macaroon: &[u8]) -> Result<Rest, Error> {
    let tls = match &node.tls_cert {
        Some(path) => {
            let pem = named_file::read(path, "lnd's certificate", MAX_FILE)?;
            tls::pinned(&pem, path)?
        }
        None => crate::backend::tls::public()?,
    };
    rest_api::connect(node, tls, macaroon)
}

/// Returns the network without asking lnd: as stated in the address, or as the path of the macaroon
/// shows, which lnd keeps at `…/data/chain/bitcoin/regtest/invoice.macaroon`.
pub(super) fn network(node: &LndNode) -> Option<Network> {
    let mut above = node
        .macaroon
        .ancestors()
        .skip(1)
        .filter_map(Path::file_name);
    let (folder, chain) = (above.next(), above.next());
    let kept = folder
        .and_then(|name| name.to_str())
        .filter(|_| chain == Some("bitcoin".as_ref()));
    node.network.or_else(|| kept?.parse().ok())
}

/// Asks lnd for its network. An invoice macaroon may not ask, so an invoice is made and read
/// instead.
async fn ask_network(rest: &Rest) -> Result<Network, Error> {
    let refused = match rest.get("/v1/getinfo").json::<Info>().await {
        Ok(info) => return info.network(),
        Err(failure) => failure,
    };
    if !matches!(
        refused.error.kind(),
        ErrorKind::Unauthorized | ErrorKind::Rejected
    ) {
        return Err(refused.error);
    }
    // A small amount and a short expiry: nobody is ever asked to pay this invoice.
    let body = serde_json::json!({ "value_msat": "1000", "expiry": "60", "memo": "network?" });
    let added: AddedInvoice = rest.post("/v1/invoices", &body).json().await?;
    let invoice = Invoice::decode(&added.payment_request);
    invoice.map(|invoice| invoice.network).map_err(|error| {
        Error::new(
            ErrorKind::Protocol,
            format!("lnd's invoice cannot be used: {error}"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_network_is_read_from_where_lnd_keeps_its_macaroons() {
        let network = |path: &str, stated| {
            super::network(&LndNode {
                address: "h:1".to_owned(),
                tls_cert: None,
                macaroon: path.into(),
                network: stated,
                proxy: None,
            })
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
