//! One HTTP exchange: a request that can be sent twice, its redirects, and the connections.

mod connection;
mod hop;
mod spool;
mod upload;
mod userinfo;
mod withheld;

pub use connection::is_head_too_large;

pub(crate) use connection::{Http, error_chain, retry_after};
pub(crate) use hop::{CredentialHeader, Hop};
pub(crate) use spool::Spool;
