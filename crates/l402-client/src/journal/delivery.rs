//! A paid answer on its way to the caller.

use std::sync::Arc;

use l402_host::Clock;

use super::lock::Claim;
use super::open::Journal;
use super::step::Paid;
use crate::UseReport;
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

    /// Records that the answer was read to its end, and what the server says of the token.
    pub(crate) async fn finish(self, told: Option<UseReport>) {
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
            .run(move |store| store.served(purchase, &path, told, now))
            .await;
        // The answer is there; what was lost is only that the token is tried once more.
        if let Err(error) = done {
            tracing::warn!(%hash, error = error.without_promise(), "cannot mark a purchase as served");
        }
        // Only now: a call that claims the purchase next must already read `served`.
        drop(claim);
    }

    /// Records what an answer says of the token that leaves the purchase as it was.
    pub(crate) async fn note(self, told: UseReport) {
        let Self {
            journal,
            purchase,
            claim,
            ..
        } = self;
        let hash = purchase.row().payment_hash;
        let done = journal
            .run(move |store| store.note_use(purchase, told))
            .await;
        if let Err(error) = done {
            tracing::warn!(%hash, error = error.without_promise(), "cannot note what is left of a token");
        }
        drop(claim);
    }
}
