//! The opening of an [`LnbitsNode`]: its key, what the key may do, and the network.

use std::sync::Arc;

use l402::{Invoice, Network};
use reqwest::header::HeaderName;
use serde_json::{Value, json};

use super::peer::{Api, CALLED, Lnbits};
use super::receive::LnbitsReceive;
use super::wire::{Created, Page};
use crate::backend::http_wallet::{garbled, read_secret};
use crate::backend::spending;
use crate::transport::{self, Peer as _, Proof, Transport};
use crate::{Error, ErrorKind, LnbitsNode, Open, Receiver};

const KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The memo of the invoice that shows the network, of which a wallet has one.
const NETWORK_MEMO: &str = "l402 asks for the network; nobody pays this";

/// Opens the receiving half.
pub(crate) async fn receiver(node: &LnbitsNode, open: Open) -> Result<Receiver, Error> {
    let api = connect(node)?;
    if may_spend(&api).await? {
        let path = node.key.display();
        let text = format!(
            "the key {path} is the wallet's admin key, which can spend; sell with its invoice key, \
             or accept the danger explicitly (danger_spending_node)"
        );
        let error = Error::new(ErrorKind::Unauthorized, text);
        spending::refuse(Some(error), open.danger_spending_node(), "KEY")?;
    }
    Ok(Receiver::new(Arc::new(LnbitsReceive {
        network: ask_network(&api).await?,
        api,
        clock: open.clock(),
    })))
}

/// Reads the key as [`receiver`] does, and asks nobody. Only the server can tell what a key may do.
pub(crate) fn check_receiver(node: &LnbitsNode, _: bool) -> Result<(), Error> {
    connect(node).map(drop)
}

pub(super) fn connect(node: &LnbitsNode) -> Result<Api, Error> {
    let local = |text: String| Error::new(ErrorKind::Local, text);
    let advice = "it must hold one key of the wallet alone";
    let key = read_secret(&node.key, "the key of LNbits", advice)?;
    let headers = transport::secret_header(KEY, &key);
    let headers = headers.ok_or_else(|| local("unusable key".to_owned()))?;
    let client = transport::client(Lnbits::TIME_LIMIT)
        .default_headers(headers)
        .build()
        .map_err(|error| local(format!("cannot set up HTTP: {error}")))?;
    let base = node.url.as_str().trim_end_matches('/').to_owned();
    Ok(Transport::new(client, base.clone(), Lnbits { base }))
}

/// Returns true if the key is an admin key. Asks for a payment and names no invoice, which moves no
/// money: LNbits looks at the key first.
pub(super) async fn may_spend(api: &Api) -> Result<bool, Error> {
    let asked = api.post("/api/v1/payments", &json!({ "out": true }));
    let Err(failure) = asked.json::<Value>().await else {
        return Err(garbled(CALLED, "a payment without an invoice"));
    };
    match failure.status.map(|status| status.as_u16()) {
        Some(400) if failure.proof == Proof::NotBegun => Ok(true),
        Some(401 | 403) if failure.proof == Proof::NotBegun => Ok(false),
        _ => Err(failure.error),
    }
}

/// Returns the network of the server's node. LNbits does not tell it, so an invoice is made that
/// nobody pays, and found again at the next start.
pub(super) async fn ask_network(api: &Api) -> Result<Network, Error> {
    let memo: String = url::form_urlencoded::byte_serialize(NETWORK_MEMO.as_bytes()).collect();
    let path = format!("/api/v1/payments/paginated?memo={memo}&limit=1");
    let page: Page = api.get(&path).json().await?;
    // An invoice of ours alone: what comes in and goes out may have been named by somebody else.
    let known = page.data.into_iter().find(|payment| payment.is_incoming());
    let bolt11 = match known.and_then(|payment| payment.bolt11) {
        Some(bolt11) => bolt11,
        None => {
            let body = json!({
                "out": false, "unit": "sat", "amount": 1, "memo": NETWORK_MEMO, "expiry": 60,
            });
            let created: Created = api.post("/api/v1/payments", &body).json().await?;
            created.bolt11
        }
    };
    let invoice = Invoice::decode(&bolt11).map_err(|error| {
        let text = format!("the invoice of LNbits cannot be used: {error}");
        Error::new(ErrorKind::Protocol, text)
    })?;
    Ok(invoice.network)
}
