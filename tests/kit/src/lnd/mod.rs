//! An lnd in the test: its REST interface over TLS, with a sandbox for channels and payments.

mod api;
mod server;

pub use server::{Fake, FakeLnd, Mischief, certificate};
