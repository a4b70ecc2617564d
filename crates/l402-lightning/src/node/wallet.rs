//! An opened backend that can spend.

use std::sync::Arc;

use super::lifecycle::Lifecycle;
use crate::{Pay, Receive};

/// An opened backend that can spend. Only a program that buys opens one.
#[derive(Debug)]
#[non_exhaustive]
pub struct Wallet {
    /// The receiving half of the same backend; `None` for a backend that only pays. A call that the
    /// wallet's credential does not allow is answered with `Unauthorized`.
    pub receive: Option<Arc<dyn Receive>>,
    /// The spending half.
    pub pay: Arc<dyn Pay>,
    /// Ends the backend's background work, once nothing uses the wallet any more.
    pub lifecycle: Lifecycle,
}

impl Wallet {
    /// Returns a wallet that only pays and has no background work.
    #[must_use]
    pub fn new(pay: Arc<dyn Pay>) -> Self {
        Self {
            receive: None,
            pay,
            lifecycle: Lifecycle::default(),
        }
    }

    /// Adds the receiving half of the same backend.
    #[must_use]
    pub fn with_receive(mut self, receive: Arc<dyn Receive>) -> Self {
        self.receive = Some(receive);
        self
    }
}
