//! JSON over HTTP, as far as every node's interface has it in common.
//!
//! Each call has a deadline, each answer a limit, and each `Failure` says if the node may have
//! seen the request: that decides if a payment certainly failed or is unknown. The words are the
//! backend's own, through [`Peer`].

mod call;
mod failure;
#[cfg(feature = "lnd")]
mod line;
mod peer;
mod text;

pub(crate) use call::{Transport, client};
#[cfg(feature = "pay")]
pub(crate) use failure::Failure;
#[cfg(feature = "lnd")]
pub(crate) use line::Lines;
pub(crate) use peer::Peer;
pub(crate) use text::plain;
