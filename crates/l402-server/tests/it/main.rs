//! The promises of the crate, tested through its public interface.

mod attempts;
mod contract;
mod http;
mod layer;
mod node;
mod observe;
mod paying;
mod presenting;
mod routing;
mod settled;
mod sqlite;
mod told;
mod upgrade;
mod world;
