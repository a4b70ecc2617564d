//! A fake lnd: its REST interface over TLS, with a sandbox instead of channels and payments.

mod api;
mod server;

pub use server::{Fake, FakeLnd, Mischief, certificate};
