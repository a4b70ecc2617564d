//! The observer of the gateway: it counts everything, and picks what goes into the access log.

use std::sync::Arc;
use std::time::Duration;

use l402::{Msat, PaymentHash};
use l402_host::Clock;
use l402_server::observe::{
    Exchange, LoggedSales, Observe, Offered, Outcome, Refused, Settled, Verdict,
};

use super::counters::CounterCells;
use super::line::Line;
use super::{AccessLog, Counters};
use crate::GatewayError;
use crate::config::{LogAccess, LogSettings};
use crate::metrics::Metrics;

/// Counts, and hands lines to the access log if there is one.
#[derive(Debug)]
pub(crate) struct Sales {
    counters: Arc<CounterCells>,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
    access: LogAccess,
    names_peers: bool,
    log: Option<AccessLog>,
    /// The payments sold by time whose first use has its line.
    logged: LoggedSales,
}

impl Sales {
    /// Opens the access log that the settings ask for.
    ///
    /// # Errors
    /// If its file or its thread cannot be opened.
    pub(crate) fn open(
        settings: &LogSettings,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, GatewayError> {
        let counters = Arc::new(CounterCells::default());
        let log = match settings.access {
            LogAccess::Off => None,
            LogAccess::All | LogAccess::Sales => Some(AccessLog::open(
                settings,
                Arc::clone(&counters),
                Arc::clone(&clock),
            )?),
        };
        Ok(Self {
            counters,
            metrics,
            clock,
            access: settings.access,
            names_peers: settings.peer,
            log,
            logged: LoggedSales::default(),
        })
    }

    /// Returns all counters as they are now.
    pub(crate) fn counters(&self) -> Counters {
        Counters {
            lines_dropped: self.log.as_ref().map_or(0, AccessLog::dropped),
            ..self.counters.read()
        }
    }

    /// Waits until every line so far is written, for a second at most.
    pub(crate) fn flush(&self) {
        if let Some(log) = &self.log {
            log.flush();
        }
    }

    /// Returns true if this is a further use of a payment whose sale has its line: with a policy that
    /// counts nothing, a payment is one sale, however often it is used.
    fn is_logged(&self, exchange: &Exchange, settled: &Settled) -> bool {
        self.access == LogAccess::Sales
            && settled.outcome() == Outcome::Uncounted
            && settled.fault().is_none()
            && exchange
                .payment_hash()
                .is_some_and(|payment| !self.logged.is_new(payment))
    }

    /// Writes a line if the log is to hold it: of a genuine credential always, of others only with
    /// `access = "all"`.
    fn log(&self, exchange: &Exchange, line: impl FnOnce() -> Line) {
        if let Some(log) = &self.log
            && (exchange.is_paid() || self.access == LogAccess::All)
        {
            let peer = exchange.peer().filter(|_| self.names_peers);
            log.write(line().with_peer(peer));
        }
    }
}

impl Observe for Sales {
    /// Free requests are of interest to `access = "all"` alone.
    fn follows(&self, verdict: Verdict) -> bool {
        verdict != Verdict::Free || self.access == LogAccess::All
    }

    fn counted(&self, verdict: Verdict) {
        // A free request is granted as soon as it is decided.
        self.counters.decided(verdict);
        self.counters.granted();
    }

    fn decided(&self, _: &Exchange, verdict: Verdict) {
        self.counters.decided(verdict);
    }

    fn offered(&self, _: &Exchange, _: &Offered) {
        self.counters.offered();
    }

    fn granted(&self, _: &Exchange) {
        self.counters.granted();
    }

    fn reserved(&self, took: Duration, failed: Option<&str>) {
        self.metrics.ledger.answered(took, failed, &*self.clock);
    }

    fn settled(&self, exchange: &Exchange, settled: &Settled) {
        self.counters.settled(exchange, settled);
        self.metrics.settled(exchange, settled);
        if self.is_logged(exchange, settled) {
            return;
        }
        self.log(exchange, || {
            Line::settled(exchange, settled, self.clock.wall())
        });
    }

    fn refused(&self, exchange: &Exchange, refused: &Refused) {
        self.counters.refused(exchange, refused);
        self.metrics.refused(exchange, refused);
        self.log(exchange, || {
            Line::refused(exchange, refused, self.clock.wall())
        });
    }

    fn settlement(&self, _: PaymentHash, amount: Msat) {
        self.counters.settlement(amount.msat());
    }
}
