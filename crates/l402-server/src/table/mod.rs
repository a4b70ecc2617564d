//! The compiled table of routes: the paths that are free, those that are sold, and their terms.

mod route;
mod snapshot;

pub use route::{Access, Charge, Priced, Route};
pub(crate) use snapshot::MAX_INVOICE_EXPIRY;
pub use snapshot::{Matched, Snapshot, SnapshotError};
