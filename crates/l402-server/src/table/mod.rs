//! The table of routes, compiled: which paths are free, which are sold, and on what terms.

mod route;
mod snapshot;

pub use route::{Access, Charge, Priced, Route};
pub(crate) use snapshot::MAX_INVOICE_EXPIRY;
pub use snapshot::{Matched, Snapshot, SnapshotError};
