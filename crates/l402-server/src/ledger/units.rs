//! The trait of a ledger, and the values that it counts by.

use std::fmt;
use std::num::NonZeroU64;

use l402::{PaymentHash, UnixTime};
use l402_host::BoxFuture;

use super::{Lease, ReserveError};

/// The number of times that a buyer gets the units of one payment back after leaving in mid-answer,
/// asking wrongly (4xx) or breaking the request off. Each further time spends them.
pub const BUYER_RELEASES: u32 = 5;

/// Seconds that a row outlives its token: a clock that was set forward by mistake and back again
/// must not make spent tokens fresh (ATTACKS R-13).
pub(super) const GRACE_SECS: u64 = 2 * 3600;

/// The units that one payment bought.
///
/// The seller's policy says what a unit is: one use for `request` and `uses`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Allowance {
    payment_hash: PaymentHash,
    units: NonZeroU64,
    expires: UnixTime,
}

impl Allowance {
    /// Makes an allowance of `units` in all, spent ones included. More than 2^63 - 1 count as that
    /// many, the most that a ledger in a file can hold.
    ///
    /// `expires` is the time at which every token of this payment has ended, so that its row may
    /// be pruned. It is later than the end of a token that its holder narrowed.
    #[must_use]
    pub fn new(payment_hash: PaymentHash, units: NonZeroU64, expires: UnixTime) -> Self {
        const MOST: NonZeroU64 = NonZeroU64::new(i64::MAX as u64).expect("not zero");
        // Every sum of units stays below it, since nothing above an allowance is ever admitted.
        let units = units.min(MOST);
        Self {
            payment_hash,
            units,
            expires,
        }
    }

    /// The payment that bought the units.
    #[must_use]
    pub const fn payment_hash(&self) -> PaymentHash {
        self.payment_hash
    }

    /// The units in all, spent ones included.
    #[must_use]
    pub const fn units(&self) -> NonZeroU64 {
        self.units
    }

    /// The time at which every token of this payment has ended.
    #[must_use]
    pub const fn expires(&self) -> UnixTime {
        self.expires
    }
}

/// A request to reserve units of an allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReserveRequest {
    allowance: Allowance,
    units: NonZeroU64,
    now: UnixTime,
}

impl ReserveRequest {
    /// Requests `units` of an allowance; `now` is the current time.
    #[must_use]
    pub const fn new(allowance: Allowance, units: NonZeroU64, now: UnixTime) -> Self {
        Self {
            allowance,
            units,
            now,
        }
    }

    /// Requests one use, which is one unit.
    #[must_use]
    pub const fn one_use(allowance: Allowance, now: UnixTime) -> Self {
        Self::new(allowance, NonZeroU64::MIN, now)
    }

    /// The allowance that the units come from.
    #[must_use]
    pub const fn allowance(&self) -> Allowance {
        self.allowance
    }

    /// The units to reserve.
    #[must_use]
    pub const fn units(&self) -> NonZeroU64 {
        self.units
    }

    /// The current time.
    #[must_use]
    pub const fn now(&self) -> UnixTime {
        self.now
    }
}

/// Units that are held for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reservation {
    id: u64,
    units: NonZeroU64,
    left: u64,
    failures: u32,
    releases: u32,
}

impl Reservation {
    /// Makes a reservation, for an implementation of [`Ledger`]. `id` is unique within the ledger.
    /// No units are left beside it and nothing has failed, unless the methods below say more.
    #[must_use]
    pub const fn new(id: u64, units: NonZeroU64) -> Self {
        Self {
            id,
            units,
            left: 0,
            failures: 0,
            releases: 0,
        }
    }

    /// Sets the units of the allowance that are neither spent nor reserved, this reservation's
    /// being reserved.
    #[must_use]
    pub const fn with_left(mut self, left: u64) -> Self {
        self.left = left;
        self
    }

    /// Sets the number of failures in a row, see [`Reservation::failures`].
    #[must_use]
    pub const fn with_failures(mut self, failures: u32) -> Self {
        self.failures = failures;
        self
    }

    /// Sets the number of times that the buyer gave units back, see [`Reservation::releases`].
    #[must_use]
    pub const fn with_releases(mut self, releases: u32) -> Self {
        self.releases = releases;
        self
    }

    /// The number of this reservation, unique within the ledger.
    #[must_use]
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// The units that it holds.
    #[must_use]
    pub const fn units(&self) -> NonZeroU64 {
        self.units
    }

    /// The units of the allowance that were neither spent nor reserved when this reservation was
    /// made, its own being reserved: what is left if all of it is spent. Other requests of the
    /// same payment may have changed that since.
    #[must_use]
    pub const fn left(&self) -> u64 {
        self.left
    }

    /// The number of times that this payment got no answer or a failing one since units of it were
    /// last spent. The next try is slowed down by it.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// The number of times that the buyer of this payment gave units back before this reservation
    /// was made. From [`BUYER_RELEASES`] on the next time spends them.
    #[must_use]
    pub const fn releases(&self) -> u32 {
        self.releases
    }
}

/// The end of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Settle {
    /// Served: so many units are spent, and the rest of the reserved ones is given back.
    Commit {
        /// From 0 to the units of the reservation. A larger number spends those of the reservation.
        units: u64,
    },
    /// The buyer left in mid-answer, asked wrongly (4xx) or broke the request off: all units are
    /// given back, [`BUYER_RELEASES`] times a payment.
    ReleaseBuyer,
    /// The upstream failed, or there was no answer at all: all units are given back without limit.
    ReleaseUpstream,
}

impl Settle {
    /// Served, for a reservation of one use: the use is spent.
    pub const ONE_USE: Self = Self::Commit { units: 1 };
}

/// Counts units by payment hash.
///
/// A wrong implementation lets in unpaid: `reserve` must be durable before it answers, atomic
/// across threads and processes, and spent units must never come back. If the future of `reserve`
/// is dropped before it answers, nothing may stay reserved and no try of the buyer be spent.
pub trait Ledger: fmt::Debug + Send + Sync {
    /// Reserves units; durable when it answers.
    fn reserve(&self, request: ReserveRequest) -> BoxFuture<'_, Result<Reservation, ReserveError>>;
    /// Settles a reservation: returns at once, durable within 5 ms. A second time does nothing.
    fn settle(&self, reservation: Reservation, settle: Settle);
    /// Waits until all that was settled is durable.
    fn flush(&self) -> BoxFuture<'_, ()>;
    /// Returns the lease that reservations made from now on stand under, if there is one: once it has
    /// ended, what was reserved must no longer be served. By default there is none, and a reservation is
    /// good for as long as the process lives.
    fn lease(&self) -> Option<Lease> {
        None
    }
    /// Returns the number of reservations that wait for it, if there is a queue.
    fn queue(&self) -> Option<usize> {
        None
    }
    /// Returns the number by which other processes know this one as the holder of its reservations, if
    /// there can be others.
    fn holder(&self) -> Option<i64> {
        None
    }
}

/// The state of a payment, its reserved units aside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Units that are spent.
    pub(super) used: u64,
    /// Times that the buyer gave units back, [`BUYER_RELEASES`] at most.
    pub(super) attempts: u32,
    /// See [`Reservation::failures`].
    pub(super) failures: u32,
}

impl Tally {
    /// Returns the units that would be left if `request` were granted beside `reserved` units.
    pub(super) fn admit(
        self,
        request: &ReserveRequest,
        reserved: u64,
    ) -> Result<u64, ReserveError> {
        let units = request.units.get();
        let unspent = request.allowance.units.get().saturating_sub(self.used);
        // What is not there even with everything given back is not worth waiting for.
        let beside = unspent.checked_sub(units).ok_or(ReserveError::Consumed)?;
        beside.checked_sub(reserved).ok_or(ReserveError::InUse)
    }

    /// Returns the state after a reservation of `units` has ended.
    pub(super) fn settled(mut self, units: u64, settle: Settle) -> Self {
        match settle {
            Settle::Commit { units: spent } => {
                self.used = self.used.saturating_add(spent.min(units));
                self.failures = 0;
            }
            Settle::ReleaseBuyer if self.attempts < BUYER_RELEASES => self.attempts += 1,
            Settle::ReleaseBuyer => self.used = self.used.saturating_add(units),
            Settle::ReleaseUpstream => self.failures = self.failures.saturating_add(1),
        }
        self
    }
}
