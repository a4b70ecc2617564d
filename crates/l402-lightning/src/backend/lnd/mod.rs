//! lnd over its REST interface, as lnd 0.18 to 0.20 speak it.
//!
//! The certificate is pinned, and a macaroon that may do more than receive is refused for
//! receiving. What lnd answers is compared with what was asked.

mod macaroon;
mod open;
#[cfg(feature = "pay")]
mod pay;
mod receive;
mod rest_api;
mod tls;
mod wire;

pub(crate) use open::receiver;
#[cfg(feature = "pay")]
pub(crate) use pay::wallet;
