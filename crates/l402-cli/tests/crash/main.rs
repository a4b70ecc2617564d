//! The crash machines: real processes, killed with SIGKILL, and what their next start finds.
//!
//! Each prints its seed and one line of JSON with its counts. `CRASH_SEED` plays the choices of a
//! run again, `CRASH_ROUNDS` and `CRASH_CYCLES` say how often the buyer and the gateway are
//! killed. What may be found is in `docs/design/crashes.md`.
#![cfg(unix)]

mod buyer;
mod exchange;
mod gateway;
mod invoice;
mod load;
#[expect(dead_code, reason = "the other tests of the program use more of it")]
#[path = "../it/program.rs"]
mod program;
mod proxy;
mod run;
mod upstream;
