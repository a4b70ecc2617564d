//! The chain, and LDK nodes on it, as a test would use them.

mod backend;
mod chain;
mod close;
#[path = "../../../crates/l402-lightning/tests/it/contract.rs"]
mod contract;
mod double;
mod held;
mod outage;
mod program;
mod sockets;
mod start;
mod stateless;
