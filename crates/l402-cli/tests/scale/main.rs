//! Several gateways on one ledger: real processes, a real PostgreSQL, and what each paid use got.
//!
//! Each test prints one line of JSON with its counts. `L402_SCALE_TOKENS`, `L402_SCALE_SHOWN` and
//! `L402_SCALE_CYCLES` make it larger (`tests/long.sh scale`), `CRASH_SEED` plays a run again.
#![cfg(unix)]

#[expect(dead_code, reason = "the crash machines use more of it")]
#[path = "../crash/exchange.rs"]
mod exchange;
mod fleet;
mod kills;
mod lease;
mod moved;
mod once;
mod outage;
#[expect(dead_code, reason = "the other tests of the program use more of it")]
#[path = "../it/program.rs"]
mod program;
mod rotation;
#[path = "../crash/run.rs"]
mod run;
mod upstream;
