//! The number of times that each limit of the paywall was hit.

use std::sync::atomic::{AtomicU64, Ordering};

/// The number of times that each limit of a paywall was hit since it was built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitHits {
    /// Challenges beyond [`ChallengeLimits::per_peer`](crate::ChallengeLimits::per_peer).
    pub challenges_per_peer: u64,
    /// Challenges beyond [`ChallengeLimits::per_prefix`](crate::ChallengeLimits::per_prefix).
    pub challenges_per_prefix: u64,
    /// Challenges beyond [`ChallengeLimits::total`](crate::ChallengeLimits::total).
    pub challenges_total: u64,
    /// Credentials that did not hold, beyond the number of tries of a caller or a token.
    pub attempts: u64,
    /// Challenges without a place among the invoices that are asked for at the same time.
    pub node_places: u64,
    /// Challenges while the node is left alone, because it has failed several times in a row.
    pub node_pause: u64,
}

impl LimitHits {
    /// Returns the numbers with a name for each, which does not change.
    #[must_use]
    pub fn by_name(self) -> [(&'static str, u64); 6] {
        [
            ("challenges_per_peer", self.challenges_per_peer),
            ("challenges_per_prefix", self.challenges_per_prefix),
            ("challenges_total", self.challenges_total),
            ("attempts", self.attempts),
            ("node_places", self.node_places),
            ("node_pause", self.node_pause),
        ]
    }
}

/// A number of hits. Nothing is ordered by it, so every access is relaxed.
#[derive(Debug, Default)]
pub(crate) struct Hits(AtomicU64);

impl Hits {
    pub(crate) fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
