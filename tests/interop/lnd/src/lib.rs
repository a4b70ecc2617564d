//! Two lnds with a channel between them, on a chain that only the test mines.
//!
//! Everything listens on loopback alone, keeps its files in one temporary folder, and ends with the
//! value that started it. The programs btcd, lnd and aperture are in `target/interop/bin`, where
//! `tests/interop/build.sh` puts them.

mod aperture;
mod chain;
mod l402;
mod lnd;
mod program;

use std::path::{Path, PathBuf};
use std::time::Duration;

use bitcoin::Amount;
use serde_json::json;

pub use crate::aperture::Aperture;
use crate::chain::Chain;
pub use crate::l402::{Ended, L402};
pub use crate::lnd::Lnd;
pub use crate::program::Program;

/// The time limit of every wait: long enough for a slow machine, and never waited for by a test
/// that passes.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// The capacity of the channel in satoshi. Half of it belongs to each side.
const CAPACITY: u64 = 10_000_000;

/// A seller's and a buyer's lnd. Both ends of their channel can pay.
#[derive(Debug)]
pub struct Regtest {
    /// The lnd that is paid. It opened the channel, and pays the fees of the channel's
    /// transactions.
    pub seller: Lnd,
    /// The lnd that pays. Its balance changes by payments alone.
    pub buyer: Lnd,
    chain: Chain,
    folder: tempfile::TempDir,
}

impl Regtest {
    /// Starts everything, and waits until the channel is active on both sides.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let chain = Chain::start(folder.path()).await;
        let (seller, buyer) = tokio::join!(
            Lnd::start("seller", folder.path(), chain.access()),
            Lnd::start("buyer", folder.path(), chain.access()),
        );
        let net = Self {
            seller,
            buyer,
            chain,
            folder,
        };
        net.fund().await;
        net.open_channel().await;
        net
    }

    /// Returns a folder that disappears with this value.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Waits until the channel can be used from both ends, as after a restart of either.
    pub async fn channel_is_active(&self) {
        tokio::join!(self.seller.has_channel(), self.buyer.has_channel());
    }

    /// Gives both lnds coins: the buyer has to hold a reserve for the channel's anchors.
    async fn fund(&self) {
        let (to_seller, to_buyer) = tokio::join!(self.seller.address(), self.buyer.address());
        let coins = Amount::from_int_btc(2);
        self.chain.pay(&[to_seller, to_buyer], coins).await;
        self.chain.mine(6).await;
        tokio::join!(self.seller.has_coins(), self.buyer.has_coins());
    }

    async fn open_channel(&self) {
        let (public_key, address) = self.buyer.peer().await;
        self.seller
            .post(
                "/v1/peers",
                &json!({ "addr": { "pubkey": public_key, "host": address } }),
            )
            .await;
        let order = json!({
            "node_pubkey_string": public_key,
            "local_funding_amount": CAPACITY.to_string(),
            "push_sat": (CAPACITY / 2).to_string(),
            "sat_per_vbyte": "2",
        });
        self.seller.post("/v1/channels", &order).await;
        self.chain.mine(6).await;
        self.channel_is_active().await;
    }
}

impl Drop for Regtest {
    fn drop(&mut self) {
        // Both at once; each then waits for its own end, and the chain goes last.
        self.seller.ask_to_end();
        self.buyer.ask_to_end();
    }
}

/// Asks again and again until there is an answer, for at most a minute.
///
/// # Panics
/// After that minute, naming what was waited for.
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let answer = tokio::time::timeout(TIME_LIMIT, asking).await;
    answer.unwrap_or_else(|_| panic!("waited a minute: {what}"))
}

/// Returns a loopback port that was free a moment ago, for programs that cannot report the port
/// that they got.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a loopback port");
    listener.local_addr().expect("an address").port()
}

/// Returns the path of a program of the Go modules here.
fn built(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../target/interop/bin")
        .join(name);
    assert!(
        path.exists(),
        "{name} is not built; tests/interop/build.sh does it"
    );
    path
}

/// Returns a client for the programs of this test, whose certificates are self-signed.
fn http() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .danger_accept_invalid_certs(true)
        .timeout(TIME_LIMIT)
        .build()
        .expect("an HTTP client")
}
