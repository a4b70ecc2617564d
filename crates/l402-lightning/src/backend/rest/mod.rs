//! What phoenixd and LNbits have in common: a secret in a file, settlements that are asked for again
//! and again, and payments that the wallet is asked about before and after each attempt.

#[cfg(feature = "pay")]
mod attempts;
#[cfg(feature = "pay")]
mod payer;
mod polled;
mod secret;
mod words;

#[cfg(feature = "pay")]
pub(super) use payer::{Payer, PayingApi, settled};
pub(super) use polled::{Paid, PaidInvoices, settlements};
pub(super) use secret::read_secret;
pub(super) use words::{garbled, kind_of, unanswered};
