//! The steps of a purchase, as values that only the store makes.
//!
//! ```text
//!   reserve ──▶ Recorded ──sent──▶ Sent ──ask──▶ InFlight ──settled──▶ Paid ──▶ served, refused
//!                  │                                │
//!               unasked                          failed, unknown, settled without proof
//! ```
//!
//! Each is used up by the step behind it, and each function that makes one has written the row
//! first. So a step that nobody recorded does not compile: there is no way to a [`Paid`] around
//! the proof, and none to a wallet around [`Store::sent`]. Dropping a step is safe at any time: the
//! row says how far the purchase came, and [`Store::found`] goes on from there.
//!
//! The module is public for the tests of this, which are programs that must not compile. Nobody
//! outside of this crate can get hold of a [`Store`].

mod found;
mod in_flight;
mod paid;
mod recorded;
mod sent;
mod terms;

pub use super::store::Store;
pub use found::Found;
pub use in_flight::{InFlight, Settled};
pub use paid::Paid;
pub use recorded::Recorded;
pub use sent::Sent;

pub(crate) use recorded::ReserveOutcome;

#[cfg(test)]
mod tests;
