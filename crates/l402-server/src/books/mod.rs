//! The books: every payment that arrived and every use of it, durable, and checked by seals.
//!
//! ```text
//!   Observe::settled ──▶ queue ──▶ thread ──▶ entries (append-only, sealed) ──▶ accounts ──▶ sums
//!   node's settlements ──────────────────────▶   │
//!   ledger's counts ──▶ corrections ─────────────┘
//! ```
//!
//! An entry says what happened once and is never changed. Each open store is a *writer*: it numbers
//! its entries, and each of them carries a SHA-256 over the seal before it and its own content, so that an
//! entry that was changed, removed or put in by hand is found. An [`Account`] is what the entries of one
//! payment say together.
//!
//! The ledger decides what may be served, and the books follow it. They hold no secret: no token and no
//! preimage.

mod account;
mod check;
#[cfg(all(feature = "postgres", feature = "sqlite"))]
mod copy;
mod counts;
mod entry;
mod error;
mod observer;
mod outstanding;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod raw;
mod sales;
mod seals;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod split;
#[cfg(feature = "sqlite")]
mod sqlite;
mod store;
mod verify;
mod writer;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod writer_number;

pub use account::{Account, Totals, cost_of};
pub use check::{Finding, Mark};
#[cfg(all(feature = "postgres", feature = "sqlite"))]
pub use copy::copy_to_postgres;
pub use counts::Counts;
pub use entry::{Entry, Kind, Terms};
pub use error::BooksError;
pub use observer::BooksObserver;
use outstanding::Outstanding;
#[cfg(feature = "postgres")]
pub use postgres::PostgresBooks;
pub use sales::{
    By, SalesRow, begin_at, each_account, each_use, note_settlement, payment, sales, totals,
};
pub use seals::{Head, Seal, Sealed};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteBooks;
pub use store::{Books, View, Visit};
pub use verify::{Listed, Report, recover, verify};
use writer::Writer;
