//! The whole of it against lnd: what backends promise, a purchase, restarts, outages, expiry.

mod aperture;
mod backend;
#[path = "../../../../crates/l402-lightning/tests/it/contract.rs"]
mod contract;
mod expiry;
mod outage;
mod purchase;
mod shop;
