//! The uses of each payment: reserved first, then committed or released.
//!
//! A ledger knows payments by their hash, and of each how many uses are spent, how many are in
//! flight, how often its buyer gave a use back, and how often the upstream failed it. It holds
//! no secret: a copy of it is worth nothing to a thief.

mod memory;
#[cfg(feature = "sqlite")]
mod sqlite;
mod uses;

pub use memory::MemoryLedger;
#[cfg(feature = "sqlite")]
pub use sqlite::{LedgerError, SqliteLedger};
pub use uses::{BUYER_RELEASES, Ledger, Reservation, ReserveError, Settle, UseRequest};
use uses::{GRACE_SECS, Tally};
