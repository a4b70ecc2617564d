//! A paid answer on its way to the caller.

use std::sync::Arc;

use l402_host::Clock;

use super::lock::Claim;
use super::open::Journal;
use super::step::Paid;
use crate::failpoint::{self, Step};

/// A purchase whose answer is on its way.
pub(crate) struct Delivery {
    pub(crate) journal: Journal,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) purchase: Paid,
    pub(crate) claim: Option<Claim>,
    /// The path that answers.
    pub(crate) path: String,
}

impl Delivery {
    /// Notes that the answer broke off: the purchase stays paid.
    pub(crate) async fn broke_off(&self, reason: &str) {
        let (hash, now) = (self.purchase.row().payment_hash, self.clock.wall());
        let reason = reason.to_owned();
        // Without the note it does not count towards the seller's stop.
        let noted = self
            .journal
            .run(move |store| store.unserved(&hash, &reason, now))
            .await;
        if let Err(error) = noted {
            tracing::warn!(%hash, error = error.without_promise(), "cannot note a failure");
        }
    }

    /// Records that the answer was read to its end. `is_last` is set if the server says that the
    /// token has no use left.
    pub(crate) async fn finish(self, is_last: bool) {
        let Self {
            journal,
            clock,
            purchase,
            claim,
            path,
        } = self;
        let (hash, now) = (purchase.row().payment_hash, clock.wall());
        failpoint::hit(Step::Answered);
        let done = journal
            .run(move |store| store.served(purchase, &path, is_last, now))
            .await;
        // The answer is there; what was lost is only that the token is tried once more.
        if let Err(error) = done {
            tracing::warn!(%hash, error = error.without_promise(), "cannot mark a purchase as served");
        }
        // Only now: a call that claims the purchase next must already read `served`.
        drop(claim);
    }
}
