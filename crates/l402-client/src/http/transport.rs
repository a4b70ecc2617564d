//! Connections that are somebody else's.

use std::fmt;
use std::sync::Arc;

use l402_host::BoxFuture;

use super::connection::NoResponse;

/// A way to send one request, in place of the client's own connections. It must not follow redirects.
pub(crate) trait Transport: Send + Sync {
    /// Sends a request, and returns the head of its answer.
    fn execute(
        &self,
        request: reqwest::Request,
    ) -> BoxFuture<'_, Result<reqwest::Response, NoResponse>>;
}

#[derive(Clone)]
pub(super) struct Other(pub(super) Arc<dyn Transport>);

impl fmt::Debug for Other {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Other")
    }
}
