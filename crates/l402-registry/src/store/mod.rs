//! The place where listings are kept: a trait, and SQLite.

mod error;
mod interface;
pub(crate) mod sqlite;

pub use error::{StoreError, StoreOpenError};
pub use interface::{
    Added, Category, Claim, Due, Found, History, PaidPoint, Point, Probed, Review, ReviewFate,
    Store, Totals,
};
pub use sqlite::SqliteStore;
