//! The tokens that were ended before their time, in memory.
//!
//! [`Revoked`] is asked by every paid request after its credential is proven and authorised. It is
//! filled from the register of the ledger, which keeps each [`Revocation`] for good: see
//! [`Revocations`](crate::ledger::register::Revocations).

mod revocation;
mod set;
mod times;

pub use revocation::{Revocation, Revoke};
pub use set::Revoked;
