//! Getting paid through lnd.

use core::pin::pin;
use core::time::Duration;
use std::sync::Arc;

use futures_util::stream;
use l402::{Msat, Network, PaymentHash};
use reqwest::StatusCode;
use serde_json::json;

use super::rest::{Lines, Rest};
use super::wire::{AddedInvoice, Item, WireInvoice, WireInvoices, garbled, hash};
use crate::transport::plain;
use crate::{
    Error, ErrorKind, InvoiceRequest, InvoiceState, NewInvoice, Receive, Settlement,
    SettlementIndex, check,
};
use l402_host::{BoxFuture, BoxStream, Clock};

/// How many invoices are read at a time in search of the first settlement.
const PAGE: u64 = 500;

/// How long a page of them may take: a node with many invoices needs a while.
const PAGE_PATIENCE: Duration = Duration::from_secs(30);

/// By when a subscription surely counts, so that what it does not tell was before it.
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
                Err(failure) if failure.status == Some(StatusCode::NOT_FOUND) => {
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
    /// The settlement after `from`, and the subscription that goes on after it, if there is one.
    async fn next_settlement(
        &self,
        from: SettlementIndex,
        lines: Option<Lines>,
    ) -> Result<(Settlement, Option<Lines>), Error> {
        if from == SettlementIndex::NEWEST {
            // A subscription from 0 tells nothing of the past.
            return self.next_told(SettlementIndex(0), lines).await;
        }
        if lines.is_some() || from.0 > 0 {
            return self.next_told(from, lines).await;
        }
        // A subscription from 0 tells nothing of the past, so the first settlement is looked up
        // once the subscription surely counts; what comes after it is told from its index.
        let mut told = pin!(self.next_told(from, None));
        tokio::select! {
            told = &mut told => return told,
            () = tokio::time::sleep(SUBSCRIBED) => {}
        }
        match self.first_settlement().await? {
            Some(first) => Ok((first, None)),
            None => told.await,
        }
    }

    async fn next_told(
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
        while let Some(item) = lines.next::<Item<WireInvoice>>().await? {
            if let Some(status) = item.error {
                return Err(Error::new(ErrorKind::Unavailable, plain(&status.message)));
            }
            let told = item
                .result
                .ok_or_else(|| garbled("neither result nor error"))?;
            if let Some(settlement) = settlement(&told)? {
                return Ok((settlement, Some(lines)));
            }
        }
        Err(Error::new(
            ErrorKind::Unavailable,
            "lnd ended the subscription to invoices",
        ))
    }

    /// The oldest settlement that lnd still keeps, which is not the oldest invoice.
    async fn first_settlement(&self) -> Result<Option<Settlement>, Error> {
        let mut first: Option<Settlement> = None;
        let mut offset = 0;
        loop {
            let path = format!("/v1/invoices?num_max_invoices={PAGE}&index_offset={offset}");
            let page: WireInvoices = self.rest.get(&path).within(PAGE_PATIENCE).json().await?;
            for invoice in &page.invoices {
                let found = settlement(invoice)?;
                let earlier = |s: &Settlement| first.as_ref().is_none_or(|f| s.index < f.index);
                first = found.filter(earlier).or(first);
            }
            if page.last_index_offset <= offset || first.as_ref().is_some_and(|f| f.index.0 == 1) {
                return Ok(first);
            }
            offset = page.last_index_offset;
        }
    }
}

/// The settlement that an invoice of lnd stands for; `None` where it is not settled.
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
