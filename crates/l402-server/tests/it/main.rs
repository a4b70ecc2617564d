//! The promises of the crate, tested through its public interface.

mod attempts;
mod books;
mod contract;
mod copy;
mod holders;
mod http;
mod key_states;
mod layer;
mod node;
mod observe;
mod passes;
mod paying;
mod postgres;
mod postgres_model;
mod presenting;
mod register;
mod revoked;
mod routing;
mod settled;
mod sqlite;
mod told;
mod upgrade;
mod world;
