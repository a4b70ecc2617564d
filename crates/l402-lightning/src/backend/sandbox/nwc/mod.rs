//! The sandbox as a wallet that speaks Nostr Wallet Connect (NIP-47), with a relay of its own.
//!
//! ```text
//!   any NWC program ── ws://127.0.0.1:PORT ── relay ── service ── account `default`
//!        holds the URI                       in memory            HOME/sandbox/
//! ```
//!
//! The relay holds no secret, and passes on events of any wallet: who has no URI can do nothing
//! through it. It is open to web pages for the same reason, unlike the HTTP API.

mod account;
mod connection;
mod record;
mod relay;
mod service;
mod wallet;

pub use wallet::SandboxNwc;
