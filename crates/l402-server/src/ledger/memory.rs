//! A ledger that lasts as long as the program.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::ready;
use std::num::NonZeroU64;
use std::sync::{Mutex, MutexGuard, PoisonError};

use l402::{PaymentHash, UnixTime};
use l402_host::{BoxFuture, Clock as _, SystemClock};

use super::{
    GRACE_SECS, Ledger, LedgerTime, Reservation, ReserveError, ReserveRequest, Settle, Tally,
};

/// Shards, so that threads seldom wait for each other. The lowest bits of a reservation's id.
const SHARDS: usize = 16;

/// Payments in a shard before it is searched for ended ones.
const PRUNE_FROM: usize = 1024;

/// Counts in memory: for tests, and for programs whose tokens may be used again after a restart.
///
/// A restart forgets everything, so that a token that is spent can be used once more until it
/// ends (ATTACKS R-09). Where money is at stake take the `SqliteLedger`.
#[derive(Debug)]
pub struct MemoryLedger {
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Debug, Default)]
struct Shard {
    payments: HashMap<PaymentHash, PaymentUnits>,
    reservations: HashMap<u64, (PaymentHash, NonZeroU64)>,
    last_id: u64,
    prune_at: usize,
    /// Its stored time is that of the last pruning.
    time: LedgerTime,
    clock: SystemClock,
}

#[derive(Debug)]
struct PaymentUnits {
    tally: Tally,
    reserved: u64,
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
    fn reserve(&self, request: ReserveRequest) -> BoxFuture<'_, Result<Reservation, ReserveError>> {
        let number = usize::from(request.allowance().payment_hash().as_bytes()[31]) % SHARDS;
        Box::pin(async move { self.shard(number).reserve(&request, number) })
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "only the lowest bits name the shard"
    )]
    fn settle(&self, reservation: Reservation, settle: Settle) {
        self.shard(reservation.id() as usize)
            .settle(reservation.id(), settle);
    }

    fn flush(&self) -> BoxFuture<'_, ()> {
        Box::pin(ready(()))
    }
}

impl Shard {
    fn reserve(
        &mut self,
        request: &ReserveRequest,
        number: usize,
    ) -> Result<Reservation, ReserveError> {
        self.time.check(request.now())?;
        self.prune(request.now());
        let (allowance, units) = (request.allowance(), request.units());
        let payment = match self.payments.entry(allowance.payment_hash()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(PaymentUnits {
                tally: Tally::default(),
                reserved: 0,
                expires: allowance.expires(),
            }),
        };
        // Admitted before anything is counted: a refusal must leave no trace.
        let left = payment.tally.admit(request, payment.reserved)?;
        payment.reserved += units.get();
        payment.expires = payment.expires.max(allowance.expires());
        self.last_id += 1;
        let id = self.last_id * SHARDS as u64 + number as u64;
        self.reservations
            .insert(id, (allowance.payment_hash(), units));
        Ok(Reservation::new(id, units)
            .with_left(left)
            .with_failures(payment.tally.failures)
            .with_releases(payment.tally.attempts))
    }

    fn settle(&mut self, id: u64, settle: Settle) {
        let Some((hash, units)) = self.reservations.remove(&id) else {
            return;
        };
        if let Some(payment) = self.payments.get_mut(&hash) {
            payment.reserved -= units.get();
            payment.tally = payment.tally.settled(units.get(), settle);
        }
    }

    /// Drops what has ended, each time the shard has doubled. `wall` counts at the first use alone.
    fn prune(&mut self, wall: UnixTime) {
        // The clock is read at a first use and for a pruning, and not for each use.
        let first = self.payments.is_empty();
        if !first && self.payments.len() < self.prune_at.max(PRUNE_FROM) {
            return;
        }
        let now = self.time.at_use(wall, self.clock.monotonic());
        if first {
            return;
        }
        self.time.store(now);
        let ended = |p: &PaymentUnits| now.secs() >= p.expires.secs().saturating_add(GRACE_SECS);
        self.payments
            .retain(|_, payment| payment.reserved > 0 || !ended(payment));
        self.prune_at = self.payments.len() * 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Allowance;

    fn request(n: u32, now: u64) -> ReserveRequest {
        let mut hash = [0; 32];
        hash[..4].copy_from_slice(&n.to_be_bytes());
        let hash = PaymentHash::from_bytes(hash);
        let allowance = Allowance::new(hash, NonZeroU64::MIN, UnixTime::from_secs(1000));
        ReserveRequest::one_use(allowance, UnixTime::from_secs(now))
    }

    /// ATTACKS R-05: a marker lives as long as its token, and no longer than memory allows.
    #[test]
    fn forgets_what_has_ended_and_nothing_else() {
        let mut shard = Shard::default();
        let held = shard.reserve(&request(0, 1), 0).unwrap();
        for n in 1..2000 {
            let reservation = shard.reserve(&request(n, 1), 0).unwrap();
            shard.settle(reservation.id(), Settle::ONE_USE);
        }
        assert_eq!(
            shard.reserve(&request(7, 999), 0),
            Err(ReserveError::Consumed)
        );
        let end = UnixTime::from_secs(1000 + GRACE_SECS);
        shard.prune_at = 0;
        // FAULTS S8: a clock that is set forward forgets nothing.
        shard.prune(end);
        assert_eq!(shard.payments.len(), 2000);
        shard.prune_at = 0;
        shard.time = LedgerTime::new(end);
        shard.prune(end);
        assert_eq!(shard.payments.len(), 1);
        shard.settle(held.id(), Settle::ONE_USE);
        let behind = shard.reserve(&request(0, 999), 0);
        assert_eq!(behind, Err(ReserveError::ClockBehind { stored: end }));
        let spent = shard.reserve(&request(0, end.secs()), 0);
        assert_eq!(spent, Err(ReserveError::Consumed));
    }
}
