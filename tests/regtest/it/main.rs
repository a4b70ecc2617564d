//! The chain, and LDK nodes on it, as a test would use them.

mod backend;
mod chain;
#[path = "../../../crates/l402-lightning/tests/it/contract.rs"]
mod contract;
mod held;
mod outage;
mod start;
mod stateless;
