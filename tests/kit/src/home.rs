//! A home folder for one test, with a clock and a sandbox.

use std::sync::Arc;
use std::time::Duration;

use l402::{Msat, Preimage};
use l402_host::ManualClock;
use l402_lightning::sandbox::{Sandbox, SandboxWallet};
use l402_lightning::{Open, Pay, PayRequest, Payment};
use tempfile::TempDir;

use crate::clock;

/// A home folder that is removed at the end, with a clock, a sandbox and an account in it.
#[derive(Debug)]
pub struct TestHome {
    /// The home folder.
    pub home: TempDir,
    /// The clock of the sandbox.
    pub clock: Arc<ManualClock>,
    /// The sandbox, which receives.
    pub sandbox: Sandbox,
    /// The account that pays.
    pub wallet: SandboxWallet,
}

impl TestHome {
    /// Returns a home whose account has the default name of programs, `default`.
    ///
    /// # Panics
    /// If the folder or the sandbox cannot be made.
    #[must_use]
    pub fn new() -> Self {
        Self::with_account("default")
    }

    /// Returns a home whose account has this name.
    ///
    /// # Panics
    /// If the folder or the sandbox cannot be made.
    #[must_use]
    pub fn with_account(name: &str) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let clock = clock();
        let sandbox = Sandbox::open(home.path(), clock.clone()).expect("a sandbox");
        let wallet = SandboxWallet::open(&sandbox, name).expect("a wallet");
        Self {
            home,
            clock,
            sandbox,
            wallet,
        }
    }

    /// Returns the settings with which a node or wallet of this home is opened.
    #[must_use]
    pub fn open(&self) -> Open {
        Open::new(self.home.path(), self.clock.clone())
    }
}

impl Default for TestHome {
    fn default() -> Self {
        Self::new()
    }
}

/// Pays an invoice without any fee, and returns the preimage and the amount that was paid.
///
/// # Panics
/// If the payment does not settle.
pub async fn pay(wallet: &dyn Pay, bolt11: &str) -> (Preimage, Msat) {
    let request = PayRequest::new(bolt11.to_owned(), Msat::ZERO, Duration::from_secs(30));
    match wallet.pay(request).await {
        Payment::Settled { preimage, paid, .. } => (preimage, paid),
        other => panic!("not paid: {other:?}"),
    }
}
