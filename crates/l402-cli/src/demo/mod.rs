//! The parts of `l402 demo`: an ordinary HTTP service, a gateway before it, and a first purchase.

mod gateway;
mod play;
mod purchase;
mod upstream;

pub(crate) use gateway::open as open_gateway;
pub(crate) use play::play;
pub(crate) use upstream::start as start_upstream;
