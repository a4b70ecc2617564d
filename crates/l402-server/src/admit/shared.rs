//! The parts of a paywall that all requests share: limits, and the observer.

use std::net::IpAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use l402::{Identifier, Problem};
use tokio::sync::Semaphore;

use super::builder::PaywallBuilder;
use crate::challenge::{Attempts, Breaker, Crowd, Hits, LimitHits, Limiter, Seldom};
use crate::decide::Decision;
use crate::ledger::{ReserveError, Setbacks};
use crate::observe::{Exchange, Observation, Verdict};
use crate::request::{CanonicalRequest, Presented};
use crate::settled::SettledCheck;

#[derive(Debug)]
pub(super) struct PaywallShared {
    pub(super) settings: PaywallBuilder,
    /// Written by a reload alone.
    pub(super) limiter: RwLock<Limiter>,
    pub(super) attempts: Attempts,
    pub(super) crowd: Crowd,
    pub(super) breaker: Breaker,
    pub(super) no_invoice: Seldom,
    pub(super) places: Semaphore,
    pub(super) node_calls: AtomicU64,
    pub(super) hits: HitsOfPaywall,
    pub(super) setbacks: Arc<Setbacks>,
    /// `None` if a preimage is proof enough, so that the usual node costs a request nothing.
    pub(super) settled: Option<Arc<SettledCheck>>,
    /// The question if a payment has settled, for those who have no preimage.
    pub(super) unlocks: Arc<SettledCheck>,
}

/// The number of times that limits other than those on challenges were hit.
#[derive(Debug, Default)]
pub(super) struct HitsOfPaywall {
    pub(super) attempts: Hits,
    pub(super) places: Hits,
    pub(super) pause: Hits,
}

impl PaywallShared {
    /// Returns the number of times that each limit was hit.
    pub(super) fn limit_hits(&self) -> LimitHits {
        let limiter = self.limiter.read().unwrap_or_else(PoisonError::into_inner);
        LimitHits {
            attempts: self.hits.attempts.read(),
            node_places: self.hits.places.read(),
            node_pause: self.hits.pause.read(),
            ..limiter.hits()
        }
    }

    /// Takes one challenge out of the peer's budget and the others'.
    ///
    /// # Errors
    /// The time to wait, if one of them is spent.
    pub(super) fn take_challenge(&self, peer: IpAddr, now: Duration) -> Result<(), Duration> {
        let limiter = self.limiter.read().unwrap_or_else(PoisonError::into_inner);
        let taken = limiter.take(peer, now);
        if self.crowd.note(peer, taken.is_err(), now) {
            tracing::warn!(
                %peer,
                "nearly all requests without a credential come from one address, and most are \
                 refused (429); if it is a proxy in front of this program, its buyers share the \
                 limits of one address: raise or switch off those per address and network \
                 (challenges.per_peer_…, challenges.per_prefix_…)"
            );
        }
        taken
    }

    /// Counts a credential that does not hold.
    ///
    /// # Errors
    /// The time to wait, if there were too many of this peer or at this token.
    pub(super) fn take_attempt(&self, request: &CanonicalRequest) -> Result<(), Duration> {
        let token = match &request.presented {
            Presented::Credential(credential) => credential.macaroon().identifier().ok(),
            Presented::Malformed(_)
            | Presented::Nothing
            | Presented::Passes(_)
            | Presented::Proven(_) => None,
        };
        self.take_attempt_of(request.peer, token)
    }

    /// Counts a credential, or a token, that does not hold.
    ///
    /// # Errors
    /// As [`PaywallShared::take_attempt`].
    pub(super) fn take_attempt_of(
        &self,
        peer: IpAddr,
        token: Option<Identifier>,
    ) -> Result<(), Duration> {
        let now = self.settings.clock.monotonic();
        let taken = self.attempts.take(peer, token, now);
        taken.inspect_err(|_| self.hits.attempts.count())
    }

    /// Returns the time if there is an observer, whom alone it is for.
    pub(super) fn observed_time(&self) -> Option<Duration> {
        let observer = self.settings.observer.as_ref();
        observer.map(|_| self.settings.clock.monotonic())
    }

    /// Tells the observer how long the ledger took since `asked`, and if it failed.
    pub(super) fn observe_reserved(&self, asked: Option<Duration>, error: Option<&ReserveError>) {
        if let (Some(observer), Some(asked)) = (&self.settings.observer, asked) {
            let took = self.settings.clock.monotonic().saturating_sub(asked);
            let failed = error.and_then(|error| match error {
                ReserveError::Consumed | ReserveError::InUse => None,
                failed => Some(failed.to_string()),
            });
            observer.reserved(took, failed.as_deref());
        }
    }

    /// Tells the observer of the decision, and returns what follows the request to its end.
    pub(super) fn observe(
        &self,
        request: &CanonicalRequest,
        decision: &Decision,
        started: Duration,
    ) -> Option<Box<Observation>> {
        let PaywallBuilder {
            observer, clock, ..
        } = &self.settings;
        let (verdict, matched) = match decision {
            Decision::Challenge(matched, problem) => (Verdict::Challenge(*problem), Some(matched)),
            Decision::Free(matched) => (Verdict::Free, Some(matched)),
            Decision::Granted(matched, _) => (Verdict::Uncounted, Some(matched)),
            Decision::Preflight(matched) => (Verdict::Preflight, Some(matched)),
            Decision::Refuse(matched, problem) => (Verdict::Refuse(*problem), matched.as_ref()),
            Decision::Reserve(matched, _) => (Verdict::Counted, Some(matched)),
        };
        let observer = observer.as_ref()?;
        // Before anything is copied for it: most requests of a busy gateway may be free ones.
        if !observer.follows(verdict) {
            observer.counted(verdict);
            return None;
        }
        // Token id and payment hash are told of a genuine credential alone: others choose them.
        let route = matched.map(|matched| &matched.route);
        let exchange = Exchange::new(request, route, genuine(request, decision), started);
        let exchange = match decision {
            Decision::Granted(_, proof) | Decision::Reserve(_, proof) => {
                exchange.with_bought(&proof.proven, &proof.authorized)
            }
            _ => exchange,
        };
        Some(Observation::begin(observer, clock, exchange, verdict))
    }
}

/// Returns the credential's identifier, if the decision has found it genuine.
fn genuine(request: &CanonicalRequest, decision: &Decision) -> Option<Identifier> {
    match decision {
        Decision::Granted(_, proof) | Decision::Reserve(_, proof) => {
            Some(*proof.proven.identifier())
        }
        // Only a genuine token is challenged with another problem than this one.
        Decision::Challenge(_, Problem::PaymentRequired) => None,
        Decision::Challenge(..) => match &request.presented {
            Presented::Credential(credential) => credential.macaroon().identifier().ok(),
            Presented::Proven(proven) => Some(*proven.identifier()),
            Presented::Malformed(_) | Presented::Nothing | Presented::Passes(_) => None,
        },
        Decision::Free(_) | Decision::Preflight(_) | Decision::Refuse(..) => None,
    }
}
