//! The common half of phoenixd and LNbits: a secret in a file, and settlements that are asked for
//! again and again.

mod error_text;
mod polled;
mod secret;

pub(super) use error_text::{garbled, kind_of};
pub(super) use polled::{Paid, PaidInvoices, newest_settlement, settlements};
pub(super) use secret::read_secret;
