//! A ledger in a SQLite file: one writer thread, one commit for all that has queued up.
//!
//! ```text
//!   reserve, settle ─▶ writer ─▶ one row of the log a commit ─▶ answers
//!                        │
//!                      memory: what the log says ── folded, in the order of hashes ─▶ table `payments`
//! ```
//!
//! `reserve` answers when its commit is on disk. `settle` only queues, and the thread writes it
//! with the next commit. Several processes may open one file: each reads what the others have added to
//! the log before it adds its own, in one transaction. Each open ledger holds a lock file for as long
//! as it lives, so that the others can tell what a crash has left behind, and give it back.

#[cfg(test)]
mod cost;
mod counts;
mod entry;
#[cfg(feature = "postgres")]
pub(in crate::ledger) mod export;
pub(in crate::ledger) mod file;
mod fold;
mod handle;
pub(in crate::ledger) mod identity;
#[cfg(test)]
mod killed;
#[cfg(test)]
mod model;
pub(in crate::ledger) mod owner;
mod prune;
mod tail;
mod writer;

use super::{Ledger, LedgerError, Reservation, ReserveError, ReserveRequest, Settle};
pub use counts::SqliteCounts;
pub use handle::SqliteLedger;
