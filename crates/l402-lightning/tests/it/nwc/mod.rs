//! The backend `nwc` against a relay and a wallet service of the test's own.

mod income;
mod keeps;
mod opening;
mod relay;
mod setup;
mod unclear;
mod wallet;
