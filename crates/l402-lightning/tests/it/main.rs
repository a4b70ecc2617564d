//! What this crate promises: of every backend alike, and of each one alone.

mod contract;
mod lnd;
mod sandbox;
mod sandbox_api;
