//! An offer: an invoice of the node and the token that goes with it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use l402_lightning::{InvoiceRequest, NewInvoice};

use super::shared::PaywallShared;
use crate::challenge::{Attempt, Offer};
use crate::table::{Priced, Snapshot};

/// The longest that the node may take for an invoice.
pub(super) const NODE_TIMEOUT: Duration = Duration::from_secs(2);

/// The most invoices that are requested from the node at the same time (ATTACKS D-12).
pub(super) const NODE_CALLS_AT_ONCE: usize = 256;

impl PaywallShared {
    /// Asks the node for an invoice, checks it, and mints its token.
    ///
    /// # Errors
    /// The time to wait before asking again.
    pub(super) async fn offer(
        &self,
        snapshot: &Snapshot,
        priced: &Priced,
    ) -> Result<Offer, Duration> {
        let clock = &self.settings.clock;
        // Does not wait for a place: behind a slow node that queue would only grow (ATTACKS D-12).
        let Ok(_place) = self.places.try_acquire() else {
            self.hits.places.count();
            return Err(NODE_TIMEOUT);
        };
        let attempt = self.breaker.attempt(clock.monotonic());
        let attempt = attempt.inspect_err(|_| self.hits.pause.count())?;
        let made = self.ask(priced).await;
        let lsat_line = self.settings.lsat_line;
        let offer = made.and_then(|made| {
            let offer = Offer::new(&made, priced, snapshot, clock.wall(), lsat_line);
            offer.map_err(NoOffer::of_route)
        });
        self.judge(attempt, offer, priced)
    }

    /// Asks the node for an invoice, for `NODE_TIMEOUT` at most.
    async fn ask(&self, priced: &Priced) -> Result<NewInvoice, NoOffer> {
        self.node_calls.fetch_add(1, Ordering::Relaxed);
        let request = InvoiceRequest::new(priced.price, priced.invoice_expiry, priced.memo.clone());
        match tokio::time::timeout(NODE_TIMEOUT, self.settings.receive.create_invoice(request))
            .await
        {
            Ok(made) => made.map_err(|error| NoOffer {
                text: error.to_string(),
                is_of_node: error.is_of_node(),
            }),
            Err(_) => Err(NoOffer {
                text: "no invoice in time".to_owned(),
                is_of_node: true,
            }),
        }
    }

    /// Tells the circuit breaker how the attempt ended, if that says something about the node.
    ///
    /// # Errors
    /// The time to wait before asking again.
    fn judge(
        &self,
        attempt: Attempt<'_>,
        offer: Result<Offer, NoOffer>,
        priced: &Priced,
    ) -> Result<Offer, Duration> {
        let failed = match offer {
            Ok(offer) => {
                attempt.succeeded();
                return Ok(offer);
            }
            Err(failed) => failed,
        };
        let now = self.settings.clock.monotonic();
        if self.no_invoice.is_due(now) {
            let (error, service) = (&failed.text, priced.service.as_str());
            tracing::warn!(%error, service, "no invoice can be offered");
        }
        if failed.is_of_node {
            return Err(attempt.failed(now));
        }
        // Dropped, the attempt counts neither way: one route that cannot be sold must not stop the
        // others, nor prove that a node which was away is back.
        Err(Duration::ZERO)
    }
}

/// The reason why there is nothing to offer. Its text is for the log.
struct NoOffer {
    text: String,
    /// True if any other invoice would fail as well.
    is_of_node: bool,
}

impl NoOffer {
    /// An invoice that does not go with the route.
    fn of_route(text: String) -> Self {
        Self {
            text,
            is_of_node: false,
        }
    }
}
