//! The trait of a ledger, and the values that it counts by.

use std::fmt;
use std::num::NonZeroU32;

use l402::{PaymentHash, UnixTime};
use l402_host::BoxFuture;

/// How often a buyer gets a use of one payment back who left in mid-answer, asked wrongly (4xx)
/// or broke the request off. Each further time counts as a use.
pub const BUYER_RELEASES: u32 = 5;

/// How long a row outlives its token, in seconds: a clock that was set forward by mistake and
/// back again must not make spent tokens fresh (ATTACKS R-13).
pub(super) const GRACE_SECS: u64 = 2 * 3600;

/// A request to use a payment once.
#[derive(Clone, Copy, Debug)]
pub struct UseRequest {
    /// The replay key.
    pub payment_hash: PaymentHash,
    /// How many uses the token allows in all.
    pub uses: NonZeroU32,
    /// When every token of this payment has ended, and its row may be pruned. Of a token that its
    /// holder narrowed that is later than the token's own end.
    pub expires: UnixTime,
    /// The current time.
    pub now: UnixTime,
}

/// A use that is held for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reservation {
    /// Unique within the ledger.
    pub id: u64,
    /// How often this payment has got no answer or a failing one since a use of it was last spent:
    /// the next try is slowed down.
    pub failures: u32,
}

/// What becomes of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settle {
    /// Served: the use is spent.
    Commit,
    /// The buyer left in mid-answer, asked wrongly (4xx) or broke the request off: given back,
    /// [`BUYER_RELEASES`] times a payment.
    ReleaseBuyer,
    /// The upstream failed, or there was no answer at all: given back without limit.
    ReleaseUpstream,
}

/// Why no use was reserved.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReserveError {
    /// All uses are spent.
    Consumed,
    /// Those left are all in flight.
    InUse,
    /// The ledger cannot be written; the text is for the log.
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

/// Counts uses by payment hash.
///
/// A wrong implementation lets in unpaid: `reserve` must be durable before it answers, atomic
/// across threads and processes, and a committed use must never come back. Where the future of
/// `reserve` is dropped before it answers, nothing stays reserved and no try of the buyer is spent.
pub trait Ledger: fmt::Debug + Send + Sync {
    /// Reserves one use; durable when it answers.
    fn reserve(&self, request: UseRequest) -> BoxFuture<'_, Result<Reservation, ReserveError>>;
    /// Settles a reservation: returns at once, durable within 5 ms. A second time does nothing.
    fn settle(&self, reservation: Reservation, settle: Settle);
    /// Waits until all that was settled is durable.
    fn flush(&self) -> BoxFuture<'_, ()>;
}

/// What a ledger knows of a payment, uses in flight aside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) used: u32,
    pub(super) attempts: u32,
    pub(super) failures: u32,
}

impl Tally {
    /// Whether one more use may be held, where so many are in flight.
    pub(super) fn admit(self, request: &UseRequest, in_flight: u32) -> Result<(), ReserveError> {
        let uses = request.uses.get();
        if self.used >= uses {
            Err(ReserveError::Consumed)
        } else if self.used.saturating_add(in_flight) >= uses {
            Err(ReserveError::InUse)
        } else {
            Ok(())
        }
    }

    pub(super) fn settled(mut self, settle: Settle) -> Self {
        match settle {
            Settle::Commit => {
                self.used = self.used.saturating_add(1);
                self.failures = 0;
            }
            Settle::ReleaseBuyer if self.attempts < BUYER_RELEASES => self.attempts += 1,
            Settle::ReleaseBuyer => self.used = self.used.saturating_add(1),
            Settle::ReleaseUpstream => self.failures = self.failures.saturating_add(1),
        }
        self
    }
}
