//! The parts of `l402 demo`: an ordinary HTTP service, a gateway before it, a first purchase, and if asked for a
//! registry.

#[cfg(feature = "registry")]
mod directory;
mod gateway;
mod page;
mod play;
mod purchase;
mod upstream;

#[cfg(feature = "registry")]
pub(crate) use directory::DirectoryArgs;
pub(crate) use gateway::open as open_gateway;
pub(crate) use play::{Beside, play};
pub(crate) use upstream::start as start_upstream;
