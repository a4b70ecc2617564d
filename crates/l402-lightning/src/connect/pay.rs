//! The opening of the spending half of a backend.

#[cfg(feature = "lnd")]
use crate::backend::lnd;
#[cfg(feature = "sandbox")]
use crate::backend::sandbox;
use crate::backend::sandbox_http;
use crate::{Error, Node, Open, Wallet};

impl Node {
    /// Opens both halves. The sandbox pays from its account `default`.
    ///
    /// # Errors
    /// As [`Node::receiver`], but for the macaroon, which must be able to spend here.
    pub async fn wallet(&self, open: Open) -> Result<Wallet, Error> {
        match (self, open) {
            #[cfg(feature = "sandbox")]
            (Self::Sandbox, open) => sandbox::wallet(open).await,
            // Needs neither home folder nor clock: both are at the other end.
            (Self::SandboxHttp(node), _) => sandbox_http::wallet(node),
            #[cfg(feature = "lnd")]
            (Self::Lnd(node), open) => lnd::wallet(node, open).await,
            #[cfg(not(all(feature = "lnd", feature = "sandbox")))]
            (absent, _) => Err(absent.not_built()),
        }
    }
}
