//! The uses of each payment: reserved first, then committed or released.
//!
//! A ledger identifies payments by their hash. For each it counts the uses that are spent, those in
//! flight, those that the buyer gave back, and the failures of the upstream. It holds no secret: a
//! copy of it is worth nothing to a thief.
//!
//! ```text
//!              reserve                       commit
//!   [free] ---------------> [in flight] -----------------> [spent]
//!     ^                       |     |
//!     |       release: the    |     |   release: the buyer left, asked wrongly (4xx)
//!     |       upstream failed |     |   or broke the request off
//!     |-----------------------'     |
//!     '-- 5 times a payment --------'----- after that -----> [spent]
//! ```

mod memory;
#[cfg(feature = "sqlite")]
mod sqlite;
mod uses;

pub use memory::MemoryLedger;
#[cfg(feature = "sqlite")]
pub use sqlite::{LedgerError, SqliteLedger};
pub use uses::{BUYER_RELEASES, Ledger, Reservation, ReserveError, Settle, UseRequest};
use uses::{GRACE_SECS, Tally};
