//! The backends `cln` and `cln-rest` against the fake Core Lightning of the test kit.

mod crosscheck;
mod faults;
mod keeps;
mod opening;
mod outage;
mod setup;
mod unclear;
