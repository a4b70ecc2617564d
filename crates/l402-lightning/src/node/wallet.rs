//! From a [`Node`] to both halves of a backend, the one that spends included.

use std::sync::Arc;

use super::kind::Node;
use super::lifecycle::Lifecycle;
use super::open::Open;
#[cfg(feature = "lnd")]
use crate::backend::lnd;
#[cfg(feature = "sandbox")]
use crate::backend::sandbox;
use crate::backend::sandbox_http;
use crate::{Error, Pay, Receive};

/// An opened backend that can spend. Only a program that buys opens one.
#[derive(Debug)]
#[non_exhaustive]
pub struct Wallet {
    /// The receiving half of the same backend; `None` for a backend that only pays. What the
    /// wallet's credential does not allow is answered with `Unauthorized` when it is asked for.
    pub receive: Option<Arc<dyn Receive>>,
    /// The spending half.
    pub pay: Arc<dyn Pay>,
    /// Ends the backend's background work, once nothing uses the wallet any more.
    pub lifecycle: Lifecycle,
}

impl Wallet {
    /// A wallet that only pays and has no background work.
    #[must_use]
    pub fn new(pay: Arc<dyn Pay>) -> Self {
        Self {
            receive: None,
            pay,
            lifecycle: Lifecycle::default(),
        }
    }

    /// The wallet with a receiving half of the same backend.
    #[must_use]
    pub fn with_receive(mut self, receive: Arc<dyn Receive>) -> Self {
        self.receive = Some(receive);
        self
    }
}

impl Node {
    /// Opens both halves. The sandbox pays from its account `default`.
    ///
    /// # Errors
    /// As [`Node::receiver`], but for the macaroon, which must be able to spend here.
    pub async fn wallet(&self, open: Open) -> Result<Wallet, Error> {
        match (self, open) {
            #[cfg(feature = "sandbox")]
            (Self::Sandbox, open) => sandbox::wallet(open).await,
            (Self::SandboxHttp(node), _) => sandbox_http::wallet(node),
            #[cfg(feature = "lnd")]
            (Self::Lnd(node), open) => lnd::wallet(node, open).await,
            #[cfg(not(all(feature = "lnd", feature = "sandbox")))]
            (absent, _) => Err(absent.not_built()),
        }
    }
}
