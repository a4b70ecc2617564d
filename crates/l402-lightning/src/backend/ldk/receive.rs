//! Getting paid through an embedded node.

use std::collections::VecDeque;

use futures_util::stream;
use l402::{Network, PaymentHash};

use super::hint;
use super::node::{Ldk, stopped};
use crate::{
    Error, InvoiceRequest, InvoiceState, NewInvoice, Receive, Settlement, SettlementIndex, check,
};
use l402_host::{BoxFuture, BoxStream};

impl Receive for Ldk {
    fn network(&self) -> Network {
        self.inner().network
    }

    fn signs_here(&self) -> bool {
        true
    }

    fn create_invoice(&self, request: InvoiceRequest) -> BoxFuture<'_, Result<NewInvoice, Error>> {
        Box::pin(async move {
            check::request(&request)?;
            let inner = self.inner();
            inner.check_running()?;
            let ways_in = match inner.known_ways_in() {
                Some(known) => known,
                None => self.blocking(|inner| inner.look_for_ways_in()).await?,
            };
            let hints = hint::hints(&ways_in, request.amount.msat());
            let now = inner.now();
            let bolt11 = inner.key.invoice(&request, now, hints)?;
            check::own_invoice(bolt11, &request, inner.network, now)
        })
    }

    fn lookup(&self, payment_hash: PaymentHash) -> BoxFuture<'_, Result<InvoiceState, Error>> {
        Box::pin(async move {
            let found = self.blocking(move |inner| inner.file.paid(&payment_hash));
            let paid = found.await??;
            Ok(paid.map_or(InvoiceState::Unseen, |paid| InvoiceState::Settled { paid }))
        })
    }

    fn settlements(&self, from: SettlementIndex) -> BoxStream<'_, Result<Settlement, Error>> {
        let start = (from, VecDeque::new());
        Box::pin(stream::try_unfold(start, move |(from, read)| async move {
            let (next, read) = self.next_settlement(from, read).await?;
            let from = next.index;
            Ok(Some((next, (from, read))))
        }))
    }
}

impl Ldk {
    /// The settlement after `from`, and those read beyond it; waits until there is one.
    async fn next_settlement(
        &self,
        mut from: SettlementIndex,
        mut read: VecDeque<Settlement>,
    ) -> Result<(Settlement, VecDeque<Settlement>), Error> {
        let mut news = self.inner().running.subscribe();
        if from == SettlementIndex::NEWEST {
            from = self.blocking(|inner| inner.file.newest()).await??;
        }
        loop {
            if let Some(next) = read.pop_front() {
                return Ok((next, read));
            }
            let page = self.blocking(move |inner| inner.file.settlements(from));
            read = page.await??.into();
            if !read.is_empty() {
                continue;
            }
            self.inner().check_running()?;
            news.changed().await.map_err(|_| stopped())?;
        }
    }
}
