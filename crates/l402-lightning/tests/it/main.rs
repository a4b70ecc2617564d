//! The promises of this crate: of all backends alike, and of each backend alone.

mod contract;
mod lnd;
mod nwc;
mod sandbox;
mod sandbox_api;
mod sandbox_nwc;
