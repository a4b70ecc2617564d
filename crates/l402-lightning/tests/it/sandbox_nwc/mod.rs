//! The sandbox as a wallet for Nostr Wallet Connect: its relay, and what the wallet answers.

mod client;
mod relay;
mod wallet;
