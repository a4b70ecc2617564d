//! The reasons why a ledger grants nothing.

use std::error::Error;
use std::fmt;

use l402::UnixTime;

/// The reason why no units were reserved.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReserveError {
    /// The wall clock is more than an hour behind the latest time at which the ledger has counted a
    /// use. The payment may be one that it has forgotten since, as ended.
    ClockBehind {
        /// That latest time.
        stored: UnixTime,
    },
    /// Fewer units are unspent than were asked for.
    Consumed,
    /// The units are unspent, but other requests hold too many of them. They may be given back.
    InUse,
    /// The ledger cannot be written; the text is for the log.
    Unavailable(String),
}

impl fmt::Display for ReserveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClockBehind { stored } => write!(
                f,
                "the clock is behind: the ledger has counted uses at {}, so nothing is counted now; \
                 set the clock right",
                stored.to_rfc3339()
            ),
            Self::Consumed => f.write_str("every use of this payment is spent"),
            Self::InUse => f.write_str("every use left of this payment is in flight"),
            Self::Unavailable(why) => write!(f, "the ledger cannot be written: {why}"),
        }
    }
}

impl Error for ReserveError {}
