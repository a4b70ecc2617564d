//! Reloads and upgrades of real processes under paid load: no request fails, no stream is cut.
//!
//! Each test prints one line of JSON with its counts. `L402_UPGRADES` and `L402_RELOADS` make it larger
//! (`tests/long.sh upgrades`, `tests/long.sh reloads`).
#![cfg(target_os = "linux")]

#[expect(dead_code, reason = "the crash machines use more of it")]
#[path = "../crash/exchange.rs"]
mod exchange;
mod load;
#[expect(dead_code, reason = "the other tests of the program use more of it")]
#[path = "../it/program.rs"]
mod program;
mod reloads;
#[path = "../crash/run.rs"]
mod run;
mod upgrades;
mod upstream;
