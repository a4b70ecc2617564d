//! phoenixd over HTTP, for phoenixd 0.5 to 0.8.
//!
//! It has two passwords. The limited one is enough to be paid, and the full one is refused for
//! receiving. Amounts are whole satoshi, so an invoice over a part of one is rounded up.

mod open;
#[cfg(feature = "pay")]
mod pay;
mod peer;
mod receive;
mod wire;

pub(crate) use open::{check_receiver, receiver};
#[cfg(feature = "pay")]
pub(crate) use pay::wallet;
