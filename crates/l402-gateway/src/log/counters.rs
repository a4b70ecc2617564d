//! Counters in memory.

use l402_server::observe::{Exchange, Fault, Outcome, Refused, Settled, Verdict};

use crate::metrics::{Counter, Sharded};

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
    /// Spans of traces that no collector got.
    pub spans_dropped: u64,
}

/// The counters themselves: a part of them for each worker, so that none waits for another.
#[derive(Debug, Default)]
pub(super) struct CounterCells(Sharded<CounterShard>);

/// The part of the counters that one worker adds to.
#[derive(Debug, Default)]
struct CounterShard {
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
        let own = self.0.own();
        own.requests.add(1);
        if verdict == Verdict::Free {
            own.free.add(1);
        }
    }

    pub(super) fn offered(&self) {
        self.0.own().offered.add(1);
    }

    pub(super) fn granted(&self) {
        self.0.own().granted.add(1);
    }

    pub(super) fn settled(&self, exchange: &Exchange, settled: &Settled) {
        let own = self.0.own();
        match (settled.outcome(), settled.fault()) {
            (Outcome::Spent, _) => own.spent.add(1),
            (Outcome::GivenBack, Some(Fault::Buyer)) => own.given_back_buyer.add(1),
            (Outcome::GivenBack, _) => own.given_back_upstream.add(1),
            _ if exchange.is_paid() => own.uncounted.add(1),
            _ => {}
        }
    }

    pub(super) fn refused(&self, exchange: &Exchange, refused: &Refused) {
        if refused.problem().is_some() {
            let own = self.0.own();
            own.refused.add(1);
            own.refused_paid.add(exchange.is_paid().into());
        }
    }

    pub(super) fn settlement(&self, msat: u64) {
        let own = self.0.own();
        own.settlements.add(1);
        own.settled_msat.add(msat);
    }

    /// Reads each counter. Requests that are under way may be in one and not yet in another.
    pub(super) fn read(&self) -> Counters {
        let sum = |counter: fn(&CounterShard) -> &Counter| {
            let shards = self.0.all().map(counter);
            shards.map(Counter::read).sum()
        };
        Counters {
            requests: sum(|shard| &shard.requests),
            free: sum(|shard| &shard.free),
            offered: sum(|shard| &shard.offered),
            granted: sum(|shard| &shard.granted),
            spent: sum(|shard| &shard.spent),
            given_back_buyer: sum(|shard| &shard.given_back_buyer),
            given_back_upstream: sum(|shard| &shard.given_back_upstream),
            uncounted: sum(|shard| &shard.uncounted),
            refused: sum(|shard| &shard.refused),
            refused_paid: sum(|shard| &shard.refused_paid),
            settlements: sum(|shard| &shard.settlements),
            settled_msat: sum(|shard| &shard.settled_msat),
            lines_dropped: 0,
            // As with the lines: they are counted elsewhere.
            spans_dropped: 0,
        }
    }
}
