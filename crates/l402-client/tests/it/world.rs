//! One buyer, one seller, one sandbox and one clock.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use l402::Msat;
use l402_client::{
    Client, ClientBuilder, Entry, Error, Event, Journal, Progress, Quote, Request, State,
};
use l402_host::ManualClock;
use l402_lightning::Pay;
use l402_lightning::sandbox::{Fault, Sandbox, SandboxWallet};
use l402_testkit::TestHome;
use tempfile::TempDir;

use crate::server::PaidServer;

pub(crate) use l402_testkit::START;

pub(crate) struct World {
    pub(crate) home: TempDir,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) sandbox: Sandbox,
    pub(crate) wallet: Arc<SandboxWallet>,
    pub(crate) server: PaidServer,
}

impl World {
    pub(crate) async fn new() -> Self {
        let TestHome {
            home,
            clock,
            sandbox,
            wallet,
        } = TestHome::with_account("buyer");
        let server = PaidServer::open(&sandbox, &clock);
        Self {
            home,
            clock,
            sandbox,
            wallet: Arc::new(wallet),
            server,
        }
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.home.path().join("client")
    }

    /// The journal as another process would open it.
    pub(crate) fn journal(&self) -> Journal {
        Journal::open(&self.folder()).expect("a journal")
    }

    pub(crate) fn builder(&self) -> ClientBuilder {
        Client::builder(self.journal())
            .wallet(self.wallet.clone())
            .clock(self.clock.clone())
            .settle_pauses(Duration::from_millis(5), Duration::from_millis(5))
    }

    pub(crate) fn client(&self) -> Client {
        self.builder().build().expect("a client")
    }

    /// Fetches a path to its end.
    pub(crate) async fn fetch(&self, client: &Client, path: &str) -> Result<Fetched, Error> {
        fetch(client, self.server.url(path)).await
    }

    pub(crate) fn fault(&self, fault: Fault) {
        self.sandbox.set_fault(fault).expect("a sandbox");
    }

    /// Returns the sum that the wallet has spent, fees included.
    pub(crate) async fn spent(&self) -> Msat {
        let balance = self.wallet.balance().await.expect("a balance");
        Msat::from_sat(100_000)
            .checked_sub(balance)
            .expect("nobody fills it")
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.journal().entries(10_000).expect("entries")
    }

    pub(crate) fn states(&self) -> Vec<State> {
        self.entries().iter().map(|entry| entry.state).collect()
    }
}

#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) status: u16,
    pub(crate) body: String,
    /// True if an earlier purchase was used; `None` if nothing was bought.
    pub(crate) reused: Option<bool>,
}

pub(crate) async fn fetch(client: &Client, url: url::Url) -> Result<Fetched, Error> {
    let answer = client.send(Request::get(url)).await?;
    let status = answer.status().as_u16();
    let reused = answer.receipt().map(|receipt| receipt.reused);
    let body = answer.bytes(1 << 20).await?;
    Ok(Fetched {
        status,
        body: String::from_utf8_lossy(&body).into_owned(),
        reused,
    })
}

/// Keeps what it is told, and answers as it is told to.
pub(crate) struct Watch {
    pub(crate) told: Mutex<Vec<String>>,
    pub(crate) approve: bool,
}

impl Watch {
    pub(crate) fn new(approve: bool) -> Arc<Self> {
        Arc::new(Self {
            told: Mutex::default(),
            approve,
        })
    }

    pub(crate) fn told(&self) -> Vec<String> {
        self.told.lock().expect("no panic before").clone()
    }
}

impl Progress for Watch {
    fn event(&self, event: &Event) {
        let text = format!("{event:?}");
        self.told.lock().expect("no panic before").push(text);
    }

    fn approve(&self, quote: &Quote) -> bool {
        self.told
            .lock()
            .expect("no panic before")
            .push(format!("approve {}", quote.amount));
        self.approve
    }
}
