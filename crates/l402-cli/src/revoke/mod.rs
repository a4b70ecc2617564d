//! Ending tokens before their time: what is named, the change in the register, and what is said of it.

mod change;
mod named;
pub(crate) mod report;

pub(crate) use change::{Done, What, all, revoke};
pub(crate) use named::{payment_hash, time, token_id};
