//! One HTTP exchange: a request that can be sent twice, its redirects, and the connections.

mod exchange;

pub(crate) use exchange::{Hop, Http, error_chain, is_private, retry_after};
