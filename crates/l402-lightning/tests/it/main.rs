//! The promises of this crate: of all backends alike, and of each backend alone.

mod cln;
mod contract;
mod lnd;
mod sandbox;
mod sandbox_api;
