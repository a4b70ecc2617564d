//! The parts of `l402 demo`: an ordinary HTTP service, a gateway before it, and a first purchase.

mod gateway;
mod purchase;
mod upstream;

pub(crate) use gateway::open as open_gateway;
pub(crate) use purchase::buy_a_joke;
pub(crate) use upstream::{GOODS, start as start_upstream};
