//! One HTTP exchange: a request that can be sent twice, its redirects, and the connections.

mod connection;
mod guard;
mod hop;
mod outgoing;
mod replay;
mod spool;
mod transport;
mod upload;
mod userinfo;
mod withheld;

pub use connection::{is_head_too_large, retry_after};
pub use outgoing::Outgoing;

pub(crate) use connection::{Http, NoResponse, error_chain};
pub(crate) use guard::Guard;
pub(crate) use hop::{CredentialHeader, Hop};
pub(crate) use replay::response;
pub(crate) use spool::Spool;
#[cfg(any(feature = "reqwest-middleware", feature = "tower"))]
pub(crate) use transport::Transport;
