//! Core Lightning over its Unix socket, or over clnrest with a rune.
//!
//! The socket can always spend, so it is refused for receiving; so is a rune that may do more than
//! receive. Answers are compared with the requests. `docs/wallets/cln.md` has the recipes.
//!
//! ```text
//!   receive.rs ──┐            ┌── socket.rs ── lightning-rpc
//!                ├── rpc.rs ──┤
//!   pay.rs ──────┘            └── rest_api.rs ── clnrest
//! ```

#[cfg(feature = "pay")]
mod begun;
mod open;
#[cfg(feature = "pay")]
mod pay;
mod receive;
mod rest_api;
mod rpc;
mod rune;
mod scan;
mod sign;
mod socket;
mod tls;
mod wire;

pub(crate) use open::{check_receiver, check_rest_receiver, receiver, rest_receiver};
#[cfg(feature = "pay")]
pub(crate) use pay::{rest_wallet, wallet};
pub(crate) use sign::{rest_signer, signer};
