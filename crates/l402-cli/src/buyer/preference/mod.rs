//! Several wallets in an order of preference, as one wallet.
//!
//! ```text
//!   pay ─▶ noted for this hash? ── no ──▶ the first wallet
//!                 │ yes                        │
//!                 └──▶ that wallet ──▶ note its name, then ask it
//!                                              ├─ settled, unknown ──▶ the outcome
//!                                              └─ failed for certain ──▶ the next wallet, the same way
//! ```
//!
//! A payment that is unknown at one wallet is never begun at another: the note says which wallet may
//! have begun it, and only that one and those behind it are asked again. If it was asked before, by
//! an earlier call, its *failed* may be about the new attempt alone: only a look-up that says
//! *failed*, too, goes on.

mod look_up;
mod order;
mod pay;
#[cfg(test)]
mod tests;

pub(super) use order::Preference;
