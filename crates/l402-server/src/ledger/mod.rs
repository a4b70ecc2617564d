//! The units of each payment: reserved first, then spent or given back.
//!
//! A ledger knows payments by their hash, and of each how many units are spent, how many are
//! reserved, how often its buyer gave units back, and how often the upstream failed it. It holds
//! no secret: a copy of it is worth nothing to a thief.
//!
//! One use is one unit. [`Ledger`] is object-safe, so that the configuration can choose the store
//! and everything else holds an `Arc<dyn Ledger>`.

mod error;
#[cfg(feature = "sqlite")]
mod identity;
mod memory;
#[cfg(feature = "sqlite")]
mod open_error;
mod setbacks;
#[cfg(feature = "sqlite")]
mod sqlite;
mod time;
mod units;

pub use error::ReserveError;
#[cfg(feature = "sqlite")]
pub use identity::{LedgerId, LedgerIdentity, LedgerMark};
pub use memory::MemoryLedger;
#[cfg(feature = "sqlite")]
pub use open_error::{LedgerError, LedgerErrorKind};
pub(crate) use setbacks::Setbacks;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteLedger;
use time::LedgerTime;
pub use units::{Allowance, BUYER_RELEASES, Ledger, Reservation, ReserveRequest, Settle};
use units::{GRACE_SECS, Tally};
