//! The promises of this crate: of all backends alike, and of each backend alone.

mod cln;
mod contract;
mod lnbits;
mod lnbits_real;
mod lnd;
mod lnd_reach;
mod lnurl;
mod nwc;
mod phoenixd;
mod sandbox;
mod sandbox_api;
mod sandbox_nwc;
mod sign;
mod wallet_cases;
