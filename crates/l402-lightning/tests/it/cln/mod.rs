//! The backends `cln` and `cln-rest` against the fake Core Lightning of the test kit.

// BACKENDS cln double: our Core Lightning in `tests/kit/src/cln`, over its Unix socket
// BACKENDS cln-rest double: our Core Lightning in `tests/kit/src/cln`, over TLS with a rune

mod crosscheck;
mod faults;
mod keeps;
mod opening;
mod outage;
mod setup;
mod unclear;

pub(crate) use setup::{Setup, WAYS, Way};
