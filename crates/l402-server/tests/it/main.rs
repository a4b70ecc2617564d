//! The promises of the crate, tested through its public interface.

mod contract;
mod http;
mod layer;
mod node;
mod observe;
mod paying;
mod routing;
mod sqlite;
mod upgrade;
mod world;
