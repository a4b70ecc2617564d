//! The settings with which a backend is opened, and the half of it that is paid.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use l402_host::Clock;

use super::lifecycle::Lifecycle;
use crate::{Receive, Sign};

/// The surroundings in which a backend is opened: home folder, clock, and what is permitted.
#[derive(Clone, Debug)]
pub struct Open {
    home: PathBuf,
    clock: Arc<dyn Clock>,
    danger_spending_node: bool,
}

impl Open {
    /// Returns settings with this home folder, in which the sandbox keeps its file, and this clock.
    #[must_use]
    pub fn new(home: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        Self {
            home: home.into(),
            clock,
            danger_spending_node: false,
        }
    }

    /// Sets whether a credential that could spend is accepted for receiving. Refused by default.
    #[must_use]
    pub fn with_danger_spending_node(mut self, accepted: bool) -> Self {
        self.danger_spending_node = accepted;
        self
    }

    /// Returns the home folder.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Returns the clock by which invoices expire.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// Returns true if a credential that could spend is accepted for receiving.
    #[must_use]
    pub fn danger_spending_node(&self) -> bool {
        self.danger_spending_node
    }
}

/// An opened backend that can be paid. Nothing in it can spend.
#[derive(Debug)]
#[non_exhaustive]
pub struct Receiver {
    /// The receiving half.
    pub receive: Arc<dyn Receive>,
    /// Ends the node's background work, once nothing uses the node any more.
    pub lifecycle: Lifecycle,
}

impl Receiver {
    /// Returns a receiver without background work.
    #[must_use]
    pub fn new(receive: Arc<dyn Receive>) -> Self {
        Self {
            receive,
            lifecycle: Lifecycle::default(),
        }
    }
}

/// An opened backend that signs messages. Nothing in it can spend.
#[derive(Debug)]
#[non_exhaustive]
pub struct Signer {
    /// The half that signs.
    pub sign: Arc<dyn Sign>,
}

impl Signer {
    /// Returns a signer.
    #[must_use]
    pub fn new(sign: Arc<dyn Sign>) -> Self {
        Self { sign }
    }
}
