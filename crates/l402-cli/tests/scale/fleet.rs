//! Four gateways on one ledger, and a buyer.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::sync::Arc;

use l402::{Challenges, Msat};
use l402_host::SystemClock;
use l402_lightning::sandbox::{Sandbox, SandboxWallet};
use l402_lightning::{Pay, PayRequest, Payment};
use l402_testkit::postgres::{CutProxy, PostgresServer};
use tokio::runtime::Runtime;

use crate::exchange::{Answer, Connection};
use crate::program::{Home, Serving};
use crate::run::{NO_LIMITS, PATIENCE, route};
use crate::upstream::Upstream;

/// The gateways of every test.
pub(crate) const GATEWAYS: usize = 4;

/// What the gateways share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Store {
    /// One home folder, with a ledger in SQLite.
    File,
    /// A database; each gateway has a home folder of its own, and the same key.
    Postgres,
}

/// A credential, and the path that it pays for.
#[derive(Clone, Debug)]
pub(crate) struct Ticket {
    pub(crate) path: String,
    pub(crate) authorization: String,
}

pub(crate) struct Fleet {
    pub(crate) upstream: Upstream,
    pub(crate) gateways: Vec<Serving>,
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) database: Option<PostgresServer>,
    /// Stands between the first gateway and the database.
    pub(crate) proxy: Option<CutProxy>,
    homes: Vec<Home>,
    configs: Vec<String>,
    wallet: SandboxWallet,
    runtime: Runtime,
    bought: usize,
}

impl Fleet {
    /// Starts the store, and the gateways on it one after another.
    pub(crate) fn start(store: Store) -> Self {
        let database = (store == Store::Postgres).then(PostgresServer::start);
        let proxy = database
            .as_ref()
            .map(|server| CutProxy::before(&server.socket()));
        let homes: Vec<Home> = match store {
            Store::File => vec![Home::new()],
            Store::Postgres => (0..GATEWAYS).map(|_| Home::new()).collect(),
        };
        let sandbox = Sandbox::open(
            &homes[0].path().join("home"),
            Arc::new(SystemClock::default()),
        );
        let wallet = SandboxWallet::open(&sandbox.expect("a sandbox"), "default");
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let mut fleet = Self {
            upstream: Upstream::start(),
            gateways: Vec::new(),
            addresses: Vec::new(),
            database,
            proxy,
            homes,
            configs: Vec::new(),
            wallet: wallet.expect("an account"),
            runtime: runtime.enable_all().build().expect("a runtime"),
            bought: 0,
        };
        for number in 0..GATEWAYS {
            fleet.add(number);
        }
        fleet
    }

    fn add(&mut self, number: usize) {
        let home = self.home(number);
        if number > 0 && self.homes.len() > 1 {
            give_key(&self.homes[0], home);
        }
        let config = home.file(&format!("{number}.toml"), &self.config(number));
        self.configs
            .push(config.to_str().expect("a path").to_owned());
        let gateway = self.serve(number, "127.0.0.1:0");
        self.addresses
            .push(gateway.address().parse().expect("an address"));
        self.gateways.push(gateway);
    }

    fn home(&self, number: usize) -> &Home {
        &self.homes[number.min(self.homes.len() - 1)]
    }

    fn config(&self, number: usize) -> String {
        let url = match (&self.database, &self.proxy) {
            (Some(_), Some(proxy)) if number == 0 => Some(proxy.url()),
            (Some(database), _) => Some(database.url()),
            _ => None,
        };
        let ledger = url.map_or_else(String::new, |url| format!("[ledger]\nurl = \"{url}\"\n"));
        let upstream = self.upstream.address;
        let routes = [
            ("/one/{id}", "one", "request"),
            ("/gated/{id}", "gated", "request"),
            ("/time/{id}", "time", "time=1h"),
        ]
        .map(|(path, service, policy)| route(path, upstream, service, policy));
        let log = "[log]\naccess = \"off\"\n";
        format!("{log}{NO_LIMITS}{ledger}{}", routes.concat())
    }

    fn serve(&self, number: usize, listen: &str) -> Serving {
        let options = ["--config", &self.configs[number], "--listen", listen];
        self.home(number)
            .serve(&[&["serve"][..], &options].concat())
    }

    /// Starts a gateway again on its port, after its process has ended.
    pub(crate) fn restart(&mut self, number: usize) {
        let listen = self.addresses[number].to_string();
        self.gateways[number] = self.serve(number, &listen);
    }

    /// Buys something of this kind at the first gateway: `one`, `gated` or `time`.
    pub(crate) fn buy(&mut self, kind: &str) -> Ticket {
        self.bought += 1;
        let path = format!("/{kind}/{}", self.bought);
        let answer = self.ask(0, &path, None).expect("a challenge");
        assert_eq!(answer.status, 402, "{}", answer.body);
        let lines = answer.values("www-authenticate").into_iter();
        let challenges = Challenges::parse(lines.map(str::as_bytes)).expect("challenges");
        let challenge = challenges.payable().expect("one to pay").remove(0);
        let invoice = challenge.invoice().to_owned();
        let payment = self
            .wallet
            .pay(PayRequest::new(invoice, Msat::ZERO, PATIENCE));
        let Payment::Settled { preimage, .. } = self.runtime.block_on(payment) else {
            panic!("not paid: {}", challenge.invoice());
        };
        Ticket {
            path,
            authorization: challenge.authorization(&preimage),
        }
    }

    /// Verifies the books of the first gateway, which add up. Returns the sums.
    pub(crate) fn books(&self) -> serde_json::Value {
        let verify = ["books", "verify", "--json", "--config", &self.configs[0]];
        let report = self.homes[0].run(&verify).expect(0).json();
        assert_eq!(report["exact"], true, "{report:#}");
        report
    }

    /// Shows a ticket to a gateway, on a connection of its own.
    pub(crate) fn show(&self, number: usize, ticket: &Ticket) -> std::io::Result<Answer> {
        self.ask(number, &ticket.path, Some(&ticket.authorization))
    }

    fn ask(&self, number: usize, path: &str, credential: Option<&str>) -> std::io::Result<Answer> {
        Connection::open(self.addresses[number])?.get(path, credential)
    }
}

/// Copies the key with which the first gateway sells.
fn give_key(from: &Home, to: &Home) {
    let folder = to.path().join("home");
    let made = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder);
    made.expect("a folder");
    let key = "master.key";
    fs::copy(from.path().join("home").join(key), folder.join(key)).expect("a key");
}
