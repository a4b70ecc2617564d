//! The changes that operators make. The API and the dashboard call the same functions.
//!
//! ```text
//!   one at a time ─▶ audit log: begun (durable) ─▶ the change ─▶ audit log: done, or refused
//! ```
//!
//! A change that cannot be written down is refused. One of the configuration is written back to the file it came
//! from (`file`), checked wholly before, and taken over by a reload; if that fails the old text is put back. `audit`
//! is the log, `settings` are prices and limits.

mod audit;
mod changes;
mod file;
mod settings;

pub(super) use audit::Peer;
pub(crate) use audit::{Actor, AuditEntryJson, AuditLog};
use changes::Change;
pub(super) use settings::limits;
pub(crate) use settings::{LimitsChange, PriceChange};
