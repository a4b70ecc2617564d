//! The time until which a process may serve what it has reserved.
//!
//! A ledger that several machines share cannot see which of them still run. So a reservation stands
//! under the lease of its process, which the ledger renews again and again; when it has run out, others
//! may give the reservation back and reserve the same units. A process whose lease has run out must
//! serve nothing more of it.
//!
//! A lease that has ended never runs again: the one that comes after it is another. Otherwise a process
//! that was stopped for long could go on with an answer whose reservation others have given back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use l402_host::Clock;
use tokio::sync::watch;

/// The lease of one open ledger, from one of its ends to the next. A clone is the same lease.
#[derive(Clone, Debug)]
pub struct Lease {
    clock: Arc<dyn Clock>,
    /// Milliseconds of the monotonic clock.
    until: Arc<AtomicU64>,
    /// Counts the losses.
    lost: watch::Receiver<u64>,
    /// The losses before this lease.
    losses: u64,
}

/// The right to renew a [`Lease`]. Belongs to the ledger.
#[derive(Debug)]
pub struct LeaseKeeper {
    clock: Arc<dyn Clock>,
    until: Arc<AtomicU64>,
    lost: watch::Sender<u64>,
}

impl LeaseKeeper {
    /// Makes a lease that has run out. `clock` is read for its monotonic time.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            until: Arc::default(),
            lost: watch::Sender::new(0),
        }
    }

    /// Returns the lease, for those who serve under it.
    #[must_use]
    pub fn lease(&self) -> Lease {
        Lease {
            clock: Arc::clone(&self.clock),
            until: Arc::clone(&self.until),
            losses: *self.lost.borrow(),
            lost: self.lost.subscribe(),
        }
    }

    /// Lets the lease run until this monotonic time.
    pub fn renew(&self, until: Duration) {
        // Whole milliseconds, rounded down: rather too early than too late.
        let millis = u64::try_from(until.as_millis()).unwrap_or(u64::MAX);
        self.until.fetch_max(millis, Ordering::AcqRel);
    }

    /// Ends the lease for good, and wakes those who wait for that. The next renewal begins another.
    pub fn end(&self) {
        self.until.store(0, Ordering::Release);
        self.lost
            .send_modify(|losses| *losses = losses.wrapping_add(1));
    }

    /// Returns true while it runs.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        runs(&self.until, &*self.clock)
    }
}

impl Lease {
    /// Returns the lease of the same ledger that runs now. Must be taken *before* units are reserved, so
    /// that it is never younger than the reservation that stands under it.
    #[must_use]
    pub fn current(&self) -> Self {
        let losses = *self.lost.borrow();
        Self {
            losses,
            ..self.clone()
        }
    }

    /// Returns true while it runs. To be asked before each piece of an answer is handed on: a process
    /// that was stopped for a while has not heard that it has run out.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        // In this order: a time that a later lease has set is only read after the count of the losses
        // has changed.
        runs(&self.until, &*self.clock) && *self.lost.borrow() == self.losses
    }

    /// Waits until it has ended, if it has not yet.
    pub async fn ended(&mut self) {
        while self.is_valid() {
            if self.lost.changed().await.is_err() {
                return;
            }
        }
    }
}

fn runs(until: &AtomicU64, clock: &dyn Clock) -> bool {
    clock.monotonic().as_millis() < u128::from(until.load(Ordering::Acquire))
}

#[cfg(test)]
mod tests {
    use l402::UnixTime;
    use l402_host::ManualClock;

    use super::*;

    #[tokio::test]
    async fn runs_out_by_the_monotonic_clock_and_wakes_who_waits() {
        let clock = Arc::new(ManualClock::new(UnixTime::from_secs(1)));
        let keeper = LeaseKeeper::new(clock.clone());
        let mut lease = keeper.lease();
        assert!(!lease.is_valid(), "nothing was granted yet");
        keeper.renew(clock.monotonic() + Duration::from_secs(7));
        assert!(lease.is_valid() && keeper.is_valid());
        clock.advance(Duration::from_secs(7));
        assert!(!lease.is_valid(), "nobody had to say so");
        keeper.renew(clock.monotonic() + Duration::from_secs(7));
        let mut other = lease.clone();
        let waiting = tokio::spawn(async move { other.ended().await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        keeper.end();
        waiting.await.unwrap();
        lease.ended().await;
    }

    #[test]
    fn one_that_has_ended_stays_so_when_another_begins() {
        let clock = Arc::new(ManualClock::new(UnixTime::from_secs(1)));
        let keeper = LeaseKeeper::new(clock.clone());
        let open = keeper.lease();
        keeper.renew(clock.monotonic() + Duration::from_secs(7));
        let before = open.current();
        assert!(before.is_valid());
        keeper.end();
        keeper.renew(clock.monotonic() + Duration::from_secs(8));
        assert!(!before.is_valid(), "its reservations may be in other hands");
        assert!(open.current().is_valid());
    }
}
