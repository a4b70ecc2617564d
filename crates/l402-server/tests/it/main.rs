//! The promises of the crate, tested through its public interface.

mod attempts;
mod contract;
mod http;
mod layer;
mod node;
mod observe;
mod paying;
mod sqlite;
mod upgrade;
mod world;
