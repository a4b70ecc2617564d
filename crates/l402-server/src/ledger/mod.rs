//! The units of each payment: reserved first, then spent or given back.
//!
//! A ledger knows payments by their hash, and of each how many units are spent, how many are
//! reserved, how often its buyer gave units back, and how often the upstream failed it. It holds
//! no secret: a copy of it is worth nothing to a thief.
//!
//! One use is one unit. [`Ledger`] is object-safe, so that the configuration can choose the store
//! and everything else holds an `Arc<dyn Ledger>`.

#[cfg(all(feature = "postgres", feature = "sqlite"))]
mod copy;
mod error;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod growth;
mod identity;
mod lease;
mod memory;
mod open_error;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod ops;
#[cfg(feature = "postgres")]
mod postgres;
pub mod register;
mod setbacks;
#[cfg(feature = "sqlite")]
mod sqlite;
mod time;
mod units;

#[cfg(all(feature = "postgres", feature = "sqlite"))]
pub use copy::Copied;
#[cfg(all(feature = "postgres", feature = "sqlite"))]
pub(crate) use copy::copy_with;
pub use error::ReserveError;
pub use identity::{LedgerId, LedgerIdentity, LedgerMark};
pub use lease::{Lease, LeaseKeeper};
pub use memory::MemoryLedger;
pub use open_error::{LedgerError, LedgerErrorKind};
#[cfg(feature = "postgres")]
pub use postgres::{PostgresCounts, PostgresLedger};
pub(crate) use setbacks::Setbacks;
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteCounts, SqliteLedger};
use time::LedgerTime;
pub use units::{Allowance, BUYER_RELEASES, Ledger, Reservation, ReserveRequest, Settle};
use units::{GRACE_SECS, Tally};
