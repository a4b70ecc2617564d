//! The opening of a Lightning address: its description, and one trial invoice.

use core::time::Duration;
use std::sync::{Arc, Mutex as SyncMutex};

use l402::Network;
use tokio::sync::Mutex;

use super::guard::Guard;
use super::invoices::Invoices;
use super::peer::{LnurlPeer, service};
use super::receive::{Address, Description, LnurlReceive, decode};
use super::wire::garbled;
use crate::transport::Peer;
use crate::{Error, ErrorKind, InvoiceRequest, InvoiceState, LnurlNode, Open, Receiver, check};

/// The deadline of a call at the start, for which no buyer waits.
const AT_START: Duration = Duration::from_secs(10);

/// Opens the address. There is no credential, and so none that could spend.
pub(crate) async fn receiver(node: &LnurlNode, open: Open) -> Result<Receiver, Error> {
    let (guard, url) = Guard::of(node)?;
    let name = format!("{}@{}", node.user(), node.host());
    let service = service(&name, guard)?;
    let mut address = Address {
        service,
        guard,
        url,
        time_limit: AT_START,
    };
    let (clock, read) = (open.clock(), open.clock().monotonic());
    let description = address.describe().await?;
    let (network, life) = try_out(&address, &description, &open).await?;
    address.time_limit = LnurlPeer::TIME_LIMIT;
    Ok(Receiver::new(Arc::new(LnurlReceive {
        network,
        address,
        limits: SyncMutex::new(description.limits(life)),
        description: Mutex::new(Some((description, read))),
        invoices: SyncMutex::new(Invoices::new(clock.wall())),
        polling: Mutex::new(()),
        clock,
    })))
}

/// Checks the address as far as that needs no connection.
pub(crate) fn check_receiver(node: &LnurlNode, _: bool) -> Result<(), Error> {
    Guard::of(node).map(drop)
}

/// Has one invoice made that nobody is asked to pay, and returns its network and its life. Refuses a service that
/// cannot tell if it is settled.
async fn try_out(
    address: &Address,
    description: &Description,
    open: &Open,
) -> Result<(Network, Duration), Error> {
    let amount = description.least;
    let made = address.ask(description, amount).await?;
    let Some(verify) = made.verify else {
        let text = "the service of this Lightning address does not tell if an invoice is paid (no \
                    verify URL, LUD-21), so nothing can be sold through it; use an address of a service \
                    that does, or a wallet by nwc: or lnbits:";
        return Err(Error::new(ErrorKind::Rejected, text));
    };
    let verify = address.guard.read(&verify)?;
    // The network is what this invoice says, and every later one is held to it.
    let invoice = decode(&made.pr)?;
    description.check(&invoice)?;
    let network = invoice.network;
    let life = invoice.expires.since(invoice.created);
    let request = InvoiceRequest::new(amount, life, "");
    check::invoice_of_any_life(made.pr, &request, network, open.clock().wall())?;
    match address
        .verify(&verify, invoice.payment_hash, amount)
        .await?
    {
        InvoiceState::Open => {}
        InvoiceState::Settled { .. } => {
            return Err(garbled("*settled* for an invoice that nobody has paid"));
        }
        _ => return Err(garbled("no state of an invoice that it has just made")),
    }
    tracing::info!(
        target: "l402_lightning::lnurl",
        seconds = life.as_secs(),
        "invoices of this Lightning address can be paid for so long, whatever is asked for"
    );
    Ok((network, life))
}
