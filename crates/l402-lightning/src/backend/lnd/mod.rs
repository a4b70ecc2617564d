//! lnd over its REST interface, for lnd 0.18 to 0.21.
//!
//! The certificate is pinned, unless it is a public one. A macaroon that may do more than receive is refused for receiving.
//! Answers of lnd are compared with the requests.

mod macaroon;
mod open;
#[cfg(feature = "pay")]
mod pay;
mod receive;
mod rest_api;
mod sign;
mod tls;
mod wire;

pub(crate) use open::{check_receiver, receiver};
#[cfg(feature = "pay")]
pub(crate) use pay::wallet;
pub(crate) use sign::signer;
