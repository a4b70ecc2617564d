//! A circuit breaker: a node that failed several times is left alone for a while.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Failures in a row that open it.
const PATIENCE: u32 = 3;

/// How long it stays open at first, and at most. It doubles with each probe that fails.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(10);

/// Counts failures. Time is the monotonic time of a clock.
#[derive(Debug, Default)]
pub(crate) struct Breaker(Mutex<BreakerState>);

#[derive(Debug, Default)]
struct BreakerState {
    failures: u32,
    open_until: Duration,
    probing: bool,
}

/// Leave to ask the node once. Dropped without a word it says nothing of the node, and the next
/// caller may probe.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    breaker: &'a Breaker,
    probe: bool,
}

impl Breaker {
    /// Leave to ask.
    ///
    /// # Errors
    /// How long the node is still left alone.
    pub(crate) fn attempt(&self, now: Duration) -> Result<Attempt<'_>, Duration> {
        let mut state = self.lock();
        let probe = state.failures >= PATIENCE;
        if probe && now < state.open_until {
            return Err(state.open_until - now);
        }
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
    /// The node answered as it should.
    pub(crate) fn succeeded(self) {
        *self.breaker.lock() = BreakerState::default();
    }

    /// It did not. Gives how long it will be left alone: nothing before the third time.
    pub(crate) fn failed(self, now: Duration) -> Duration {
        let mut state = self.breaker.lock();
        state.failures = state.failures.saturating_add(1);
        if state.failures < PATIENCE {
            return Duration::ZERO;
        }
        let doublings = (state.failures - PATIENCE).min(8);
        let pause = (SHORTEST * (1 << doublings)).min(LONGEST);
        state.open_until = now + pause;
        pause
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
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
    fn is_open_for_ten_seconds_at_most() {
        let breaker = Breaker::default();
        let failures =
            (0..40_u64).map(|n| breaker.attempt(at(n * 100)).unwrap().failed(at(n * 100)));
        assert_eq!(failures.max(), Some(LONGEST));
    }
}
