//! The question that a search asks.

mod cursor;
mod query;
mod text;

pub use cursor::{Cursor, CursorError};
pub(crate) use query::PAGE_MAX;
pub use query::{Filter, Query, Sort};
pub(crate) use text::split_words;
