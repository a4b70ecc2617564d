//! Counters in memory.

use std::sync::atomic::{AtomicU64, Ordering};

use l402_server::observe::{Exchange, Fault, Outcome, Refused, Settled, Verdict};

/// The counters of a gateway at one moment, since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Requests that the paywall has decided about.
    pub requests: u64,
    /// Requests to free routes among them.
    pub free: u64,
    /// Invoices that went out.
    pub offered: u64,
    /// Requests that may be forwarded, free ones included.
    pub granted: u64,
    /// Uses that are spent.
    pub spent: u64,
    /// Uses that were given back because of the buyer.
    pub given_back_buyer: u64,
    /// Uses that were given back because of the upstream.
    pub given_back_upstream: u64,
    /// Paid requests of a policy that does not count.
    pub uncounted: u64,
    /// Requests that were answered without an upstream, preflights aside.
    pub refused: u64,
    /// Those among them whose credential was genuine: spent, in use, ended, or for another service.
    pub refused_paid: u64,
    /// Payments that the node has told of.
    pub settlements: u64,
    /// The sum of these payments, in millisatoshi.
    pub settled_msat: u64,
    /// Lines that the access log had no room for.
    pub lines_dropped: u64,
}

/// A number that all workers add to. Nothing is ordered by it, so every access is relaxed.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, number: u64) {
        self.0.fetch_add(number, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counters themselves.
#[derive(Debug, Default)]
pub(super) struct CounterCells {
    requests: Counter,
    free: Counter,
    offered: Counter,
    granted: Counter,
    spent: Counter,
    given_back_buyer: Counter,
    given_back_upstream: Counter,
    uncounted: Counter,
    refused: Counter,
    refused_paid: Counter,
    settlements: Counter,
    settled_msat: Counter,
}

impl CounterCells {
    pub(super) fn decided(&self, verdict: Verdict) {
        self.requests.add(1);
        if verdict == Verdict::Free {
            self.free.add(1);
        }
    }

    pub(super) fn offered(&self) {
        self.offered.add(1);
    }

    pub(super) fn granted(&self) {
        self.granted.add(1);
    }

    pub(super) fn settled(&self, exchange: &Exchange, settled: &Settled) {
        match (settled.outcome(), settled.fault()) {
            (Outcome::Spent, _) => self.spent.add(1),
            (Outcome::GivenBack, Some(Fault::Buyer)) => self.given_back_buyer.add(1),
            (Outcome::GivenBack, _) => self.given_back_upstream.add(1),
            _ if exchange.is_paid() => self.uncounted.add(1),
            _ => {}
        }
    }

    pub(super) fn refused(&self, exchange: &Exchange, refused: &Refused) {
        if refused.problem().is_some() {
            self.refused.add(1);
            self.refused_paid.add(exchange.is_paid().into());
        }
    }

    pub(super) fn settlement(&self, msat: u64) {
        self.settlements.add(1);
        self.settled_msat.add(msat);
    }

    /// Reads each counter. Requests that are under way may be in one and not yet in another.
    pub(super) fn read(&self) -> Counters {
        Counters {
            requests: self.requests.read(),
            free: self.free.read(),
            offered: self.offered.read(),
            granted: self.granted.read(),
            spent: self.spent.read(),
            given_back_buyer: self.given_back_buyer.read(),
            given_back_upstream: self.given_back_upstream.read(),
            uncounted: self.uncounted.read(),
            refused: self.refused.read(),
            refused_paid: self.refused_paid.read(),
            settlements: self.settlements.read(),
            settled_msat: self.settled_msat.read(),
            lines_dropped: 0,
        }
    }
}
