//! A wallet of an LNbits server, for LNbits 1.0 to 1.6.
//!
//! The server makes the invoices and keeps their preimages, so a preimage alone proves no payment.
//! The invoice key is enough to be paid, and the admin key is refused for receiving. Amounts are
//! whole satoshi: LNbits takes no part of one in an invoice of its own, so they are rounded up.

mod open;
#[cfg(feature = "pay")]
mod pay;
mod peer;
mod receive;
mod wire;

pub(crate) use open::{check_receiver, receiver};
#[cfg(feature = "pay")]
pub(crate) use pay::wallet;
