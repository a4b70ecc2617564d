//! A fake Core Lightning: its JSON-RPC over a Unix socket and over clnrest, with a sandbox instead
//! of channels and payments. No code of Core Lightning's runs.

mod certificate;
mod fault;
mod methods;
mod node;
mod records;
mod rest;
mod rune;
mod socket;

pub use certificate::Authority;
pub use fault::ClnFault;
pub use node::{Call, Cln, FakeCln};
pub use rune::{rune, rune_of_another_node};
