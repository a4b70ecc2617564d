//! The receiving half of an embedded node.

use std::collections::VecDeque;

use futures_util::stream;
use l402::{Network, PaymentHash};

use super::hint;
use super::node::{Ldk, stopped};
use crate::{
    Error, InvoiceRequest, InvoiceState, Liquidity, NewInvoice, Receive, Settlement,
    SettlementIndex, check,
};
use l402_host::{BoxFuture, BoxStream};

impl Receive for Ldk {
    fn network(&self) -> Network {
        self.shared().network
    }

    fn preimage_is_proof(&self) -> bool {
        true
    }

    fn signs_here(&self) -> bool {
        true
    }

    fn create_invoice(&self, request: InvoiceRequest) -> BoxFuture<'_, Result<NewInvoice, Error>> {
        Box::pin(async move {
            check::request(&request)?;
            let shared = self.shared();
            shared.check_running()?;
            let inbound_channels = match shared.cached_inbound_channels() {
                Some(known) => known,
                None => {
                    self.blocking(|shared| shared.read_inbound_channels())
                        .await?
                }
            };
            let hints = hint::hints(&inbound_channels, request.amount.msat());
            let now = shared.now();
            let bolt11 = shared.key.invoice(&request, now, hints)?;
            check::own_invoice(bolt11, &request, shared.network, now)
        })
    }

    fn lookup(&self, payment_hash: PaymentHash) -> BoxFuture<'_, Result<InvoiceState, Error>> {
        Box::pin(async move {
            let found = self.blocking(move |shared| shared.file.paid(&payment_hash));
            let paid = found.await??;
            Ok(paid.map_or(InvoiceState::Unseen, |paid| InvoiceState::Settled { paid }))
        })
    }

    fn newest_settlement(&self) -> BoxFuture<'_, Result<SettlementIndex, Error>> {
        Box::pin(async move { self.blocking(|shared| shared.file.newest()).await? })
    }

    fn liquidity(&self) -> BoxFuture<'_, Result<Option<Liquidity>, Error>> {
        Box::pin(async move {
            self.shared().check_running()?;
            let channels = self.blocking(|shared| shared.node.list_channels()).await?;
            Ok(Some(hint::liquidity(&channels)))
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
    /// Returns the settlement after `from`, and those that were read beyond it. Waits until there
    /// is one.
    async fn next_settlement(
        &self,
        mut from: SettlementIndex,
        mut read: VecDeque<Settlement>,
    ) -> Result<(Settlement, VecDeque<Settlement>), Error> {
        // Subscribed before the file is read, so that a settlement stored in between wakes the
        // loop.
        let mut changes = self.shared().running.subscribe();
        if from == SettlementIndex::NEWEST {
            from = self.blocking(|shared| shared.file.newest()).await??;
        }
        loop {
            if let Some(next) = read.pop_front() {
                return Ok((next, read));
            }
            let page = self.blocking(move |shared| shared.file.settlements(from));
            read = page.await??.into();
            if !read.is_empty() {
                continue;
            }
            // Only after the file: a stopped node still reports the settlements that it has stored.
            self.shared().check_running()?;
            changes.changed().await.map_err(|_| stopped())?;
        }
    }
}
