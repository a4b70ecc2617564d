//! Listings from other directories, and ours for others.
//!
//! ```text
//!   402index, satring, our own JSON ─▶ stream (one entry in memory) ─▶ entry ─▶ NewListing, or the reason
//!   listings, a page at a time ─▶ json, csv ─▶ bytes          the newest 50 ─▶ atom
//! ```

mod atom;
mod csv;
mod entry;
mod format;
mod imported;
mod json;
mod stream;

pub(crate) use atom::write_atom;
pub(crate) use csv::{write_csv, write_csv_head};
pub(crate) use entry::imported;
pub use format::ExportFormat;
pub use imported::Imported;
pub(crate) use json::{write_json, write_json_end, write_json_head};
pub(crate) use stream::read_services;
