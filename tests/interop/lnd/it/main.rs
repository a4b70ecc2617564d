//! Tests against lnd: the contract of backends, a purchase, restarts, outages, expiry.

mod aperture;
mod backend;
#[path = "../../../../crates/l402-lightning/tests/it/contract.rs"]
mod contract;
mod expiry;
mod gateway;
mod outage;
mod purchase;
