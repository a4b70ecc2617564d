//! The receiving half of phoenixd.

use core::time::Duration;
use std::sync::Arc;

use l402::{Network, PaymentHash};
use l402_host::{BoxFuture, BoxStream, Clock};

use super::peer::{Api, CALLED};
use super::wire::{Created, Incoming, Info};
use crate::backend::http_wallet::{Paid, PaidInvoices, garbled, newest_settlement, settlements};
use crate::transport::{Proof, permitted};
use crate::{
    Error, InvoiceRequest, InvoiceState, Liquidity, NewInvoice, Receive, Settlement,
    SettlementIndex, check,
};

/// The longest description that phoenixd takes, in units of UTF-16.
const MAX_DESCRIPTION: usize = 128;

/// The number of payments read at a time.
const PAGE: usize = 200;

/// The time limit of a page: a node with many payments needs a while.
const PAGE_TIME_LIMIT: Duration = Duration::from_secs(30);

/// A phoenixd that can be paid.
#[derive(Debug)]
pub(super) struct PhoenixdReceive {
    pub(super) api: Api,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) network: Network,
}

impl Receive for PhoenixdReceive {
    fn network(&self) -> Network {
        self.network
    }

    fn preimage_is_proof(&self) -> bool {
        true
    }

    /// Makes an invoice over whole satoshi: an amount with a part of one is rounded up. A memo of
    /// more than 128 characters is cut.
    fn create_invoice(&self, request: InvoiceRequest) -> BoxFuture<'_, Result<NewInvoice, Error>> {
        Box::pin(async move {
            check::request(&request)?;
            let (request, sat) = request.in_whole_sat();
            let (sat, expiry) = (sat.to_string(), request.expiry.as_secs().to_string());
            let fields = [
                ("description", cut(&request.memo)),
                ("amountSat", sat.as_str()),
                ("expirySeconds", expiry.as_str()),
            ];
            let created: Created = self.api.post_form("/createinvoice", &fields).json().await?;
            let now = self.clock.wall();
            // The text decides, and phoenixd's own field is compared with it: the payer sees only
            // the text.
            let made = check::invoice(created.serialized, &request, self.network, now)?;
            if created.payment_hash.parse() != Ok(made.payment_hash()) {
                return Err(garbled(CALLED, "another hash than in the invoice"));
            }
            Ok(made)
        })
    }

    fn lookup(&self, payment_hash: PaymentHash) -> BoxFuture<'_, Result<InvoiceState, Error>> {
        Box::pin(async move {
            let path = format!("/payments/incoming/{payment_hash}");
            let incoming: Incoming = match self.api.get(&path).json().await {
                Ok(incoming) => incoming,
                Err(failure) if failure.proof == Proof::NotFound => {
                    return Ok(InvoiceState::Unseen);
                }
                Err(failure) => return Err(failure.error),
            };
            if incoming.hash()? != payment_hash {
                return Err(garbled(CALLED, "another payment"));
            }
            Ok(incoming.state())
        })
    }

    fn newest_settlement(&self) -> BoxFuture<'_, Result<SettlementIndex, Error>> {
        Box::pin(newest_settlement(self))
    }

    fn liquidity(&self) -> BoxFuture<'_, Result<Option<Liquidity>, Error>> {
        Box::pin(async move {
            let asked = self.api.get("/getinfo").json().await;
            Ok(permitted(asked)?.map(|info: Info| info.liquidity()))
        })
    }

    fn settlements(&self, from: SettlementIndex) -> BoxStream<'_, Result<Settlement, Error>> {
        settlements(self, from)
    }
}

impl PaidInvoices for PhoenixdReceive {
    const SECOND: u64 = 1000;

    fn newest(&self) -> BoxFuture<'_, Result<u64, Error>> {
        Box::pin(async move {
            let newest = self.page(0, 0, 1).await?;
            Ok(newest.first().map_or(0, |paid| paid.at))
        })
    }

    /// Reads page after page, newest first: what is paid meanwhile moves the rest to the back, so
    /// that some come twice and none is left out.
    fn since(&self, at: u64) -> BoxFuture<'_, Result<Vec<Paid>, Error>> {
        Box::pin(async move {
            let mut all = Vec::new();
            let mut offset: usize = 0;
            loop {
                let page = self.page(at, offset, PAGE).await?;
                let is_last = page.len() < PAGE;
                offset = offset.saturating_add(page.len());
                all.extend(page);
                if is_last {
                    return Ok(all);
                }
            }
        })
    }
}

impl PhoenixdReceive {
    /// Lists what was paid since a time, newest first. phoenixd leaves out here what is not paid.
    async fn page(&self, from: u64, offset: usize, limit: usize) -> Result<Vec<Paid>, Error> {
        let path = format!("/payments/incoming?from={from}&offset={offset}&limit={limit}");
        let call = self.api.get(&path).within(PAGE_TIME_LIMIT);
        let listed: Vec<Incoming> = call.json().await?;
        let mut page = Vec::with_capacity(listed.len());
        for incoming in &listed {
            page.extend(incoming.settlement()?);
        }
        Ok(page)
    }
}

/// Returns the beginning of a text that phoenixd takes as a description.
fn cut(memo: &str) -> &str {
    let mut units: usize = 0;
    let end = memo.char_indices().find(|(_, letter)| {
        units = units.saturating_add(letter.len_utf16());
        units > MAX_DESCRIPTION
    });
    end.and_then(|(end, _)| memo.get(..end)).unwrap_or(memo)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_cut_between_letters() {
        assert_eq!(cut("a joke"), "a joke");
        assert_eq!(cut(&"ü".repeat(129)), "ü".repeat(128));
        assert_eq!(cut(&"⚡🤡".repeat(50)).chars().count(), 85);
    }
}
