//! A gateway that sells single answers, and the sandbox that it shares with its buyers.

use std::sync::Arc;

use l402_host::SystemClock;
use l402_lightning::Pay;
use l402_lightning::sandbox::{Fault, Sandbox, SandboxWallet};
use tokio::runtime::Runtime;

use crate::program::{Home, Serving};
use crate::run::{NO_LIMITS, route, wait_until};
use crate::upstream::Upstream;

pub(crate) struct Seller {
    pub(crate) home: Home,
    gateway: Serving,
    sandbox: Sandbox,
    wallet: SandboxWallet,
    runtime: Runtime,
}

impl Seller {
    pub(crate) fn open() -> Self {
        let home = Home::new();
        let route = route("/{*rest}", Upstream::start(0).address, "page", "request");
        let config = home.file("l402.toml", &(NO_LIMITS.to_owned() + &route));
        let config = config.to_str().expect("a path");
        let gateway = home.serve(&["serve", "--config", config, "--listen", "127.0.0.1:0"]);
        let clock = Arc::new(SystemClock::default());
        let sandbox = Sandbox::open(&home.path().join("home"), clock).expect("a sandbox");
        let wallet = SandboxWallet::open(&sandbox, "default").expect("an account");
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().expect("a runtime");
        Self {
            home,
            gateway,
            sandbox,
            wallet,
            runtime,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        self.gateway.url(path)
    }

    pub(crate) fn set_fault(&self, fault: Fault) {
        self.sandbox.set_fault(fault).expect("the sandbox's file");
    }

    /// Returns the amount that sellers were paid, in msat.
    pub(crate) fn income(&self) -> u64 {
        self.sandbox.income().expect("the sandbox's file").msat()
    }

    /// Returns the amount that the buyer has left, in msat.
    pub(crate) fn balance(&self) -> u64 {
        let balance = self.runtime.block_on(self.wallet.balance());
        balance.expect("the sandbox's file").msat()
    }

    pub(crate) fn wait_for_less_than(&self, balance: u64) {
        wait_until("the money moves", || self.balance() < balance);
    }
}
