//! The settings of a paywall.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, RwLock};

use l402_host::Clock;
use l402_lightning::Receive;
use tokio::sync::Semaphore;

use super::offer::{NODE_CALLS_AT_ONCE, NODE_TIMEOUT};
use super::paywall::Paywall;
use super::shared::{HitsOfPaywall, PaywallShared};
use crate::challenge::{Attempts, Breaker, ChallengeLimits, Crowd, Limiter, Seldom};
use crate::ledger::{Ledger, Setbacks};
use crate::observe::Observe;
use crate::settled::SettledCheck;

/// Builds a [`Paywall`]. By default: ledger in memory, default limits, system clock.
#[derive(Debug)]
pub struct PaywallBuilder {
    pub(super) receive: Arc<dyn Receive>,
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) limits: ChallengeLimits,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) lsat_line: bool,
    pub(super) invalid_credential_402: bool,
    pub(super) observer: Option<Arc<dyn Observe>>,
}

impl PaywallBuilder {
    /// Sets the ledger that counts uses. By default a [`MemoryLedger`](crate::ledger::MemoryLedger), which a restart empties.
    #[must_use]
    pub fn ledger(mut self, ledger: Arc<dyn Ledger>) -> Self {
        self.ledger = ledger;
        self
    }

    /// Sets the limits on challenges. By default [`ChallengeLimits::default`].
    #[must_use]
    pub fn limits(mut self, limits: ChallengeLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the clock. By default that of the system.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Writes an `LSAT` line before the `L402` line of a challenge, for old gRPC clients. Off by
    /// default.
    #[must_use]
    pub fn lsat_line(mut self, on: bool) -> Self {
        self.lsat_line = on;
        self
    }

    /// Answers a malformed or forged credential with 402 instead of 401, for clients that know
    /// nothing else. The answer keeps its code, and offers an invoice like any other 402. Off by
    /// default.
    #[must_use]
    pub fn invalid_credential_402(mut self, on: bool) -> Self {
        self.invalid_credential_402 = on;
        self
    }

    /// Sets the observer that is told of each decision and sale. By default there is none, and then
    /// nothing is computed for one.
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn Observe>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Builds the paywall.
    #[must_use]
    pub fn build(self) -> Paywall {
        let shared = PaywallShared {
            limiter: RwLock::new(Limiter::new(self.limits)),
            attempts: Attempts::default(),
            crowd: Crowd::default(),
            breaker: Breaker::default(),
            no_invoice: Seldom::default(),
            places: Semaphore::new(NODE_CALLS_AT_ONCE),
            node_calls: AtomicU64::new(0),
            hits: HitsOfPaywall::default(),
            setbacks: Arc::new(Setbacks::new(Arc::clone(&self.clock))),
            settled: SettledCheck::of(&self.receive, &self.clock, NODE_TIMEOUT, self.limits),
            unlocks: SettledCheck::for_passes(
                &self.receive,
                &self.clock,
                NODE_TIMEOUT,
                self.limits,
            ),
            settings: self,
        };
        Paywall {
            shared: Arc::new(shared),
        }
    }
}
