//! The payments that this process has asked for.

use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use l402::{PaymentHash, UnixTime};
use tokio::time::Instant;

/// The time for which the end of a payment is remembered, and after which any attempt is surely
/// over: the longest `retry_for`, and a minute for clocks that differ.
pub(super) const SURELY_OVER: Duration = Duration::from_secs(120);

/// The knowledge about `xpay` for one payment hash.
///
/// Between two attempts of one `xpay`, Core Lightning lists the payment as failed, or not at all,
/// though it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    /// Asked for here, and over.
    Over,
    /// Asked for here, and it may still send money.
    Running,
    /// Not asked for by this process, as far as it remembers.
    Unknown,
}

/// All payments that this process has asked for, as long as they matter.
#[derive(Debug, Default)]
pub(super) struct Begun {
    attempts: Mutex<HashMap<PaymentHash, Entry>>,
}

/// An attempt of this process.
#[derive(Debug)]
struct Entry {
    attempt: Attempt,
    /// The time at which it is taken for over, or is forgotten.
    until: Instant,
    /// The end of its note on disk.
    ends: UnixTime,
}

impl Begun {
    /// Notes an attempt that ends by itself within `lasts`, at `ends` by the wall clock, as its note
    /// on disk says.
    pub(super) fn begin(&self, payment_hash: PaymentHash, lasts: Duration, ends: UnixTime) {
        let entry = Entry {
            attempt: Attempt::Running,
            until: later(lasts),
            ends,
        };
        self.kept().insert(payment_hash, entry);
    }

    /// Notes that the attempt is over.
    pub(super) fn end(&self, payment_hash: PaymentHash) {
        if let Some(entry) = self.kept().get_mut(&payment_hash) {
            (entry.attempt, entry.until) = (Attempt::Over, later(SURELY_OVER));
        }
    }

    /// Returns what is known of the attempt.
    pub(super) fn attempt(&self, payment_hash: &PaymentHash) -> Attempt {
        let attempts = self.kept();
        let found = attempts.get(payment_hash);
        found.map_or(Attempt::Unknown, |entry| entry.attempt)
    }

    /// Returns true if the note on disk that ends at `ends` is that of the attempt known here.
    pub(super) fn is_own(&self, payment_hash: &PaymentHash, ends: UnixTime) -> bool {
        let attempts = self.kept();
        attempts.get(payment_hash).is_some_and(|it| it.ends == ends)
    }

    /// Returns the attempts whose time is not over.
    fn kept(&self) -> MutexGuard<'_, HashMap<PaymentHash, Entry>> {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        attempts.retain(|_, entry| {
            if entry.until > now {
                return true;
            }
            // An attempt that has run out of time is over, and remembered as such for a while.
            let ran = entry.attempt == Attempt::Running;
            (entry.attempt, entry.until) = (Attempt::Over, later(SURELY_OVER));
            ran
        });
        attempts
    }
}

fn later(by: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(by).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDS: UnixTime = UnixTime::from_secs(1000);

    #[tokio::test(start_paused = true)]
    async fn an_attempt_ends_by_itself_and_is_forgotten_later() {
        let (begun, hash) = (Begun::default(), PaymentHash::from_bytes([1; 32]));
        assert_eq!(begun.attempt(&hash), Attempt::Unknown);
        begun.begin(hash, Duration::from_secs(10), ENDS);
        tokio::time::advance(Duration::from_secs(9)).await;
        assert_eq!(begun.attempt(&hash), Attempt::Running);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(begun.attempt(&hash), Attempt::Over);
        tokio::time::advance(SURELY_OVER).await;
        assert_eq!(begun.attempt(&hash), Attempt::Unknown);
        begun.begin(hash, Duration::from_secs(10), ENDS);
        begun.end(hash);
        assert_eq!(begun.attempt(&hash), Attempt::Over);
        assert!(begun.is_own(&hash, ENDS));
        let others = ENDS.saturating_add(Duration::from_secs(1));
        assert!(!begun.is_own(&hash, others));
    }
}
