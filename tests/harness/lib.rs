//! What the whole-system tests stand on: one shop, one upstream, one wallet, one home folder.

mod upstream;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use l402::{Challenges, Msat};
use l402_gateway::{Config, Gateway, Home};
use l402_host::SystemClock;
use l402_lightning::Pay;
use l402_lightning::sandbox::{Sandbox, SandboxWallet};
use tokio::task::JoinSet;

pub use upstream::Upstream;

/// What one answer costs in this world, in satoshi.
pub const PRICE_SAT: u64 = 5;

/// How many requests are under way at once at the most.
const IN_FLIGHT: usize = 50;

/// A value of `Authorization` that was paid for.
#[derive(Clone)]
pub struct Token(String);

/// What a buyer was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// HTTP status.
    pub status: u16,
    /// The code of the problem document; empty for an answer.
    pub code: String,
}

/// A gateway with a ledger on disk before an upstream, and a wallet in the same sandbox.
pub struct World {
    /// What stands behind the gateway.
    pub upstream: Upstream,
    gateway: Option<Gateway>,
    address: SocketAddr,
    wallet: SandboxWallet,
    sandbox: Sandbox,
    http: reqwest::Client,
    home: tempfile::TempDir,
}

impl World {
    /// Starts everything on loopback, with single-use tokens and no limit on challenges.
    pub async fn start(upstream: Upstream) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        let config = config(upstream.address());
        let folder = home.path().to_owned();
        let sandbox = Sandbox::open(home.path(), Arc::new(SystemClock::default()));
        let sandbox = sandbox.expect("the sandbox opens");
        let node = sandbox.clone();
        let gateway = tokio::task::spawn_blocking(move || start(config, &folder, node));
        let gateway = gateway.await.expect("the gateway starts");
        let wallet = SandboxWallet::open(&sandbox, "buyer").expect("the wallet opens");
        let http = reqwest::Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(IN_FLIGHT);
        let http = http
            .timeout(Duration::from_secs(60))
            .build()
            .expect("an HTTP client");
        let address = gateway.local_addrs()[0];
        Self {
            upstream,
            gateway: Some(gateway),
            address,
            wallet,
            sandbox,
            http,
            home,
        }
    }

    /// The folder that holds all state.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Buys so many tokens, each with a payment of its own.
    pub async fn buy_tokens(&self, count: usize) -> Vec<Token> {
        let mut tokens = Vec::with_capacity(count);
        for _ in 0..count {
            tokens.push(self.buy().await);
        }
        tokens
    }

    async fn buy(&self) -> Token {
        let answer = self
            .http
            .get(self.url())
            .send()
            .await
            .expect("the gateway answers");
        assert_eq!(answer.status().as_u16(), 402);
        let lines = answer
            .headers()
            .get_all("www-authenticate")
            .iter()
            .map(|v| v.as_bytes());
        let challenges = Challenges::parse(lines).expect("a challenge").payable();
        let challenge = challenges.expect("a payable challenge").remove(0);
        let (preimage, paid) = l402_testkit::pay(&self.wallet, challenge.invoice()).await;
        assert_eq!(paid, Msat::from_sat(PRICE_SAT));
        Token(challenge.authorization(&preimage))
    }

    /// Presents one token once.
    pub async fn present(&self, token: &Token) -> Outcome {
        present(&self.http, &self.url(), token).await
    }

    /// Presents each token so many times, all at once, and gathers what each of them got.
    pub async fn present_at_once(&self, tokens: &[Token], times: usize) -> Vec<Vec<Outcome>> {
        let mut requests = JoinSet::new();
        let places = Arc::new(tokio::sync::Semaphore::new(IN_FLIGHT));
        for (index, token) in tokens.iter().enumerate() {
            for _ in 0..times {
                let (http, url, token) = (self.http.clone(), self.url(), token.clone());
                let places = Arc::clone(&places);
                requests.spawn(async move {
                    let _place = places.acquire().await.expect("never closed");
                    (index, present(&http, &url, &token).await)
                });
            }
        }
        let mut outcomes = vec![Vec::new(); tokens.len()];
        while let Some(done) = requests.join_next().await {
            let (index, outcome) = done.expect("no request panics");
            outcomes[index].push(outcome);
        }
        outcomes
    }

    /// What the wallet can still spend.
    pub async fn spendable(&self) -> Msat {
        self.wallet
            .balance()
            .await
            .expect("the sandbox can be read")
    }

    /// What the shop earned.
    #[must_use]
    pub fn earned(&self) -> Msat {
        self.sandbox.income().expect("the sandbox can be read")
    }

    fn url(&self) -> String {
        format!("http://{}/thing", self.address)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(gateway) = self.gateway.take() {
            // The gateway waits for its threads, which async code must not do.
            std::thread::spawn(move || gateway.shutdown(Duration::from_secs(1)))
                .join()
                .ok();
        }
    }
}

async fn present(http: &reqwest::Client, url: &str, token: &Token) -> Outcome {
    let answer = http.get(url).header("authorization", &token.0).send().await;
    let answer = answer.expect("the gateway answers");
    let status = answer.status().as_u16();
    let body = answer.bytes().await.expect("the whole answer");
    let document: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    Outcome {
        status,
        code: document["code"].as_str().unwrap_or_default().into(),
    }
}

fn config(upstream: SocketAddr) -> Config {
    let text = format!(
        r#"
            listen = ["127.0.0.1:0"]
            workers = 2
            [challenges]
            per_peer_per_second = 0
            per_prefix_per_second = 0
            total_per_second = 0
            [[route]]
            path = "/thing"
            upstream = "http://{upstream}"
            price = "{PRICE_SAT} sat"
        "#
    );
    Config::from_toml(&text, "world.toml").expect("a sound configuration")
}

fn start(config: Config, folder: &Path, node: Sandbox) -> Gateway {
    let home = Home::at(folder).expect("a home");
    let clock = Arc::new(SystemClock::default());
    Gateway::start(config, &home, clock, Arc::new(node)).expect("the gateway starts")
}
