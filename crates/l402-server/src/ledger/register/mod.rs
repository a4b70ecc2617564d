//! The register of a ledger: what stands in it beside the units.
//!
//! ```text
//!   Register ─┬─ Changes         if something of it may have changed
//!             ├─ Identify        which ledger it is: id, epoch, number of the key that sells
//!             ├─ KeyStates       the state of each key number, and which gateways hold its key
//!             └─ Revocations     what was ended before its time, in the order in which it was
//! ```
//!
//! Every gateway of a ledger agrees on it. Commands read and change it beside running gateways and
//! without one. All methods block for a moment: call them from a thread that may.

mod all;
mod changes;
mod identify;
mod key_book;
mod keys;
mod next_number;
#[cfg(feature = "postgres")]
mod postgres;
mod reported;
mod revocations;
#[cfg(feature = "sqlite")]
mod sqlite;
mod stored;

pub use all::Register;
pub use changes::Changes;
pub use identify::{Identify, identify};
pub use key_book::{KeyBook, KeyRefused, KeyReport, KeyState};
pub use keys::KeyStates;
pub use next_number::begin_next_number;
#[cfg(feature = "postgres")]
pub use postgres::PostgresRegister;
pub use revocations::Revocations;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteRegister;
