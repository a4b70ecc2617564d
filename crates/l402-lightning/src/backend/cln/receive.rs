//! The receiving half of Core Lightning.

use core::time::Duration;
use std::sync::Arc;

use futures_util::stream;
use l402::{Network, PaymentHash};
use serde_json::json;

use super::rpc::{Method, Rpc, TIME_LIMIT};
use super::wire::{Channels, Invoices, MadeInvoice, WireInvoice, garbled, is_hash, msat};
use crate::transport::{Proof, permitted};
use crate::{
    Error, ErrorKind, InvoiceRequest, InvoiceState, Liquidity, NewInvoice, Receive, Settlement,
    SettlementIndex, check,
};
use l402_host::{BoxFuture, BoxStream, Clock};

/// The seconds for which one call waits for a payment. A proxy may end a call that lasts longer.
const WAIT: u64 = 30;

/// The time limit of such a call: the wait, and the time that any answer may take.
const WAIT_LIMIT: Duration = Duration::from_secs(WAIT).saturating_add(TIME_LIMIT);

/// A Core Lightning that can be paid.
#[derive(Debug)]
pub(super) struct ClnReceive {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) network: Network,
    pub(super) rpc: Arc<Rpc>,
}

impl Receive for ClnReceive {
    fn network(&self) -> Network {
        self.network
    }

    /// The node makes the preimage and keeps it to itself.
    fn preimage_is_proof(&self) -> bool {
        true
    }

    fn create_invoice(&self, request: InvoiceRequest) -> BoxFuture<'_, Result<NewInvoice, Error>> {
        Box::pin(async move {
            check::request(&request)?;
            let params = json!({
                "amount_msat": msat(request.amount),
                "label": label()?,
                "description": request.memo,
                "expiry": request.expiry.as_secs(),
            });
            let call = self.rpc.call(Method("/v1/invoice"), params, TIME_LIMIT);
            let made: MadeInvoice = call.await?;
            let now = self.clock.wall();
            // The text decides, and the node's own field is compared with it: the payer sees only
            // the text.
            let invoice = check::invoice(made.bolt11, &request, self.network, now)?;
            if !is_hash(&made.payment_hash, &invoice.payment_hash()) {
                return Err(garbled("another hash than in the invoice"));
            }
            Ok(invoice)
        })
    }

    fn lookup(&self, payment_hash: PaymentHash) -> BoxFuture<'_, Result<InvoiceState, Error>> {
        Box::pin(async move {
            let params = json!({ "payment_hash": payment_hash.to_string() });
            let call = self
                .rpc
                .call(Method("/v1/listinvoices"), params, TIME_LIMIT);
            let found: Invoices = call.await?;
            let Some(invoice) = found.invoices.first() else {
                return Ok(InvoiceState::Unseen);
            };
            if !is_hash(&invoice.payment_hash, &payment_hash) {
                return Err(garbled("another invoice"));
            }
            match (invoice.status.as_str(), invoice.amount_received_msat) {
                ("expired", _) => Ok(InvoiceState::Cancelled),
                ("unpaid", _) => Ok(InvoiceState::Open),
                ("paid", Some(paid)) => Ok(InvoiceState::Settled { paid: paid.0 }),
                _ => Err(garbled("an unknown state of an invoice")),
            }
        })
    }

    fn newest_settlement(&self) -> BoxFuture<'_, Result<SettlementIndex, Error>> {
        Box::pin(async move { Ok(SettlementIndex(self.newest().await?)) })
    }

    fn liquidity(&self) -> BoxFuture<'_, Result<Option<Liquidity>, Error>> {
        Box::pin(async move {
            let method = Method("/v1/listpeerchannels");
            let asked = self.rpc.call(method, json!({}), TIME_LIMIT).await;
            Ok(permitted(asked)?.map(|found: Channels| found.liquidity()))
        })
    }

    fn settlements(&self, from: SettlementIndex) -> BoxStream<'_, Result<Settlement, Error>> {
        Box::pin(stream::try_unfold(from, move |from| async move {
            let next = self.next_settlement(from).await?;
            let from = next.index;
            Ok(Some((next, from)))
        }))
    }
}

impl ClnReceive {
    /// Returns the settlement after `from`. Waits until there is one.
    async fn next_settlement(&self, from: SettlementIndex) -> Result<Settlement, Error> {
        let from = match from {
            SettlementIndex::NEWEST => self.newest().await?,
            from => from.0,
        };
        loop {
            if let Some(settlement) = self.after(from, WAIT).await? {
                return Ok(settlement);
            }
        }
    }

    /// Returns the first settlement after this index, or `None` if none comes within so many
    /// seconds.
    async fn after(&self, index: u64, wait: u64) -> Result<Option<Settlement>, Error> {
        let params = json!({ "lastpay_index": index, "timeout": wait });
        let method = Method("/v1/waitanyinvoice");
        match self.rpc.call(method, params, WAIT_LIMIT).await {
            Ok(invoice) => settlement(&invoice, index).map(Some),
            // In Core Lightning's own words: the wait ended without a payment.
            Err(failure) if failure.proof == Proof::NotFound => Ok(None),
            Err(failure) => Err(failure.error),
        }
    }

    /// Returns the index of the newest settlement, 0 if there is none.
    ///
    /// No call tells it, and a list of all invoices may be longer than any answer. So the search
    /// doubles its steps while there is a settlement further on, and halves them afterwards.
    async fn newest(&self) -> Result<u64, Error> {
        let (mut newest, mut step) = (0_u64, 1_u64);
        // There is no settlement after `end`.
        let mut end = None;
        while end.is_none_or(|end| newest < end) {
            let at = end.map_or_else(|| newest.saturating_add(step), |end| middle(newest, end));
            match self.after(at, 0).await? {
                Some(found) => newest = found.index.0,
                None if at == newest => break,
                None => end = Some(at),
            }
            step = step.saturating_mul(2);
        }
        Ok(newest)
    }
}

fn middle(low: u64, high: u64) -> u64 {
    low.saturating_add(high.saturating_sub(low) >> 1)
}

/// Returns the settlement of a paid invoice, which must come after `index`.
fn settlement(invoice: &WireInvoice, index: u64) -> Result<Settlement, Error> {
    let payment_hash = invoice.payment_hash.parse();
    match (
        payment_hash,
        invoice.pay_index,
        invoice.amount_received_msat,
    ) {
        // An index that does not grow would tell the same settlement for ever.
        (Ok(payment_hash), Some(pay_index), Some(paid))
            if invoice.status == "paid" && pay_index > index =>
        {
            Ok(Settlement {
                payment_hash,
                paid: paid.0,
                index: SettlementIndex(pay_index),
            })
        }
        _ => Err(garbled("a settlement that is none")),
    }
}

/// Returns a label, which Core Lightning wants to be different for every invoice.
fn label() -> Result<String, Error> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| {
        let text = format!("no random number for an invoice: {error}");
        Error::new(ErrorKind::Local, text)
    })?;
    Ok(format!("l402-{}", hex::encode(random)))
}
