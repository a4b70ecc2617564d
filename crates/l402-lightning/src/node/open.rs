//! From a [`Node`] to the half of a backend that is paid.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use l402_host::Clock;

use super::kind::Node;
use super::lifecycle::Lifecycle;
#[cfg(feature = "lnd")]
use crate::backend::lnd;
#[cfg(feature = "sandbox")]
use crate::backend::sandbox;
use crate::{Error, ErrorKind, Receive};

/// The surroundings in which a backend is opened: home folder, clock, and what is permitted.
#[derive(Clone, Debug)]
pub struct Open {
    home: PathBuf,
    clock: Arc<dyn Clock>,
    danger_spending_macaroon: bool,
}

impl Open {
    /// The folder in which the sandbox keeps its file, and the time.
    #[must_use]
    pub fn new(home: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        Self {
            home: home.into(),
            clock,
            danger_spending_macaroon: false,
        }
    }

    /// Accepts, if `true`, an lnd macaroon that could spend for receiving. Refused by default.
    #[must_use]
    pub fn with_danger_spending_macaroon(mut self, accepted: bool) -> Self {
        self.danger_spending_macaroon = accepted;
        self
    }

    /// The home folder.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The clock by which invoices expire.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// True if an lnd macaroon that could spend is accepted for receiving.
    #[must_use]
    pub fn danger_spending_macaroon(&self) -> bool {
        self.danger_spending_macaroon
    }
}

/// An opened backend that can be paid. Nothing in it can spend.
#[derive(Debug)]
#[non_exhaustive]
pub struct Receiver {
    /// The node.
    pub receive: Arc<dyn Receive>,
    /// Ends the node's background work, once nothing uses the node any more.
    pub lifecycle: Lifecycle,
}

impl Receiver {
    /// A receiver without background work.
    #[must_use]
    pub fn new(receive: Arc<dyn Receive>) -> Self {
        Self {
            receive,
            lifecycle: Lifecycle::default(),
        }
    }
}

impl Node {
    /// Opens the receiving half. Must be called inside a tokio runtime, whose tasks do the I/O and
    /// which has to outlive the receiver.
    ///
    /// # Errors
    /// `Unauthorized` for a macaroon that can do more than receive, `Local` for files that cannot
    /// be read and for a backend that this program was built without, `Rejected` for a backend
    /// that only pays, `Unavailable` and others if lnd has to be asked for its network.
    pub async fn receiver(&self, open: Open) -> Result<Receiver, Error> {
        match (self, open) {
            #[cfg(feature = "sandbox")]
            (Self::Sandbox, open) => sandbox::receiver(open).await,
            (Self::SandboxHttp(_), _) => Err(Error::new(
                ErrorKind::Rejected,
                "sandbox+http:// only pays; to be paid, use sandbox with the same home folder",
            )),
            #[cfg(feature = "lnd")]
            (Self::Lnd(node), open) => lnd::receiver(node, open).await,
            #[cfg(not(all(feature = "lnd", feature = "sandbox")))]
            (absent, _) => Err(absent.not_built()),
        }
    }

    /// The error of a backend that this program was built without.
    #[cfg(not(all(feature = "lnd", feature = "sandbox")))]
    pub(super) fn not_built(&self) -> Error {
        let form = self.form();
        let (called, feature) = (form.called, form.feature);
        Error::new(
            ErrorKind::Local,
            format!("this program was built without {called}; build it with feature {feature}"),
        )
    }
}
