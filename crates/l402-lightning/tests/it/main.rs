//! The promises of this crate: of all backends alike, and of each backend alone.

mod cln;
mod contract;
mod lnbits;
mod lnbits_real;
mod lnd;
mod lnurl;
mod phoenixd;
mod lnd_reach;
mod sandbox;
mod sandbox_api;
mod wallet_cases;
mod nwc;
mod sandbox_nwc;
