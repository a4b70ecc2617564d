//! Selling leaves nothing on disk for a challenge that nobody pays.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hasher as _};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use l402::{Invoice, Msat, Preimage};
use l402_gateway::{Config, Gateway, Home};
use l402_host::{Clock, SystemClock};
use l402_lightning::ldk::Ldk;
use l402_lightning::{InvoiceState, Pay as _, Payment, Receive, SettlementIndex};
use l402_regtest::Pair;
use l402_tests::Upstream;
use rusqlite::{Connection, OpenFlags};

use crate::contract::order;

const CHALLENGES: usize = 10_000;

/// The challenge that is paid in the end.
const PAID: usize = CHALLENGES / 2;

/// The number of requests under way at once.
const AT_ONCE: usize = 16;

const PRICE: Msat = Msat::from_sat(5);

/// The tables that the node writes on its own from time to time, whatever it is asked: the time of
/// its last look at the chain, the public graph and its scores, from which old entries are removed.
const TICKS: [&str; 3] = ["network_graph", "node_metrics", "scorer"];

/// LDK Node's database. Its rows are compared, not its size: SQLite decides about free pages.
const DATABASE: &str = "ldk_node_data.sqlite";

#[derive(Clone, Debug)]
struct Challenge {
    invoice: String,
    token: String,
}

struct Shop {
    address: SocketAddr,
    gateway: Gateway,
    http: reqwest::Client,
}

impl Shop {
    async fn open(pair: &Pair, upstream: &Upstream) -> Self {
        let home = Home::at(pair.folder().join("gateway")).expect("a home");
        let (config, node) = (config(upstream.address()), Arc::clone(&pair.seller));
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let start = move || Gateway::start(config, &home, clock, node);
        let started = tokio::task::spawn_blocking(start).await;
        let gateway = started.expect("no panic").expect("a gateway");
        Self {
            address: gateway.local_addrs()[0],
            gateway,
            http: reqwest::Client::builder()
                .no_proxy()
                .build()
                .expect("a client"),
        }
    }

    async fn close(self) {
        let close = move || self.gateway.shutdown(Duration::from_secs(1));
        tokio::task::spawn_blocking(close).await.expect("no panic");
    }

    fn get(&self) -> reqwest::RequestBuilder {
        self.http.get(format!("http://{}/thing", self.address))
    }

    async fn challenge(&self) -> Challenge {
        let answer = self.get().send().await.expect("an answer");
        assert_eq!(answer.status(), 402);
        let document: serde_json::Value = answer.json().await.expect("a problem document");
        let text = |key: &str| document[key].as_str().expect("a text").to_owned();
        Challenge {
            invoice: text("invoice"),
            token: text("token"),
        }
    }

    async fn present(&self, challenge: &Challenge, preimage: &Preimage) -> reqwest::StatusCode {
        let credential = format!("L402 {}:{}", challenge.token, preimage.to_hex().as_str());
        let request = self.get().header("authorization", credential);
        request.send().await.expect("an answer").status()
    }
}

fn config(upstream: SocketAddr) -> Config {
    let text = format!(
        r#"
            listen = ["127.0.0.1:0"]
            workers = 1
            [challenges]
            per_peer_per_second = 0
            per_prefix_per_second = 0
            total_per_second = 0
            [[route]]
            path = "/thing"
            upstream = "http://{upstream}"
            price = "{} sat"
        "#,
        PRICE.ceil_sat()
    );
    Config::from_toml(&text, "shop.toml").expect("a sound configuration")
}

/// The contents of a node's folder.
#[derive(Debug, PartialEq, Eq)]
struct Disk {
    files: BTreeMap<String, u64>,
    /// The length and a hash of each row.
    rows: BTreeMap<String, (usize, u64)>,
}

impl Disk {
    /// Returns everything but the tables that change on their own.
    fn of(folder: &Path) -> Self {
        let entries = std::fs::read_dir(folder).expect("a folder");
        let files = entries.map(|entry| {
            let entry = entry.expect("an entry");
            let size = entry.metadata().map_or(0, |metadata| metadata.len());
            (entry.file_name().to_string_lossy().into_owned(), size)
        });
        Self {
            files: files
                .filter(|(name, _)| !name.starts_with(DATABASE))
                .collect(),
            rows: rows(folder).expect("LDK Node's database can be read"),
        }
    }
}

fn rows(folder: &Path) -> rusqlite::Result<BTreeMap<String, (usize, u64)>> {
    let database = folder.join(DATABASE);
    let database = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    database.busy_timeout(Duration::from_secs(5))?;
    let sql = "SELECT primary_namespace || '/' || secondary_namespace || '/' || key, value \
               FROM ldk_node_data";
    let mut query = database.prepare(sql)?;
    let all = query.query_map([], |row| {
        Ok((row.get::<_, String>(0)?, digest(row.get(1)?)))
    })?;
    let lasting = |name: &str| !TICKS.iter().any(|key| name.ends_with(key));
    all.filter(|row| row.as_ref().map_or(true, |(name, _)| lasting(name)))
        .collect()
}

fn digest(value: Vec<u8>) -> (usize, u64) {
    let mut hasher = DefaultHasher::new();
    hasher.write(&value);
    (value.len(), hasher.finish())
}

async fn payments(ldk: &Ldk) -> usize {
    let count = ldk.with_node(|node| node.list_payments().len());
    count.await.expect("the program goes on")
}

// BACKENDS ldk restart: real
#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_unpaid_challenges_leave_nothing_and_one_is_paid_after_a_restart() {
    let mut pair = Pair::start(Arc::new(SystemClock::default())).await;
    let upstream = Upstream::healthy();
    let shop = Shop::open(&pair, &upstream).await;
    shop.challenge().await;
    let before = (
        Disk::of(&pair.seller_folder()),
        payments(&pair.seller).await,
    );

    let asked = stream::iter(0..CHALLENGES).map(|_| shop.challenge());
    let mut challenges: Vec<Challenge> = asked.buffered(AT_ONCE).collect().await;
    let invoices: BTreeSet<&String> = challenges.iter().map(|c| &c.invoice).collect();
    assert_eq!(invoices.len(), CHALLENGES, "no invoice is given out twice");
    let after = (
        Disk::of(&pair.seller_folder()),
        payments(&pair.seller).await,
    );
    assert_eq!(after, before);

    let (bought, unpaid) = (challenges.swap_remove(PAID), challenges.swap_remove(0));
    shop.close().await;
    pair.restart_seller().await;
    let shop = Shop::open(&pair, &upstream).await;
    pair.reconnect().await;
    let Payment::Settled { preimage, paid, .. } = pair.buyer.pay(order(&bought.invoice)).await
    else {
        panic!("an invoice of before the restart is paid")
    };
    assert_eq!(paid, PRICE);
    assert_eq!(shop.present(&bought, &preimage).await, 200);
    assert_eq!(shop.present(&unpaid, &preimage).await, 401);
    assert_eq!(upstream.delivered(), 1);
    one_is_settled(&pair.seller, &bought, &unpaid).await;
    shop.close().await;
}

async fn one_is_settled(seller: &Ldk, bought: &Challenge, unpaid: &Challenge) {
    let hash = |of: &Challenge| {
        let invoice = Invoice::decode(&of.invoice);
        invoice.expect("BOLT 11").payment_hash
    };
    let mut settlements = seller.settlements(SettlementIndex::default());
    let first = settlements.next().await.expect("goes on");
    assert_eq!(first.expect("a settlement").payment_hash, hash(bought));
    for (of, expected) in [
        (bought, InvoiceState::Settled { paid: PRICE }),
        (unpaid, InvoiceState::Unseen),
    ] {
        let state = Receive::lookup(seller, hash(of)).await.expect("a state");
        assert_eq!(state, expected);
    }
}
