//! The payments that this process has asked for.

use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use l402::PaymentHash;
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
    attempts: Mutex<HashMap<PaymentHash, (Attempt, Instant)>>,
}

impl Begun {
    /// Notes an attempt that ends by itself within `lasts`.
    pub(super) fn begin(&self, payment_hash: PaymentHash, lasts: Duration) {
        self.note(payment_hash, Attempt::Running, lasts);
    }

    /// Notes that the attempt is over.
    pub(super) fn end(&self, payment_hash: PaymentHash) {
        self.note(payment_hash, Attempt::Over, SURELY_OVER);
    }

    /// Returns what is known of the attempt.
    pub(super) fn attempt(&self, payment_hash: &PaymentHash) -> Attempt {
        let attempts = self.kept();
        let found = attempts.get(payment_hash);
        found.map_or(Attempt::Unknown, |(attempt, _)| *attempt)
    }

    fn note(&self, payment_hash: PaymentHash, attempt: Attempt, lasts: Duration) {
        let now = Instant::now();
        let until = now.checked_add(lasts).unwrap_or(now);
        self.kept().insert(payment_hash, (attempt, until));
    }

    /// Returns the attempts whose time is not over.
    fn kept(&self) -> MutexGuard<'_, HashMap<PaymentHash, (Attempt, Instant)>> {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        attempts.retain(|_, (attempt, until)| {
            if *until > now {
                return true;
            }
            // An attempt that has run out of time is over, and remembered as such for a while.
            let ran = *attempt == Attempt::Running;
            *attempt = Attempt::Over;
            *until = now.checked_add(SURELY_OVER).unwrap_or(now);
            ran
        });
        attempts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_attempt_ends_by_itself_and_is_forgotten_later() {
        let (begun, hash) = (Begun::default(), PaymentHash::from_bytes([1; 32]));
        assert_eq!(begun.attempt(&hash), Attempt::Unknown);
        begun.begin(hash, Duration::from_secs(10));
        tokio::time::advance(Duration::from_secs(9)).await;
        assert_eq!(begun.attempt(&hash), Attempt::Running);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(begun.attempt(&hash), Attempt::Over);
        tokio::time::advance(SURELY_OVER).await;
        assert_eq!(begun.attempt(&hash), Attempt::Unknown);
        begun.begin(hash, Duration::from_secs(10));
        begun.end(hash);
        assert_eq!(begun.attempt(&hash), Attempt::Over);
    }
}
