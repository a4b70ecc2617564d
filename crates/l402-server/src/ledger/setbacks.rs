//! The payments that the upstream has failed several times in a row, and when each may be tried
//! again.
//!
//! A failing upstream costs the buyer nothing, however often it fails. But each try reaches it, and
//! a buyer that can make it fail could have it work for nothing. So the tries become rarer.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use l402::PaymentHash;
use l402_host::Clock;

/// The number of failures in a row from which on a payment has to wait.
const PATIENCE: u32 = 3;

/// The wait after the first failure that is one too many, and the longest. It doubles with each.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// The most payments that are kept. Beyond it those whose wait is over go, then any.
const MOST: usize = 10_000;

/// The waits of payments, in memory: a restart forgets them.
#[derive(Debug)]
pub(crate) struct Setbacks {
    clock: Arc<dyn Clock>,
    /// The number of payments in the map, so that a request need not take the lock for nothing.
    count: AtomicUsize,
    /// The moment from which on each payment may be tried, by the monotonic clock.
    until: Mutex<HashMap<PaymentHash, Duration>>,
}

impl Setbacks {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            count: AtomicUsize::new(0),
            until: Mutex::default(),
        }
    }

    /// Notes that the upstream has failed a payment `failures` times in a row, the last one now.
    pub(crate) fn failed(&self, payment: PaymentHash, failures: u32) {
        let Some(doublings) = failures.checked_sub(PATIENCE) else {
            return;
        };
        let wait = FIRST.saturating_mul(1 << doublings.min(16)).min(LONGEST);
        let now = self.clock.monotonic();
        let mut until = self.lock();
        if until.len() >= MOST {
            until.retain(|_, until| *until > now);
        }
        if until.len() >= MOST {
            until.clear();
        }
        until.insert(payment, now.saturating_add(wait));
        self.count.store(until.len(), Ordering::Relaxed);
    }

    /// Returns the time that a payment has to wait before the next try, if it has to.
    pub(crate) fn wait(&self, payment: PaymentHash) -> Option<Duration> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut until = self.lock();
        let wait = until.get(&payment)?.saturating_sub(self.clock.monotonic());
        if wait > Duration::ZERO {
            return Some(wait);
        }
        until.remove(&payment);
        self.count.store(until.len(), Ordering::Relaxed);
        None
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PaymentHash, Duration>> {
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use l402::UnixTime;
    use l402_host::ManualClock;

    use super::*;

    fn setbacks() -> (Setbacks, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::new(UnixTime::from_secs(1)));
        (Setbacks::new(clock.clone()), clock)
    }

    #[test]
    fn the_waits_begin_with_the_third_failure_and_double_to_a_minute() {
        let (setbacks, clock) = setbacks();
        let [payment, other] = [[7; 32], [8; 32]].map(PaymentHash::from_bytes);
        for (failures, secs) in [(1, 0), (2, 0), (3, 1), (4, 2), (5, 4), (8, 32), (9, 60)] {
            setbacks.failed(payment, failures);
            let wait = Duration::from_secs(secs);
            assert_eq!(setbacks.wait(payment).unwrap_or_default(), wait);
            assert_eq!(setbacks.wait(other), None);
            clock.advance(wait);
            assert_eq!(setbacks.wait(payment), None);
        }
        setbacks.failed(payment, u32::MAX);
        assert_eq!(setbacks.wait(payment), Some(LONGEST));
    }

    #[test]
    fn it_never_keeps_more_than_it_may() {
        let (setbacks, _clock) = setbacks();
        for n in 0..u32::try_from(MOST + 10).unwrap() {
            let mut hash = [0; 32];
            hash[..4].copy_from_slice(&n.to_be_bytes());
            setbacks.failed(PaymentHash::from_bytes(hash), 3);
        }
        assert!(setbacks.lock().len() <= MOST);
    }
}
