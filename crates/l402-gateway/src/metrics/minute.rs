//! The last minute, for somebody who looks at a dashboard.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::{AnswerKind, HistogramTotals, Metrics, Quantiles, RouteNumbers};

/// The time between two readings.
pub(crate) const TICK: Duration = Duration::from_secs(5);

/// The number of readings that are kept: a minute and the one before it.
const READINGS: usize = 13;

/// The times of all routes at one moment.
#[derive(Clone, Copy, Debug, Default)]
struct Reading {
    gateway: HistogramTotals,
    upstream: HistogramTotals,
    ledger: HistogramTotals,
}

/// The readings of the last minute.
#[derive(Debug, Default)]
pub(crate) struct Minute(Mutex<VecDeque<Reading>>);

/// The changes between a reading a minute ago, or the oldest one, and now.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LastMinute {
    /// The time that the gateway itself took for requests that it forwarded.
    pub(crate) gateway: Quantiles,
    /// The time to the head of the upstream's answer.
    pub(crate) upstream: Quantiles,
}

impl Metrics {
    /// Takes a reading. Called every [`TICK`].
    pub(crate) fn tick(&self) {
        let reading = self.reading(&self.routes.read());
        let mut readings = self.minute.0.lock().unwrap_or_else(PoisonError::into_inner);
        readings.push_back(reading);
        while readings.len() > READINGS {
            readings.pop_front();
        }
    }

    /// Returns what has happened in the last minute.
    pub(crate) fn last_minute(&self, routes: &[RouteNumbers]) -> LastMinute {
        let (after, readings) = (self.reading(routes), &self.minute.0);
        let before = readings.lock().unwrap_or_else(PoisonError::into_inner);
        let before = before.front().copied().unwrap_or_default();
        LastMinute {
            gateway: after.gateway.since(&before.gateway).quantiles(),
            upstream: after.upstream.since(&before.upstream).quantiles(),
        }
    }

    /// Returns the times of the ledger in the last minute.
    pub(crate) fn ledger_last_minute(&self) -> Quantiles {
        let readings = self.minute.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = readings.front().map(|reading| reading.ledger);
        self.ledger
            .times()
            .since(&before.unwrap_or_default())
            .quantiles()
    }

    fn reading(&self, routes: &[RouteNumbers]) -> Reading {
        let mut reading = Reading {
            gateway: self.gateway_times(AnswerKind::Forwarded),
            ledger: self.ledger.times(),
            ..Reading::default()
        };
        for route in routes {
            reading.upstream.join(&route.upstream);
        }
        reading
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_a_minute_is_left_out() {
        let metrics = Metrics::default();
        let cells = metrics.routes.at(Some(metrics.routes.tag("/a")));
        for tick in 0..20_u64 {
            metrics.tick();
            cells.upstream_answered(Duration::from_millis(tick));
        }
        let last = metrics.last_minute(&metrics.routes.read());
        // Those of the first seven readings took up to 6 ms.
        assert!(
            last.upstream.p50 > Some(Duration::from_millis(6)),
            "{last:?}"
        );
        assert_eq!(last.gateway, Quantiles::default());
    }
}
