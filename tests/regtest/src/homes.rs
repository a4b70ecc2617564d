//! A seller and a buyer whose nodes are made and run as `l402 node` does, in home folders.

use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bitcoin::{Address, Amount};
use l402::Network;
use l402_host::Clock;
use l402_lightning::Open;
use l402_lightning::ldk::{self, ChannelRequest, NodeSettings, RunningNode};

use crate::Chain;
use crate::pair::{eventually, free_port};

/// The coins of each node before it opens a channel.
const FUNDS: Amount = Amount::from_sat(10_000_000);

/// The channel from buyer to seller, and the part of it that is given away, in satoshi.
const CHANNEL_SAT: (u64, u64) = (2_000_000, 800_000);

/// Two home folders, each with a node that runs, and a channel with money on both sides.
#[derive(Debug)]
pub struct Homes {
    /// The node that pays.
    pub buyer: RunningNode,
    /// The chain of both.
    pub chain: Chain,
    /// The node that is paid.
    pub seller: RunningNode,
    clock: Arc<dyn Clock>,
    folder: tempfile::TempDir,
}

impl Homes {
    /// Makes both nodes, starts them, and opens the channel.
    ///
    /// # Panics
    /// If any part does not start.
    pub async fn start(clock: Arc<dyn Clock>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let chain = Chain::start().await;
        let address = free_port();
        for (name, listen) in [("seller", Some(address)), ("buyer", None)] {
            make(&folder.path().join(name), &chain, listen);
        }
        let run = |name: &str| {
            let open = Open::new(folder.path().join(name), clock.clone());
            async move { ldk::serve(open).await.expect("the node starts") }
        };
        let (seller, buyer) = tokio::join!(run("seller"), run("buyer"));
        let homes = Self {
            buyer,
            chain,
            seller,
            clock,
            folder,
        };
        homes.open_channel(address).await;
        homes
    }

    /// Returns how a program of the seller opens its node.
    #[must_use]
    pub fn seller_open(&self) -> Open {
        Open::new(self.folder.path().join("seller"), self.clock.clone())
    }

    /// Returns how a program of the buyer opens its node.
    #[must_use]
    pub fn buyer_open(&self) -> Open {
        Open::new(self.folder.path().join("buyer"), self.clock.clone())
    }

    async fn open_channel(&self, seller: SocketAddr) {
        let operator = self.buyer.operator();
        let address = operator.address().await.expect("an address");
        let address: Address<_> = address.parse().expect("an address");
        self.chain.fund(&[address.assume_checked()], FUNDS);
        eventually("the coins are seen", || async {
            let balance = operator.balance().await.expect("a balance");
            balance.onchain_spendable_sat > 0
        })
        .await;
        let (amount_sat, push_sat) = CHANNEL_SAT;
        let request = ChannelRequest {
            peer: self.seller.node_id(),
            address: seller.to_string(),
            amount_sat,
            push_sat,
            public: false,
        };
        operator.open_channel(&request).await.expect("is begun");
        eventually("the channel is funded", || async {
            self.chain.mempool_len() > 0
        })
        .await;
        self.chain.mine(6);
        for node in [&self.buyer, &self.seller] {
            let operator = node.operator();
            eventually("the channel is ready", || async {
                let channels = operator.channels().await.expect("channels");
                channels.iter().any(|channel| channel.usable)
            })
            .await;
        }
    }
}

/// Makes the node of a home on this chain.
///
/// # Panics
/// If it cannot be made.
fn make(home: &Path, chain: &Chain, listen: Option<SocketAddr>) {
    std::fs::create_dir(home).expect("a home");
    let server = chain_server(home, chain);
    let server = server.parse().expect("a chain server");
    let mut settings = NodeSettings::new(Network::Regtest, server);
    settings.listen = listen.into_iter().collect();
    ldk::init(home, &settings, None).expect("a node");
}

/// Writes the password of the chain beside a home, and returns the chain server as it is written in
/// `node.toml`.
///
/// # Panics
/// If the password cannot be written.
#[must_use]
pub fn chain_server(home: &Path, chain: &Chain) -> String {
    let access = chain.access();
    let path: PathBuf = home.join("rpc.password");
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(&path);
    std::io::Write::write_all(&mut file.expect("a file"), access.password.as_bytes())
        .expect("is written");
    format!(
        "bitcoind://{}@{}?password={}",
        access.user,
        access.address,
        path.display()
    )
}
