//! The common half of phoenixd and LNbits: a secret in a file, settlements that are asked for again
//! and again, and payments that the wallet is asked about before and after each attempt.

#[cfg(feature = "pay")]
mod attempts;
mod error_text;
#[cfg(feature = "pay")]
mod payer;
mod polled;
mod secret;

pub(super) use error_text::{garbled, kind_of};
#[cfg(feature = "pay")]
pub(super) use payer::{Payer, PayingApi, settled};
pub(super) use polled::{Paid, PaidInvoices, settlements};
pub(super) use secret::read_secret;
