//! The compiled table of routes: the paths that are free, those that are sold, and their terms.

mod minted;
mod overlap;
mod paths;
mod pattern;
mod route;
mod sellable;
mod snapshot;

pub use route::{Access, Charge, Place, Priced, Route};
pub use sellable::UnsellableError;
pub use snapshot::{MAX_INVOICE_EXPIRY, Matched, Snapshot, SnapshotError};
