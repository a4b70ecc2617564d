//! What the crate promises, seen from outside.

mod contract;
mod http;
mod layer;
mod node;
mod paying;
mod sqlite;
mod upgrade;
mod world;
