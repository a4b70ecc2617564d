//! All numbers together, and what an exchange adds to them.

use std::sync::Arc;

use l402::{Msat, Problem};
use l402_server::books::cost_of;
use l402_server::observe::{Exchange, Fault, LoggedSales, Outcome, Refused, Settled};

use super::{
    AnswerKind, Connections, Counter, Histogram, HistogramTotals, LedgerNumbers, LimitHits, Minute,
    NodeNumbers, RequestOutcome, Routes, Sharded,
};

/// All numbers that requests and connections add to.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    pub(crate) routes: Routes,
    /// The time that the gateway itself took, by the kind of answer.
    pub(super) gateway: Sharded<[Histogram; AnswerKind::ALL.len()]>,
    pub(crate) connections: Arc<Connections>,
    pub(crate) limits: LimitHits,
    pub(crate) node: NodeNumbers,
    pub(crate) ledger: LedgerNumbers,
    pub(crate) reloads: Counter,
    pub(crate) reloads_rejected: Counter,
    /// The payments sold by time whose sale is counted.
    begun: LoggedSales,
    pub(crate) minute: Minute,
}

impl Metrics {
    /// Counts the end of a paid request. Free ones are counted when they are answered.
    pub(crate) fn settled(&self, exchange: &Exchange, settled: &Settled) {
        let (Some(price), Some(units)) = (exchange.price(), exchange.units()) else {
            return;
        };
        let outcome = match (settled.outcome(), settled.fault()) {
            (Outcome::Spent, _) | (Outcome::Uncounted, None) => RequestOutcome::Served,
            _ if settled.is_spent() => RequestOutcome::SpentUnserved,
            (_, Some(Fault::Buyer)) => RequestOutcome::GivenBackBuyer,
            _ => RequestOutcome::GivenBackUpstream,
        };
        let cells = self.routes.at(exchange.route_tag());
        cells.count(outcome, settled.problem());
        let sold = match settled.outcome() {
            Outcome::Spent => Some(use_price(price.msat(), units, exchange.uses_left())),
            // A payment for a time is one sale, however often it is used.
            Outcome::Uncounted => exchange
                .payment_hash()
                .filter(|payment| settled.fault().is_none() && self.begun.is_new(*payment))
                .map(|_| price.msat()),
            _ => None,
        };
        if let Some(msat) = sold {
            cells.sold(msat);
        }
    }

    /// Counts a request that is answered without its upstream. Those to free routes are counted when
    /// they are answered, preflights aside.
    pub(crate) fn refused(&self, exchange: &Exchange, refused: &Refused) {
        let is_free = exchange.route().is_some() && exchange.price().is_none();
        let outcome = match refused.problem() {
            None => RequestOutcome::Preflight,
            Some(_) if is_free => return,
            Some(_) if refused.has_offer() => RequestOutcome::Offered,
            Some(_) => RequestOutcome::Refused,
        };
        let cells = self.routes.at(exchange.route_tag());
        cells.count(outcome, refused.problem());
    }

    /// Counts a request to a free route that its paywall did not let pass.
    pub(crate) fn free_unavailable(&self, tag: u32) {
        let problem = Some(Problem::UpstreamUnavailable);
        let cells = self.routes.at(Some(tag));
        cells.count(RequestOutcome::Refused, problem);
    }

    /// Returns the time that the gateway itself took for answers of a kind.
    pub(crate) fn gateway_times(&self, kind: AnswerKind) -> HistogramTotals {
        let mut totals = HistogramTotals::default();
        for shard in self.gateway.all() {
            totals.add(&shard[kind as usize]);
        }
        totals
    }
}

/// Returns the msat that a use costs: the k-th of N of a payment of P is `⌊P·k/N⌋ − ⌊P·(k−1)/N⌋`, so
/// that all of them together cost P. `left` are the uses that are left after this one.
fn use_price(price: u64, units: u64, left: Option<u64>) -> u64 {
    let last = units.saturating_sub(left.unwrap_or(0)).max(1);
    let up_to = |uses| cost_of(Msat::new(price), uses, units).msat();
    up_to(last) - up_to(last - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uses_of_a_payment_cost_its_price_together() {
        for (price, units) in [(50_000, 1), (1000, 3), (1, 7), (u64::MAX, 4)] {
            let cost = |left| u128::from(use_price(price, units, Some(left)));
            assert_eq!((0..units).map(cost).sum::<u128>(), u128::from(price));
        }
        assert_eq!(use_price(10, 1, None), 10);
        assert_eq!(use_price(10, 0, Some(3)), 10, "never a division by zero");
    }
}
