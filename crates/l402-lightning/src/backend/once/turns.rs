//! One payment at a time for each payment hash, in this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use l402::PaymentHash;
use tokio::sync::OwnedMutexGuard;

type Turn = Arc<tokio::sync::Mutex<()>>;

/// Lets the payments of one hash pass one after another. Saves the callers of one process the
/// waiting for a lock file, which would be unfair to them.
#[derive(Debug, Default)]
pub(super) struct Turns {
    turns: Mutex<HashMap<PaymentHash, Turn>>,
}

impl Turns {
    /// Waits until no other caller pays the invoice with this hash. The turn ends when the returned
    /// guard is dropped.
    pub(super) async fn turn(&self, payment_hash: PaymentHash) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            // Those that nobody waits for or holds.
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(turns.entry(payment_hash).or_default())
        };
        turn.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_hash_waits_and_another_does_not() {
        let payments = Turns::default();
        let (one, other) = (
            PaymentHash::from_bytes([1; 32]),
            PaymentHash::from_bytes([2; 32]),
        );
        let held = payments.turn(one).await;
        drop(payments.turn(other).await);
        let mut second = Box::pin(payments.turn(one));
        assert!(futures_util::poll!(&mut second).is_pending());
        drop(held);
        drop(second.await);
        drop(payments.turn(other).await);
        assert_eq!(payments.turns.lock().unwrap().len(), 1);
    }
}
