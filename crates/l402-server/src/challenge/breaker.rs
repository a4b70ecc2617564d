//! A circuit breaker: a node that failed several times in a row is not asked for a while.
//!
//! ```text
//!            3 failures                   the pause is over
//!   closed ------------> open, 1 or 2 s -------------------> one probe
//!     ^                    ^                                  |   |
//!     |                    '------- failed: twice the pause --'   |
//!     '------------------------------------------ succeeded ------'
//! ```

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The number of failures in a row that open the breaker.
const PATIENCE: u32 = 3;

/// The first and the longest time that the breaker stays open. The time doubles with each probe that
/// fails. A probe takes two seconds at most, so a node that is back sells again within five.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(2);

/// The failures in a row. All times are the monotonic time of a clock, so that a step of the wall
/// clock neither opens nor closes the breaker.
#[derive(Debug, Default)]
pub(crate) struct Breaker(Mutex<BreakerState>);

#[derive(Debug, Default)]
struct BreakerState {
    failures: u32,
    open_until: Duration,
    probing: bool,
}

/// The permission to ask the node once. Dropped without a result, it counts neither way, and the
/// next caller may probe.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    breaker: &'a Breaker,
    probe: bool,
}

impl Breaker {
    /// Returns the permission to ask the node.
    ///
    /// # Errors
    /// The time for which the node is still not to be asked.
    pub(crate) fn attempt(&self, now: Duration) -> Result<Attempt<'_>, Duration> {
        let mut state = self.lock();
        let probe = state.failures >= PATIENCE;
        if probe && now < state.open_until {
            return Err(state.open_until - now);
        }
        // One probe at a time: a node that comes back must not be met by all callers at once.
        if probe && state.probing {
            return Err(SHORTEST);
        }
        state.probing = probe;
        Ok(Attempt {
            breaker: self,
            probe,
        })
    }

    fn lock(&self) -> MutexGuard<'_, BreakerState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt<'_> {
    /// Closes the breaker: the node answered as it should.
    pub(crate) fn succeeded(self) {
        *self.breaker.lock() = BreakerState::default();
    }

    /// Counts a failure. Returns the time for which the node will not be asked, zero before the
    /// third failure in a row.
    pub(crate) fn failed(self, now: Duration) -> Duration {
        let mut state = self.breaker.lock();
        state.failures = state.failures.saturating_add(1);
        if state.failures < PATIENCE {
            return Duration::ZERO;
        }
        // Bounded, since the shift below would overflow after 32 failures.
        let doublings = (state.failures - PATIENCE).min(8);
        let pause = (SHORTEST * (1 << doublings)).min(LONGEST);
        state.open_until = now + pause;
        pause
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        // Also if its caller went away in mid-probe: otherwise nobody would ever probe again.
        if self.probe {
            self.breaker.lock().probing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn opens_after_three_failures_and_lets_one_probe_through() {
        let breaker = Breaker::default();
        for expected in [0, 0, 1] {
            assert_eq!(breaker.attempt(at(5)).unwrap().failed(at(5)), at(expected));
        }
        assert_eq!(breaker.attempt(at(5)).unwrap_err(), at(1));
        let probe = breaker.attempt(at(6)).unwrap();
        assert!(breaker.attempt(at(6)).is_err(), "a second probe");
        assert_eq!(probe.failed(at(6)), at(2));
        assert_eq!(breaker.attempt(at(7)).unwrap_err(), at(1));
        breaker.attempt(at(8)).unwrap().succeeded();
        breaker.attempt(at(8)).unwrap().failed(at(8));
        assert!(breaker.attempt(at(8)).is_ok(), "counted from the beginning");
    }

    #[test]
    fn an_abandoned_probe_makes_room_for_the_next() {
        let breaker = Breaker::default();
        for _ in 0..PATIENCE {
            breaker.attempt(at(0)).unwrap().failed(at(0));
        }
        drop(breaker.attempt(at(1)).unwrap());
        assert!(breaker.attempt(at(1)).is_ok());
    }

    #[test]
    fn is_open_for_two_seconds_at_most() {
        let breaker = Breaker::default();
        let failures =
            (0..40_u64).map(|n| breaker.attempt(at(n * 100)).unwrap().failed(at(n * 100)));
        assert_eq!(failures.max(), Some(LONGEST));
    }
}
