//! One HTTP exchange: a request that can be sent twice, its redirects, and the connections.

mod connection;
mod hop;
mod outgoing;
mod spool;
mod upload;
mod userinfo;

pub use connection::is_head_too_large;
pub use outgoing::Outgoing;

pub(crate) use connection::{Http, error_chain, retry_after};
pub(crate) use hop::{CredentialHeader, Hop};
pub(crate) use spool::Spool;
