//! The store in one SQLite file.
//!
//! ```text
//!   store ──▶ writer ──▶ listings, record, owner, review, moderation ──┐
//!     └─────▶ readers ─▶ find, read, history ──────────────────────────┴─▶ fts, uptime, row, schema
//! ```

mod filter;
mod find;
mod fts;
mod history;
mod listings;
mod moderation;
mod owner;
mod read;
mod readers;
mod record;
mod review;
mod row;
mod schema;
mod slots;
mod store;
mod uptime;
mod writer;

pub use store::SqliteStore;
