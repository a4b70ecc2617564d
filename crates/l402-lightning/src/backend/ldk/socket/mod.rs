//! The sockets of a node, by which other programs of this machine use it.
//!
//! ```text
//!   l402 serve ── receive.sock ─┐             ReceiveService: has no way to pay
//!                               ├─ one node
//!   l402 get ─────── pay.sock ──┘             PayService (feature `pay`)
//! ```
//!
//! A request is a line of JSON, and so is its answer. A connection has any number of requests, one
//! after the other. Lines and times are bounded; `wire` has the messages.

mod bind;
mod client;
mod line;
#[cfg(feature = "pay")]
mod pay;
mod receive;
mod server;
mod wire;

#[cfg(feature = "pay")]
pub(super) use client::Socket;
pub(super) use receive::{ReceiveService, SocketReceive};
pub(super) use server::Listening;
pub(super) use wire::Status;
#[cfg(feature = "pay")]
pub(super) use {pay::PayService, pay::SocketPay, wire::SpendRequest};
