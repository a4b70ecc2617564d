//! A ledger in a SQLite file: one writer thread, one commit for all that has queued up.
//!
//! `reserve` answers when its commit is on disk. `settle` only queues, and the thread writes it
//! with the next commit, which begins at once. Several processes may open one file: a reservation
//! is a row with a unique place, and each open ledger holds a lock file for as long as it lives, so
//! that the others can tell what a crash has left behind, and give it back.

#[cfg(test)]
mod cost;
mod file;
mod growth;
mod handle;
mod identity;
mod owner;
mod prune;
mod writer;

use super::{Ledger, LedgerError, Reservation, ReserveError, ReserveRequest, Settle};
pub use handle::SqliteLedger;
use handle::{Op, PendingReservation};
