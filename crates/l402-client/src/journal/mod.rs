//! The journal of payments: the record that is durable before money moves, and the record that a
//! restart finds.
//!
//! The promises:
//!
//! - A row is in the file, synced, before the wallet is asked.
//! - The proof is synced before it is sent anywhere.
//! - After a crash, an open payment is looked up by its hash before anything is paid again.
//! - `intent` means that no wallet was asked. The row becomes `unknown`, synced, just before that.
//!
//! The states, and the steps between them, are drawn in `purchase/mod.rs`.

mod budget;
mod delivery;
mod lock;
mod open;
mod row;
mod store;

pub use open::{Entry, Journal, State};

pub(crate) use delivery::Delivery;
pub(crate) use lock::{Claim, Flight, Scope};
pub(crate) use row::{Draft, DurableIntent, Purchase};
pub(crate) use store::ReserveOutcome;
