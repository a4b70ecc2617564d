//! A ledger in a SQLite file: one writer thread, one commit for all that has queued up.
//!
//! ```text
//!   reserve --> queue --> writer: one transaction for all that wait --> disk --> reserve returns
//!   settle  --> queue --> release ---------> owed ------------------------> disk
//!                         commit --> late --> owed
//!                                   0.5 ms
//! ```
//!
//! `reserve` returns when its transaction is on disk. `settle` only queues; the writer starts the
//! next transaction at once.
//!
//! Several processes may open one file. A use in flight is a row with a unique slot. Each open
//! ledger locks a file of its own for as long as it lives, so that the others can tell which rows a
//! crash has left behind, and give those uses back.

mod file;
mod handle;
mod owner;
mod writer;

use super::{Ledger, Reservation, ReserveError, Settle, UseRequest};
pub use handle::{LedgerError, SqliteLedger};
use handle::{Op, PendingReservation};
