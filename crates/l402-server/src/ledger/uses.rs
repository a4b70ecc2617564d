//! The trait of a ledger, and the counts that all ledgers share.

use std::fmt;
use std::num::NonZeroU32;

use l402::{PaymentHash, UnixTime};
use l402_host::BoxFuture;

/// The number of times that a use of one payment is given back to a buyer who left in mid-answer,
/// asked wrongly (4xx) or broke the request off. Each further time counts as a use.
pub const BUYER_RELEASES: u32 = 5;

/// The time in seconds that a row outlives its token. A clock that was set forward by mistake and
/// back again must not make spent tokens good again (ATTACKS R-13).
pub(super) const GRACE_SECS: u64 = 2 * 3600;

/// A request to use a payment once.
#[derive(Clone, Copy, Debug)]
pub struct UseRequest {
    /// The hash of the payment, by which its uses are counted. All tokens that are narrowed from
    /// one share it.
    pub payment_hash: PaymentHash,
    /// The number of uses that the token allows in all.
    pub uses: NonZeroU32,
    /// The time at which every token of this payment has ended, and its row may be pruned. If a
    /// holder has narrowed the token, this is later than the token's own end.
    pub expires: UnixTime,
    /// The current time of the wall clock.
    pub now: UnixTime,
}

/// A use that is held for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reservation {
    /// An identifier, unique within the open ledger.
    pub id: u64,
    /// The number of times that this payment has got no answer or a failing one since a use of it
    /// was last spent. The paywall slows the next try down by it.
    pub failures: u32,
}

/// The end of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settle {
    /// The request was served: the use is spent.
    Commit,
    /// The buyer left in mid-answer, asked wrongly (4xx) or broke the request off: given back,
    /// [`BUYER_RELEASES`] times a payment.
    ReleaseBuyer,
    /// The upstream failed, or there was no answer at all: given back without limit.
    ReleaseUpstream,
}

/// The reason why no use was reserved.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReserveError {
    /// All uses of the payment are spent.
    Consumed,
    /// All uses that are not spent are in flight.
    InUse,
    /// The ledger cannot be written. The text is for the log.
    Unavailable(String),
}

impl fmt::Display for ReserveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Consumed => f.write_str("every use of this payment is spent"),
            Self::InUse => f.write_str("every use left of this payment is in flight"),
            Self::Unavailable(why) => write!(f, "the ledger cannot be written: {why}"),
        }
    }
}

impl std::error::Error for ReserveError {}

/// A store that counts the uses of each payment.
///
/// A wrong implementation serves for nothing: `reserve` must be durable before it returns, atomic
/// across threads and processes, and a committed use must never come back. If the future of
/// `reserve` is dropped before it returns, nothing may stay reserved, and no try of the buyer may
/// be spent.
pub trait Ledger: fmt::Debug + Send + Sync {
    /// Reserves one use. The reservation is durable when the future returns.
    ///
    /// # Errors
    /// See [`ReserveError`]; nothing is reserved then.
    fn reserve(&self, request: UseRequest) -> BoxFuture<'_, Result<Reservation, ReserveError>>;
    /// Settles a reservation. Returns at once; durable within 5 ms. A second call for the same
    /// reservation does nothing.
    fn settle(&self, reservation: Reservation, settle: Settle);
    /// Waits until all that was settled is durable.
    fn flush(&self) -> BoxFuture<'_, ()>;
}

/// The counts of one payment, without the uses in flight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) used: u32,
    /// The number of times that a use was given back to the buyer.
    pub(super) attempts: u32,
    /// The number of failures of the upstream since the last commit.
    pub(super) failures: u32,
}

impl Tally {
    /// Checks that one more use may be reserved while `in_flight` others are.
    pub(super) fn admit(self, request: &UseRequest, in_flight: u32) -> Result<(), ReserveError> {
        let uses = request.uses.get();
        // `Consumed` leads to a new invoice, `InUse` does not, so `Consumed` is only for uses that
        // can no longer be given back.
        if self.used >= uses {
            Err(ReserveError::Consumed)
        } else if self.used.saturating_add(in_flight) >= uses {
            Err(ReserveError::InUse)
        } else {
            Ok(())
        }
    }

    /// Returns the counts after a settlement.
    pub(super) fn settled(mut self, settle: Settle) -> Self {
        match settle {
            Settle::Commit => {
                self.used = self.used.saturating_add(1);
                self.failures = 0;
            }
            // Bounded: otherwise one payment would buy the beginning of answers without end.
            Settle::ReleaseBuyer if self.attempts < BUYER_RELEASES => self.attempts += 1,
            Settle::ReleaseBuyer => self.used = self.used.saturating_add(1),
            Settle::ReleaseUpstream => self.failures = self.failures.saturating_add(1),
        }
        self
    }
}
