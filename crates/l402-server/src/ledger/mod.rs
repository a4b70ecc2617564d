//! The units of each payment: reserved first, then spent or given back.
//!
//! A ledger knows payments by their hash, and of each how many units are spent, how many are
//! reserved, how often its buyer gave units back, and how often the upstream failed it. It holds
//! no secret: a copy of it is worth nothing to a thief.
//!
//! One use is one unit. [`Ledger`] is object-safe, so that the configuration can choose the store
//! and everything else holds an `Arc<dyn Ledger>`.

mod error;
mod identity;
mod lease;
mod memory;
mod open_error;
#[cfg(feature = "postgres")]
mod postgres;
pub mod register;
mod setbacks;
#[cfg(feature = "sqlite")]
mod sqlite;
mod time;
mod units;

pub use error::ReserveError;
pub use identity::{LedgerId, LedgerIdentity, LedgerMark};
pub use lease::{Lease, LeaseKeeper};
pub use memory::MemoryLedger;
pub use open_error::{LedgerError, LedgerErrorKind};
pub(crate) use setbacks::Setbacks;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteLedger;
use time::LedgerTime;
pub use units::{Allowance, BUYER_RELEASES, Ledger, Reservation, ReserveRequest, Settle};
use units::{GRACE_SECS, Tally};
