//! The receiving half of a wallet over NWC.

use core::time::Duration;

use l402::{Msat, Network, PaymentHash};
use l402_host::{BoxFuture, BoxStream};

use super::client::{Client, garbled};
use super::settlements::{Feed, Pace};
use super::wire::{
    Direction, ErrorCode, LookupInvoice, MakeInvoice, Request, Transaction, TransactionState,
};
use crate::{
    Error, ErrorKind, InvoiceRequest, InvoiceState, NewInvoice, Receive, Settlement,
    SettlementIndex, check,
};

/// A wallet that can be paid.
#[derive(Debug)]
pub(super) struct NwcReceive {
    pub(super) client: Client,
    network: Network,
    /// True if the wallet lists its transactions.
    pub(super) lists: bool,
    /// True if the wallet notifies us.
    pub(super) notifies: bool,
    /// The pace at which the wallet is asked for settlements.
    pub(super) pace: Pace,
}

impl NwcReceive {
    pub(super) fn new(client: Client, network: Network, lists: bool, notifies: bool) -> Self {
        Self {
            client,
            network,
            lists,
            notifies,
            pace: Pace::default(),
        }
    }
}

impl Receive for NwcReceive {
    fn network(&self) -> Network {
        self.network
    }

    /// False: the wallet service makes the invoice, so anybody who runs it can know the preimage.
    fn preimage_is_proof(&self) -> bool {
        false
    }

    fn create_invoice(&self, request: InvoiceRequest) -> BoxFuture<'_, Result<NewInvoice, Error>> {
        Box::pin(async move {
            check::request(&request)?;
            let asked = Request::MakeInvoice(MakeInvoice {
                amount: request.amount.msat(),
                description: Some(request.memo.clone()),
                expiry: Some(request.expiry.as_secs()),
            });
            let made: Transaction = self.client.ask(asked).await?;
            let bolt11 = made.invoice.ok_or_else(|| protocol("no invoice"))?;
            let now = self.client.clock.wall();
            // The text decides, and the wallet's own field is compared with it: the payer sees only
            // the text.
            let invoice = check::invoice(bolt11, &request, self.network, now)?;
            if made
                .payment_hash
                .is_some_and(|hash| hash != invoice.payment_hash())
            {
                return Err(protocol("another hash than in the invoice"));
            }
            self.pace.quicken();
            Ok(invoice)
        })
    }

    fn lookup(&self, payment_hash: PaymentHash) -> BoxFuture<'_, Result<InvoiceState, Error>> {
        Box::pin(async move {
            let asked = Request::LookupInvoice(LookupInvoice {
                payment_hash: Some(payment_hash.to_string()),
                invoice: None,
            });
            match self.client.ask::<Transaction>(asked).await {
                Ok(told) => state(&told, &payment_hash),
                Err(failure) if failure.code == Some(ErrorCode::NotFound) => {
                    Ok(InvoiceState::Unseen)
                }
                Err(failure) => Err(failure.error),
            }
        })
    }

    fn settlements(&self, from: SettlementIndex) -> BoxStream<'_, Result<Settlement, Error>> {
        Feed::stream(self, from)
    }
}

/// Returns the state of an invoice of ours.
fn state(told: &Transaction, hash: &PaymentHash) -> Result<InvoiceState, Error> {
    if told.payment_hash != Some(*hash) {
        return Err(protocol("another invoice"));
    }
    // A payment of the wallet's own, for an invoice of somebody else, is no income.
    if told.direction == Some(Direction::Outgoing) {
        return Ok(InvoiceState::Unseen);
    }
    let settled = InvoiceState::Settled {
        paid: Msat::new(told.amount),
    };
    match told.state {
        Some(TransactionState::Settled) => Ok(settled),
        Some(TransactionState::Accepted) => Ok(InvoiceState::Held),
        // A payment of the last second may be on the way while the wallet calls its invoice expired,
        // and *cancelled* would be final for who has paid it.
        Some(TransactionState::Pending | TransactionState::Expired) => Ok(InvoiceState::Open),
        Some(TransactionState::Failed) => Ok(InvoiceState::Cancelled),
        Some(TransactionState::Unknown) => Err(protocol("an unknown state of an invoice")),
        // Older wallets say no state. A preimage alone says nothing: they made it themselves.
        None if is_settled(told) => Ok(settled),
        None => Ok(InvoiceState::Open),
    }
}

/// Returns true if the wallet says that this was paid for good.
pub(super) fn is_settled(told: &Transaction) -> bool {
    match told.state {
        Some(state) => state == TransactionState::Settled,
        None => told.settled_at.is_some_and(|at| at > 0),
    }
}

pub(super) fn protocol(what: &str) -> Error {
    Error::new(ErrorKind::Protocol, garbled(what))
}

/// The oldest transactions that are looked at for new settlements: a wallet may list by when an
/// invoice was made, and it is paid up to its expiry later.
pub(super) const LOOK_BACK: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_income_that_is_final_is_settled() {
        let hash = PaymentHash::from_bytes([3; 32]);
        let told = |state: Option<TransactionState>, settled_at: Option<u64>| Transaction {
            state,
            settled_at,
            amount: 7,
            payment_hash: Some(hash),
            ..Transaction::default()
        };
        let read = |told: &Transaction| state(told, &hash).unwrap();
        let paid = InvoiceState::Settled { paid: Msat::new(7) };
        use TransactionState as S;
        assert_eq!(read(&told(Some(S::Settled), None)), paid);
        assert_eq!(read(&told(None, Some(1))), paid);
        assert_eq!(read(&told(Some(S::Pending), Some(1))), InvoiceState::Open);
        assert_eq!(read(&told(Some(S::Accepted), Some(1))), InvoiceState::Held);
        assert_eq!(read(&told(Some(S::Expired), None)), InvoiceState::Open);
        assert_eq!(read(&told(Some(S::Failed), None)), InvoiceState::Cancelled);
        assert_eq!(read(&told(None, Some(0))), InvoiceState::Open);
        assert!(state(&told(Some(S::Unknown), None), &hash).is_err());
        let outgoing = Transaction {
            direction: Some(Direction::Outgoing),
            ..told(Some(S::Settled), Some(1))
        };
        assert_eq!(read(&outgoing), InvoiceState::Unseen);
        let other = PaymentHash::from_bytes([4; 32]);
        assert!(state(&told(Some(S::Settled), None), &other).is_err());
    }
}
