//! The answers of the ledger.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use l402_host::Clock;

use super::{Counter, Histogram, HistogramTotals, Sharded};

/// The time for which a failure counts. After it nobody knows, and a gateway that no request reaches
/// because of its failure would else never be ready again.
const FAILURE_HOLDS: Duration = Duration::from_secs(5);

/// The times of reservations, and the failures.
#[derive(Debug, Default)]
pub(crate) struct LedgerNumbers {
    seconds: Sharded<Histogram>,
    errors: Counter,
    /// True while the last answer is a failure. Read for each request, and so kept outside of the lock.
    is_failing: AtomicBool,
    last: Mutex<Option<Failure>>,
}

/// The last failure.
#[derive(Clone, Debug)]
struct Failure {
    at: Duration,
    why: String,
}

impl LedgerNumbers {
    /// Counts an answer, or a failure and its reason.
    pub(crate) fn answered(&self, took: Duration, failed: Option<&str>, clock: &dyn Clock) {
        self.seconds.own().record(took);
        match failed {
            None if self.is_failing.load(Ordering::Relaxed) => {
                self.is_failing.store(false, Ordering::Relaxed);
            }
            None => {}
            Some(why) => {
                self.errors.add(1);
                let failure = Failure {
                    at: clock.monotonic(),
                    why: why.to_owned(),
                };
                *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
                self.is_failing.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Returns true if the ledger has failed, and not answered since.
    pub(crate) fn has_failed(&self, now: Duration) -> bool {
        let is_recent = |failure: Failure| now.saturating_sub(failure.at) < FAILURE_HOLDS;
        self.is_failing.load(Ordering::Relaxed) && self.last().is_some_and(is_recent)
    }

    /// Returns the reason of the last failure.
    pub(crate) fn last_error(&self) -> Option<String> {
        self.last().map(|failure| failure.why)
    }

    fn last(&self) -> Option<Failure> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.clone()
    }

    /// Returns the number of failures.
    pub(crate) fn errors(&self) -> u64 {
        self.errors.read()
    }

    /// Returns the times of all answers.
    pub(crate) fn times(&self) -> HistogramTotals {
        let mut totals = HistogramTotals::default();
        self.seconds.all().for_each(|shard| totals.add(shard));
        totals
    }
}

#[cfg(test)]
mod tests {
    use l402::UnixTime;
    use l402_host::ManualClock;

    use super::*;

    #[test]
    fn a_failure_counts_until_the_next_answer_or_for_five_seconds() {
        let clock = ManualClock::new(UnixTime::from_secs(1));
        let ledger = LedgerNumbers::default();
        let has_failed = || ledger.has_failed(clock.monotonic());
        let took = Duration::from_millis(1);
        assert!(!has_failed());
        ledger.answered(took, Some("the disk is full"), &clock);
        assert!(has_failed());
        ledger.answered(took, None, &clock);
        assert!(!has_failed());
        ledger.answered(took, Some("the disk is full"), &clock);
        clock.advance(FAILURE_HOLDS);
        assert!(!has_failed());
        assert_eq!(ledger.last_error().as_deref(), Some("the disk is full"));
        assert_eq!((ledger.errors(), ledger.times().count()), (2, 3));
    }
}
