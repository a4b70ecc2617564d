//! A ledger in memory, which lasts as long as the program.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::ready;
use std::sync::{Mutex, MutexGuard, PoisonError};

use l402::{PaymentHash, UnixTime};
use l402_host::BoxFuture;

use super::{GRACE_SECS, Ledger, Reservation, ReserveError, Settle, Tally, UseRequest};

/// The number of shards, so that threads seldom wait for each other. The lowest bits of a
/// reservation's id name its shard.
const SHARDS: usize = 16;

/// The number of payments in a shard from which it is searched for ended ones.
const PRUNE_FROM: usize = 1024;

/// A ledger in memory: for tests, and for programs whose tokens may be used again after a restart.
///
/// A restart forgets everything, so a spent token can be used once more until it ends (ATTACKS
/// R-09). If money is at stake, take the `SqliteLedger`.
///
/// ```
/// use std::num::NonZeroU32;
/// use l402::{PaymentHash, UnixTime};
/// use l402_server::ledger::{Ledger, MemoryLedger, ReserveError, Settle, UseRequest};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let ledger = MemoryLedger::new();
/// let request = UseRequest {
///     payment_hash: PaymentHash::from_bytes([7; 32]),
///     uses: NonZeroU32::MIN,
///     expires: UnixTime::from_secs(1_790_086_400),
///     now: UnixTime::from_secs(1_790_000_000),
/// };
///
/// let reservation = ledger.reserve(request).await?;
/// assert_eq!(ledger.reserve(request).await, Err(ReserveError::InUse));
///
/// // The upstream failed: the same credential works again.
/// ledger.settle(reservation, Settle::ReleaseUpstream);
/// let reservation = ledger.reserve(request).await?;
/// ledger.settle(reservation, Settle::Commit);
/// assert_eq!(ledger.reserve(request).await, Err(ReserveError::Consumed));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct MemoryLedger {
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Debug, Default)]
struct Shard {
    payments: HashMap<PaymentHash, PaymentUses>,
    reservations: HashMap<u64, PaymentHash>,
    last_id: u64,
    prune_at: usize,
}

#[derive(Debug)]
struct PaymentUses {
    tally: Tally,
    in_flight: u32,
    expires: UnixTime,
}

impl MemoryLedger {
    /// Makes an empty ledger.
    #[must_use]
    pub fn new() -> Self {
        Self {
            shards: Default::default(),
        }
    }

    /// Locks a shard, also after a panic of another thread.
    fn shard(&self, number: usize) -> MutexGuard<'_, Shard> {
        self.shards[number % SHARDS]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryLedger {
    fn default() -> Self {
        Self::new()
    }
}

impl Ledger for MemoryLedger {
    fn reserve(&self, request: UseRequest) -> BoxFuture<'_, Result<Reservation, ReserveError>> {
        let number = usize::from(request.payment_hash.as_bytes()[31]) % SHARDS;
        Box::pin(async move { self.shard(number).reserve(&request, number) })
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "only the lowest bits name the shard"
    )]
    fn settle(&self, reservation: Reservation, settle: Settle) {
        self.shard(reservation.id as usize)
            .settle(reservation.id, settle);
    }

    fn flush(&self) -> BoxFuture<'_, ()> {
        Box::pin(ready(()))
    }
}

impl Shard {
    fn reserve(
        &mut self,
        request: &UseRequest,
        number: usize,
    ) -> Result<Reservation, ReserveError> {
        // In the course of a request, since this ledger has no thread or timer of its own.
        self.prune(request.now);
        let payment = match self.payments.entry(request.payment_hash) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(PaymentUses {
                tally: Tally::default(),
                in_flight: 0,
                expires: request.expires,
            }),
        };
        payment.tally.admit(request, payment.in_flight)?;
        payment.in_flight += 1;
        // The latest end of all its tokens: a narrowed one must not make the ledger forget early.
        payment.expires = payment.expires.max(request.expires);
        // Never used twice, so that settling a reservation again does nothing.
        self.last_id += 1;
        let id = self.last_id * SHARDS as u64 + number as u64;
        self.reservations.insert(id, request.payment_hash);
        Ok(Reservation {
            id,
            failures: payment.tally.failures,
        })
    }

    fn settle(&mut self, id: u64, settle: Settle) {
        let hash = self.reservations.remove(&id);
        if let Some(payment) = hash.and_then(|hash| self.payments.get_mut(&hash)) {
            payment.in_flight -= 1;
            payment.tally = payment.tally.settled(settle);
        }
    }

    /// Removes payments that have ended. Runs only when the shard has doubled since the last time,
    /// so that the cost per reservation stays constant.
    fn prune(&mut self, now: UnixTime) {
        if self.payments.len() < self.prune_at.max(PRUNE_FROM) {
            return;
        }
        let ended = |p: &PaymentUses| now.secs() >= p.expires.secs().saturating_add(GRACE_SECS);
        self.payments
            .retain(|_, payment| payment.in_flight > 0 || !ended(payment));
        self.prune_at = self.payments.len() * 2;
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn request(n: u32, now: u64) -> UseRequest {
        let mut hash = [0; 32];
        hash[..4].copy_from_slice(&n.to_be_bytes());
        UseRequest {
            payment_hash: PaymentHash::from_bytes(hash),
            uses: NonZeroU32::MIN,
            expires: UnixTime::from_secs(1000),
            now: UnixTime::from_secs(now),
        }
    }

    /// ATTACKS R-05: a marker lives as long as its token, and no longer than memory allows.
    #[test]
    fn forgets_what_has_ended_and_nothing_else() {
        let mut shard = Shard::default();
        let held = shard.reserve(&request(0, 1), 0).unwrap();
        for n in 1..2000 {
            let reservation = shard.reserve(&request(n, 1), 0).unwrap();
            shard.settle(reservation.id, Settle::Commit);
        }
        assert_eq!(
            shard.reserve(&request(7, 999), 0),
            Err(ReserveError::Consumed)
        );
        shard.prune_at = 0;
        shard.prune(UnixTime::from_secs(1000 + GRACE_SECS));
        assert_eq!(shard.payments.len(), 1);
        shard.settle(held.id, Settle::Commit);
        assert_eq!(
            shard.reserve(&request(0, 999), 0),
            Err(ReserveError::Consumed)
        );
    }
}
