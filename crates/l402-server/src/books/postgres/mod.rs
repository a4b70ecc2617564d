//! The books in a PostgreSQL database, beside the ledger that several gateways share.
//!
//! ```text
//!   append: shared lock, lock of the writer, entries, commit     an answer that is lost: asked for, under
//!   prune:  the lock alone, so that nobody appends meanwhile     the lock of that writer
//!   view:   one REPEATABLE READ, through cursors
//! ```

mod append;
mod link;
mod prune;
mod row;
mod schema;
mod store;
mod view;

use super::entry::{COLUMNS, Field};
use super::raw::{ROW, Raw};
use super::seals::seal_of;
use super::split::Split;
use super::writer_number::new_writer;
use super::{Books, BooksError, Entry, Head, Kind, Seal, View, Visit};
#[cfg(feature = "sqlite")]
pub(super) use link::{failed, lock_alone};
#[cfg(feature = "sqlite")]
pub(super) use row::{Row, insert};
pub use store::PostgresBooks;
