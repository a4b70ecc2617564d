//! The work of `l402 wallet`: play money for a sandbox, and an invoice paid by hand.

mod fund;
mod pay;

pub(crate) use fund::fund;
pub(crate) use pay::{Bill, pay};
