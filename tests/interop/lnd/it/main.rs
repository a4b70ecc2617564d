//! Tests against lnd: the contract of backends, a purchase, restarts, outages, expiry,
//! held payments.

mod aperture;
mod backend;
#[path = "../../../../crates/l402-lightning/tests/it/contract.rs"]
mod contract;
mod expiry;
mod gateway;
mod held;
mod outage;
mod purchase;
