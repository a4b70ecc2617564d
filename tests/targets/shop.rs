//! A gateway whose table is replaced, and the two tokens that a buyer has.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use l402_gateway::{Config, Gateway, Home};
use l402_host::SystemClock;
use l402_lightning::sandbox::{Sandbox, SandboxWallet};

use crate::raw::{Answer, ask};
use crate::table::{Level, Row, Table};

/// A gateway and a buyer.
pub(crate) struct Shop {
    gateway: Option<Gateway>,
    address: SocketAddr,
    cheap: String,
    dear: String,
    _home: tempfile::TempDir,
}

impl Shop {
    /// Starts a gateway, and buys a token of each service.
    pub(crate) fn open(upstream: SocketAddr) -> Self {
        let home = tempfile::tempdir().expect("a home");
        let clock = Arc::new(SystemClock::default());
        let sandbox = Sandbox::open(home.path(), clock.clone()).expect("a sandbox");
        let table = Table(vec![
            Row::new("/cheap", Level::Cheap),
            Row::new("/dear", Level::Dear),
        ]);
        let config = table.config(upstream).expect("a lawful table");
        let folder = Home::at(home.path()).expect("a home");
        let gateway = Gateway::start(config, &folder, clock, Arc::new(sandbox.clone()));
        let gateway = gateway.expect("a gateway");
        let address = gateway.local_addrs()[0];
        let wallet = SandboxWallet::open(&sandbox, "buyer").expect("a wallet");
        Self {
            cheap: buy(address, "/cheap", &wallet),
            dear: buy(address, "/dear", &wallet),
            gateway: Some(gateway),
            address,
            _home: home,
        }
    }

    /// Replaces the table.
    pub(crate) fn set(&self, config: Config) {
        let gateway = self.gateway.as_ref().expect("it is open");
        let _reloaded = gateway.reload(config).expect("a table that was checked");
    }

    /// Asks for a target with a token of a level.
    pub(crate) fn ask(&self, target: &[u8], paid: Level) -> Answer {
        let credential = match paid {
            Level::Free => None,
            Level::Cheap => Some(self.cheap.as_str()),
            Level::Dear => Some(self.dear.as_str()),
        };
        ask(self.address, target, credential)
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        if let Some(gateway) = self.gateway.take() {
            gateway.shutdown(Duration::from_secs(1));
        }
    }
}

/// Returns the value of a text field of a challenge.
pub(crate) fn field<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    let (_, rest) = answer.text.split_once(&format!("\"{name}\":"))?;
    let end = rest.find([',', '}'])?;
    Some(rest[..end].trim_matches('"'))
}

fn buy(address: SocketAddr, path: &str, wallet: &SandboxWallet) -> String {
    let challenge = ask(address, path.as_bytes(), None);
    let invoice = field(&challenge, "invoice").expect("an invoice");
    let token = field(&challenge, "token").expect("a token");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (preimage, _) = runtime.block_on(l402_testkit::pay(wallet, invoice));
    format!("L402 {token}:{}", preimage.to_hex())
}
