//! The receiving half of LNbits.

use core::time::Duration;
use std::sync::Arc;

use l402::{Network, PaymentHash};
use l402_host::{BoxFuture, BoxStream, Clock};
use serde_json::json;

use super::peer::{Api, CALLED};
use super::wire::{Created, Found, Page, WirePayment};
use crate::backend::http_wallet::{Paid, PaidInvoices, garbled, newest_settlement, settlements};
use crate::transport::Proof;
use crate::{
    Error, InvoiceRequest, InvoiceState, NewInvoice, Receive, Settlement, SettlementIndex, check,
};

/// The number of payments read at a time.
const PAGE: usize = 200;

/// The time limit of a page: a server with many payments needs a while.
const PAGE_TIME_LIMIT: Duration = Duration::from_secs(30);

/// A wallet of LNbits that can be paid.
#[derive(Debug)]
pub(super) struct LnbitsReceive {
    pub(super) api: Api,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) network: Network,
}

impl Receive for LnbitsReceive {
    fn network(&self) -> Network {
        self.network
    }

    /// False: anybody who reads the server's data, or has the invoice key, can learn the preimage of an
    /// invoice before anybody has paid it.
    fn preimage_is_proof(&self) -> bool {
        false
    }

    /// Makes an invoice over whole satoshi: an amount with a part of one is rounded up.
    fn create_invoice(&self, request: InvoiceRequest) -> BoxFuture<'_, Result<NewInvoice, Error>> {
        Box::pin(async move {
            check::request(&request)?;
            let (request, sat) = request.in_whole_sat();
            let body = json!({
                "out": false,
                "unit": "sat",
                "amount": sat,
                "memo": request.memo,
                "expiry": request.expiry.as_secs(),
            });
            let created: Created = self.api.post("/api/v1/payments", &body).json().await?;
            let now = self.clock.wall();
            // The text decides, and LNbits' own field is compared with it: the payer sees only the
            // text.
            let made = check::invoice(created.bolt11, &request, self.network, now)?;
            if created.payment_hash.parse() != Ok(made.payment_hash()) {
                return Err(garbled(CALLED, "another hash than in the invoice"));
            }
            Ok(made)
        })
    }

    fn lookup(&self, payment_hash: PaymentHash) -> BoxFuture<'_, Result<InvoiceState, Error>> {
        Box::pin(async move {
            let Some(incoming) = self.incoming(&payment_hash).await? else {
                return Ok(InvoiceState::Unseen);
            };
            if incoming.hash()? != payment_hash {
                return Err(garbled(CALLED, "another payment"));
            }
            match incoming.status.as_str() {
                "success" => Ok(InvoiceState::Settled {
                    paid: incoming.msat(),
                }),
                // LNbits says so of what has expired.
                "failed" => Ok(InvoiceState::Cancelled),
                "pending" => Ok(InvoiceState::Open),
                _ => Err(garbled(CALLED, "an unknown state of an invoice")),
            }
        })
    }

    fn newest_settlement(&self) -> BoxFuture<'_, Result<SettlementIndex, Error>> {
        Box::pin(newest_settlement(self))
    }

    fn settlements(&self, from: SettlementIndex) -> BoxStream<'_, Result<Settlement, Error>> {
        settlements(self, from)
    }
}

impl LnbitsReceive {
    /// Returns an invoice of this wallet, which the server asks its own node about if it is open.
    async fn incoming(&self, hash: &PaymentHash) -> Result<Option<WirePayment>, Error> {
        let path = format!("/api/v1/payments/{hash}");
        let found: Found = match self.api.get(&path).json().await {
            Ok(found) => found,
            Err(failure) if failure.proof == Proof::NotFound => return Ok(None),
            Err(failure) => return Err(failure.error),
        };
        match found.details {
            Some(payment) if payment.is_incoming() => Ok(Some(payment)),
            // The wallet has paid its own invoice, and this is the other side of it.
            Some(_) => {
                let path =
                    format!("/api/v1/payments/paginated?payment_hash={hash}&amount[gt]=0&limit=1");
                let page: Page = self.api.get(&path).json().await?;
                Ok(page.data.into_iter().find(WirePayment::is_incoming))
            }
            None => Err(garbled(CALLED, "a payment of nobody's")),
        }
    }

    /// Lists the settled invoices from the newest on. LNbits changes the time in it when it settles
    /// an invoice.
    async fn page(&self, offset: usize, limit: usize) -> Result<Page, Error> {
        let path = format!(
            "/api/v1/payments/paginated?status=success&amount[gt]=0&sortby=updated_at\
             &direction=desc&offset={offset}&limit={limit}"
        );
        let call = self.api.get(&path).within(PAGE_TIME_LIMIT);
        Ok(call.json().await?)
    }
}

impl PaidInvoices for LnbitsReceive {
    const SECOND: u64 = 1_000_000;

    fn newest(&self) -> BoxFuture<'_, Result<u64, Error>> {
        Box::pin(async move {
            let page = self.page(0, 1).await?;
            let newest = page.data.first().map(WirePayment::settlement).transpose()?;
            Ok(newest.flatten().map_or(0, |paid| paid.at))
        })
    }

    /// Reads page after page, newest first: what is paid meanwhile moves the rest to the back, so
    /// that some come twice and none is left out.
    fn since(&self, at: u64) -> BoxFuture<'_, Result<Vec<Paid>, Error>> {
        Box::pin(async move {
            let mut all = Vec::new();
            let mut offset: usize = 0;
            loop {
                let page = self.page(offset, PAGE).await?;
                let mut is_last = page.data.len() < PAGE;
                offset = offset.saturating_add(page.data.len());
                for payment in &page.data {
                    let Some(paid) = payment.settlement()? else {
                        continue;
                    };
                    is_last |= paid.at < at;
                    all.extend(Some(paid).filter(|paid| paid.at >= at));
                }
                if is_last {
                    return Ok(all);
                }
            }
        })
    }
}
