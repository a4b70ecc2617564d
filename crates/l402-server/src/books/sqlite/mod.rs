//! The books in a SQLite file, which several processes may open.

mod prune;
mod row;
mod store;
mod view;

use super::entry::Field;
use super::raw::{ROW, Raw};
use super::seals::seal_of;
use super::split::Split;
use super::{Books, BooksError, Entry, Head, Kind, Seal, Sealed, View, Visit};
#[cfg(feature = "postgres")]
pub(super) use row::raw;
pub use store::SqliteBooks;
use store::append;
