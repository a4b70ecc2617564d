//! The receiving half of lnd.

use core::pin::pin;
use core::time::Duration;
use std::sync::Arc;

use futures_util::stream;
use l402::{Msat, Network, PaymentHash};
use serde_json::json;

use super::rest_api::{Lines, Rest};
use super::wire::{
    AddedInvoice, ChannelBalance, StreamItem, WireInvoice, WireInvoices, garbled, hash,
};
use crate::transport::{Proof, permitted, plain};
use crate::{
    Error, ErrorKind, InvoiceRequest, InvoiceState, Liquidity, NewInvoice, Receive, Settlement,
    SettlementIndex, check,
};
use l402_host::{BoxFuture, BoxStream, Clock};

/// The number of invoices read at a time in search of the first settlement.
const PAGE: u64 = 500;

/// The time limit of a page: a node with many invoices needs a while.
const PAGE_TIME_LIMIT: Duration = Duration::from_secs(30);

/// The time after which a subscription surely counts, so that a settlement it does not report came
/// before.
const SUBSCRIBED: Duration = Duration::from_secs(1);

/// An lnd that can be paid.
#[derive(Debug)]
pub(super) struct LndReceive {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) network: Network,
    pub(super) rest: Rest,
}

impl Receive for LndReceive {
    fn network(&self) -> Network {
        self.network
    }

    fn preimage_is_proof(&self) -> bool {
        true
    }

    fn create_invoice(&self, request: InvoiceRequest) -> BoxFuture<'_, Result<NewInvoice, Error>> {
        Box::pin(async move {
            check::request(&request)?;
            let body = json!({
                "value_msat": request.amount.msat().to_string(),
                "expiry": request.expiry.as_secs().to_string(),
                "memo": request.memo,
                "private": false,
            });
            let added: AddedInvoice = self.rest.post("/v1/invoices", &body).json().await?;
            let now = self.clock.wall();
            // The text decides, and lnd's own fields are compared with it: the payer sees only the
            // text.
            let made = check::invoice(added.payment_request, &request, self.network, now)?;
            if hash(&added.r_hash)? != made.payment_hash() {
                return Err(garbled("another hash than in the invoice"));
            }
            Ok(made)
        })
    }

    fn lookup(&self, payment_hash: PaymentHash) -> BoxFuture<'_, Result<InvoiceState, Error>> {
        Box::pin(async move {
            let path = format!("/v1/invoice/{payment_hash}");
            let invoice: WireInvoice = match self.rest.get(&path).json().await {
                Ok(invoice) => invoice,
                Err(failure) if failure.proof == Proof::NotFound => {
                    return Ok(InvoiceState::Unseen);
                }
                Err(failure) => return Err(failure.error),
            };
            if hash(&invoice.r_hash)? != payment_hash {
                return Err(garbled("another invoice"));
            }
            match invoice.state.as_str() {
                "ACCEPTED" => Ok(InvoiceState::Held),
                "CANCELED" => Ok(InvoiceState::Cancelled),
                "OPEN" => Ok(InvoiceState::Open),
                "SETTLED" => Ok(InvoiceState::Settled {
                    paid: Msat::new(invoice.amt_paid_msat),
                }),
                _ => Err(garbled("an unknown state of an invoice")),
            }
        })
    }

    fn liquidity(&self) -> BoxFuture<'_, Result<Option<Liquidity>, Error>> {
        Box::pin(async move {
            let asked = self.rest.get("/v1/balance/channels").json().await;
            Ok(permitted(asked)?.map(ChannelBalance::liquidity))
        })
    }

    fn settlements(&self, from: SettlementIndex) -> BoxStream<'_, Result<Settlement, Error>> {
        Box::pin(stream::try_unfold(
            (from, None),
            move |(from, lines)| async move {
                let (next, lines) = self.next_settlement(from, lines).await?;
                let from = next.index;
                Ok(Some((next, (from, lines))))
            },
        ))
    }
}

impl LndReceive {
    /// Returns the settlement after `from`, and the subscription that continues after it, if there
    /// is one.
    async fn next_settlement(
        &self,
        from: SettlementIndex,
        lines: Option<Lines>,
    ) -> Result<(Settlement, Option<Lines>), Error> {
        if from == SettlementIndex::NEWEST {
            // A subscription from 0 tells nothing of the past.
            return self.next_subscribed(SettlementIndex(0), lines).await;
        }
        if lines.is_some() || from.0 > 0 {
            return self.next_subscribed(from, lines).await;
        }
        // A subscription from 0 tells nothing of the past, so the first settlement is looked up
        // once the subscription surely counts; what comes after it is reported from its index.
        let mut reported = pin!(self.next_subscribed(from, None));
        tokio::select! {
            reported = &mut reported => return reported,
            () = tokio::time::sleep(SUBSCRIBED) => {}
        }
        match self.first_settlement().await? {
            Some(first) => Ok((first, None)),
            None => reported.await,
        }
    }

    /// Returns the next settlement that a subscription reports; opens one if there is none.
    async fn next_subscribed(
        &self,
        from: SettlementIndex,
        lines: Option<Lines>,
    ) -> Result<(Settlement, Option<Lines>), Error> {
        let mut lines = match lines {
            Some(lines) => lines,
            None => {
                let path = format!("/v1/invoices/subscribe?settle_index={}", from.0);
                self.rest.get(&path).lines().await?
            }
        };
        while let Some(item) = lines.next::<StreamItem<WireInvoice>>().await? {
            if let Some(status) = item.error {
                return Err(Error::new(ErrorKind::Unavailable, plain(&status.message)));
            }
            let reported = item
                .result
                .ok_or_else(|| garbled("neither result nor error"))?;
            // lnd also reports invoices that were made or cancelled; they are skipped.
            if let Some(settlement) = settlement(&reported)? {
                return Ok((settlement, Some(lines)));
            }
        }
        Err(Error::new(
            ErrorKind::Unavailable,
            "lnd ended the subscription to invoices",
        ))
    }

    /// Finds the oldest settlement that lnd still keeps, which need not be that of the oldest
    /// invoice.
    async fn first_settlement(&self) -> Result<Option<Settlement>, Error> {
        let mut first: Option<Settlement> = None;
        let mut offset = 0;
        loop {
            let path = format!("/v1/invoices?num_max_invoices={PAGE}&index_offset={offset}");
            let page: WireInvoices = self.rest.get(&path).within(PAGE_TIME_LIMIT).json().await?;
            for invoice in &page.invoices {
                let found = settlement(invoice)?;
                let earlier = |s: &Settlement| first.as_ref().is_none_or(|f| s.index < f.index);
                first = found.filter(earlier).or(first);
            }
            // Index 1 is the oldest there can be. Otherwise all pages are read, because invoices
            // are sorted by when they were made and not by when they were paid.
            if page.last_index_offset <= offset || first.as_ref().is_some_and(|f| f.index.0 == 1) {
                return Ok(first);
            }
            offset = page.last_index_offset;
        }
    }
}

/// Returns the settlement of an invoice of lnd; `None` if the invoice is not settled.
fn settlement(invoice: &WireInvoice) -> Result<Option<Settlement>, Error> {
    if invoice.state != "SETTLED" || invoice.settle_index == 0 {
        return Ok(None);
    }
    let paid = Msat::new(invoice.amt_paid_msat);
    let index = SettlementIndex(invoice.settle_index);
    Ok(Some(Settlement {
        payment_hash: hash(&invoice.r_hash)?,
        paid,
        index,
    }))
}
