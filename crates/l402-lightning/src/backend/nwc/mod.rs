//! Any wallet that speaks Nostr Wallet Connect (NIP-47).
//!
//! ```text
//!   Receive, Pay ── client ──orders──> link: one task ── socket ──> relay ──> wallet service
//!                     ^                  |                 (the next relay, if one is down)
//!                     └─────answers──────┘
//! ```
//!
//! Neither relay nor stranger can speak for the wallet: an answer counts only if the wallet has
//! signed it, for us, for this very request. A relay can suppress, delay and repeat, so a missing
//! answer to a payment means *unknown*. `docs/design/nwc.md` says why it is built this way.

mod client;
mod link;
mod open;
#[cfg(feature = "pay")]
mod pay;
mod receive;
mod settlements;
mod socket;
pub(crate) mod wire;

pub(crate) use open::{check_receiver, receiver};
#[cfg(feature = "pay")]
pub(crate) use pay::wallet;
