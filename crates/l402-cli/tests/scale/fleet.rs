//! Four gateways on one ledger, and a buyer.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use l402::{Challenges, Msat};
use l402_host::SystemClock;
use l402_lightning::sandbox::{Sandbox, SandboxWallet};
use l402_lightning::{Pay, PayRequest, Payment};
use l402_testkit::postgres::{CutProxy, PostgresServer};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::exchange::{Answer, Connection};
use crate::program::{Home, Ran, Serving};
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
    pub(crate) payment_hash: String,
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
    /// One for each home, which has a node of its own.
    wallets: Vec<SandboxWallet>,
    runtime: Runtime,
    bought: usize,
    /// To the gateway that was bought from last.
    shop: Option<(usize, Connection)>,
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
        let wallets = homes.iter().map(wallet).collect();
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let mut fleet = Self {
            upstream: Upstream::start(),
            gateways: Vec::new(),
            addresses: Vec::new(),
            database,
            proxy,
            homes,
            configs: Vec::new(),
            wallets,
            runtime: runtime.enable_all().build().expect("a runtime"),
            bought: 0,
            shop: None,
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
            ("/three/{id}", "three", "uses=3"),
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

    /// Ends every gateway at once.
    pub(crate) fn end_all(&mut self) {
        for gateway in &mut self.gateways {
            gateway.end();
        }
    }

    /// Starts all again on their ports.
    pub(crate) fn restart_all(&mut self) {
        for number in 0..self.gateways.len() {
            self.restart(number);
        }
    }

    /// Runs a start that should fail.
    pub(crate) fn run_start(&self, number: usize) -> Ran {
        let options = ["serve", "--config", &self.configs[number]];
        let listen = ["--listen", "127.0.0.1:0"];
        self.home(number)
            .run_start(&[&options[..], &listen].concat())
    }

    /// Starts a database beside gateways on a file, and returns its address.
    pub(crate) fn make_database(&mut self) -> String {
        let server = self.database.insert(PostgresServer::start());
        server.url()
    }

    /// Starts all again on the database. Each gets a home folder of its own now.
    pub(crate) fn move_to_database(&mut self) {
        for number in 0..GATEWAYS {
            if number > 0 {
                self.homes.push(Home::new());
                self.wallets.push(wallet(&self.homes[number]));
                give_key(&self.homes[0], &self.homes[number]);
            }
            let config = self.config(number);
            let config = self.homes[number].file("database.toml", &config);
            config
                .to_str()
                .expect("a path")
                .clone_into(&mut self.configs[number]);
        }
        self.restart_all();
    }

    /// Buys something of this kind at the first gateway: `one`, `gated`, `three` or `time`.
    pub(crate) fn buy(&mut self, kind: &str) -> Ticket {
        self.buy_at(0, kind)
    }

    /// Buys something of this kind at a gateway, which its own node is paid for.
    pub(crate) fn buy_at(&mut self, number: usize, kind: &str) -> Ticket {
        self.bought += 1;
        let path = format!("/{kind}/{}", self.bought);
        let kept = self.shop.take().filter(|(at, _)| *at == number);
        let open = kept.and_then(|(_, mut open)| Some((open.get(&path, None).ok()?, open)));
        let (answer, open) = open.unwrap_or_else(|| {
            let mut open = Connection::open(self.addresses[number]).expect("a gateway");
            (open.get(&path, None).expect("a challenge"), open)
        });
        self.shop = Some((number, open));
        assert_eq!(answer.status, 402, "{}", answer.body);
        let lines = answer.values("www-authenticate").into_iter();
        let challenges = Challenges::parse(lines.map(str::as_bytes)).expect("challenges");
        let challenge = challenges.payable().expect("one to pay").remove(0);
        let invoice = challenge.invoice().to_owned();
        let wallet = &self.wallets[number.min(self.wallets.len() - 1)];
        let payment = wallet.pay(PayRequest::new(invoice, Msat::ZERO, PATIENCE));
        let Payment::Settled { preimage, .. } = self.runtime.block_on(payment) else {
            panic!("not paid: {}", challenge.invoice());
        };
        Ticket {
            path,
            authorization: challenge.authorization(&preimage),
            payment_hash: preimage.payment_hash().to_string(),
        }
    }

    /// Verifies the books of the first gateway, which add up. Returns the sums.
    pub(crate) fn books(&self) -> Value {
        self.books_at(0)
    }

    /// Verifies the books against the node of this gateway.
    pub(crate) fn books_at(&self, number: usize) -> Value {
        let report = self.run(number, &["books", "verify", "--json"]);
        let report = report.expect(0).json();
        assert_eq!(report["exact"], true, "{report:#}");
        report
    }

    /// Runs a command beside a gateway, with its home and its configuration.
    pub(crate) fn run(&self, number: usize, words: &[&str]) -> Ran {
        let config = ["--config", &self.configs[number]];
        self.home(number).run(&[words, &config].concat())
    }

    /// Runs a command with the home of a gateway alone.
    pub(crate) fn plain(&self, number: usize, words: &[&str]) -> Ran {
        self.home(number).run(words)
    }

    /// The home folder of a gateway.
    pub(crate) fn folder(&self, number: usize) -> PathBuf {
        self.home(number).path().join("home")
    }

    /// Shows a ticket to a gateway, on a connection of its own.
    pub(crate) fn show(&self, number: usize, ticket: &Ticket) -> std::io::Result<Answer> {
        show(self.addresses[number], ticket)
    }
}

/// Shows a ticket at an address, on a connection of its own.
pub(crate) fn show(to: SocketAddr, ticket: &Ticket) -> std::io::Result<Answer> {
    Connection::open(to)?.get(&ticket.path, Some(&ticket.authorization))
}

/// The wallet that pays the node of this home.
fn wallet(home: &Home) -> SandboxWallet {
    let clock = Arc::new(SystemClock::default());
    let sandbox = Sandbox::open(&home.path().join("home"), clock).expect("a sandbox");
    SandboxWallet::open(&sandbox, "default").expect("an account")
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
