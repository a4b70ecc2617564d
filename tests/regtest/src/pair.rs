//! A seller and a buyer with a channel.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bitcoin::{Address, Amount};
use l402::Network;
use l402_host::Clock;
use l402_lightning::Error;
use l402_lightning::ldk::ldk_node::lightning::ln::msgs::SocketAddress;
use l402_lightning::ldk::ldk_node::{ChannelDetails, Node};
use l402_lightning::ldk::{ChainSource, Ldk, LdkConfig};

use crate::{Access, Chain, Wire};

/// The coins of each node before it opens a channel.
const FUNDS: Amount = Amount::from_sat(10_000_000);

/// The capacity of a channel, in satoshi.
const CHANNEL_SAT: u64 = 2_000_000;

/// The part of the capacity that the opener gives to the other side, in millisatoshi.
const PUSHED_MSAT: u64 = 800_000_000;

/// The time limit of every wait.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// Two nodes in one temporary folder, with a channel that has money on both sides. The buyer
/// reaches the seller through a [`Wire`], which a test can hold or cut.
#[derive(Debug)]
pub struct Pair {
    /// The node that pays.
    pub buyer: Arc<Ldk>,
    /// The chain that all nodes use.
    pub chain: Chain,
    /// The node between the two, if the pair has one.
    pub router: Option<Arc<Ldk>>,
    /// The node that is paid.
    pub seller: Arc<Ldk>,
    /// The connection to the seller.
    pub wire: Wire,
    clock: Arc<dyn Clock>,
    folder: tempfile::TempDir,
}

impl Pair {
    /// Starts both nodes, with a private channel from buyer to seller.
    ///
    /// # Panics
    /// If any part does not start.
    pub async fn start(clock: Arc<dyn Clock>) -> Self {
        let pair = Self::nodes(clock, false).await;
        let address = pair.wire.address();
        pair.open(&pair.buyer, &pair.seller, address, false).await;
        pair
    }

    /// Starts a pair with a third node between the two, which charges 1 sat. Its channel to the
    /// seller is public, because LDK Node forwards through no other, but so new that invoices still
    /// hint at it.
    ///
    /// # Panics
    /// If any part does not start.
    pub async fn with_router(clock: Arc<dyn Clock>) -> Self {
        let pair = Self::nodes(clock, true).await;
        let router = pair.router.as_ref().expect("it was started");
        let address = pair.listening(router);
        pair.open(&pair.buyer, router, address, false).await;
        pair.open(router, &pair.seller, pair.wire.address(), true)
            .await;
        pair
    }

    async fn nodes(clock: Arc<dyn Clock>, with_router: bool) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let chain = Chain::start().await;
        let start = |name: &str, listens| {
            let storage = folder.path().join(name);
            start(storage, chain.access().clone(), clock.clone(), listens)
        };
        let (seller, buyer) = tokio::join!(start("seller", true), start("buyer", false));
        let router = match with_router {
            true => Some(start("router", true).await.0),
            false => None,
        };
        let wire = Wire::to(seller.1.expect("it listens")).await;
        let pair = Self {
            buyer: buyer.0,
            chain,
            router,
            seller: seller.0,
            wire,
            clock,
            folder,
        };
        pair.fund().await;
        pair
    }

    /// Stops the seller in order and starts it again, without connecting it to anybody.
    ///
    /// # Panics
    /// If the node does not start.
    pub async fn restart_seller(&mut self) {
        self.seller.stop().await.expect("stops");
        let (access, clock) = (self.chain.access().clone(), self.clock.clone());
        let (seller, address) = start(self.seller_folder(), access, clock, true).await;
        self.seller = seller;
        self.wire.cut(address.expect("it listens"));
    }

    /// Stops the buyer in order and starts it again; the buyer connects to the peers that it knows.
    ///
    /// # Panics
    /// If the node does not start.
    pub async fn restart_buyer(&mut self) {
        self.buyer.stop().await.expect("stops");
        let (access, clock) = (self.chain.access().clone(), self.clock.clone());
        let folder = self.folder.path().join("buyer");
        self.buyer = start(folder, access, clock, false).await.0;
    }

    /// Connects the buyer to the seller, and waits until they can pay each other.
    ///
    /// # Panics
    /// If they do not connect in time.
    pub async fn reconnect(&self) {
        let (seller, address) = (self.seller.node().node_id(), self.wire.address());
        eventually("the buyer connects", || async {
            let connect = move |node: &Node| node.connect(seller, address.into(), true).is_ok();
            with(&self.buyer, connect).await && self.connected().await
        })
        .await;
    }

    /// Waits until the buyer has noticed that its peer is gone.
    ///
    /// # Panics
    /// If that takes too long.
    pub async fn buyer_is_alone(&self) {
        let alone = |node: &Node| node.list_channels().iter().all(|c| !c.is_usable);
        eventually("the buyer is alone", || with(&self.buyer, alone)).await;
    }

    async fn connected(&self) -> bool {
        let usable = |node: &Node| node.list_channels().iter().all(|c| c.is_usable);
        with(&self.buyer, usable).await && with(&self.seller, usable).await
    }

    /// Returns the storage folder of the seller.
    #[must_use]
    pub fn seller_folder(&self) -> PathBuf {
        self.folder.path().join("seller")
    }

    /// Returns the temporary folder, which a test may use for its own files, too.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn everybody(&self) -> impl Iterator<Item = &Arc<Ldk>> {
        [&self.buyer, &self.seller].into_iter().chain(&self.router)
    }

    fn listening(&self, ldk: &Ldk) -> SocketAddr {
        let addresses = ldk.node().listening_addresses().unwrap_or_default();
        let Some(SocketAddress::TcpIpV4 { addr, port }) = addresses.first() else {
            panic!("{ldk:?} does not listen")
        };
        SocketAddr::from((*addr, *port))
    }

    async fn fund(&self) {
        let mut addresses: Vec<Address> = Vec::new();
        for ldk in self.everybody() {
            let address = with(ldk, |node| node.onchain_payment().new_address()).await;
            addresses.push(address.expect("an address"));
        }
        self.chain.fund(&addresses, FUNDS);
        self.sync().await;
    }

    /// Lets all nodes read the chain to its end.
    ///
    /// # Panics
    /// If the chain does not answer.
    pub async fn sync(&self) {
        let all = self.everybody().map(|ldk| with(ldk, Node::sync_wallets));
        for synced in all.collect::<Vec<_>>() {
            synced.await.expect("the chain answers");
        }
    }

    /// Opens a channel, confirms it, and waits until each side has announced its terms to the
    /// other.
    async fn open(&self, from: &Arc<Ldk>, to: &Arc<Ldk>, address: SocketAddr, public: bool) {
        let (peer, pushed) = (to.node().node_id(), Some(PUSHED_MSAT));
        let opened = with(from, move |node| match public {
            true => node.open_announced_channel(peer, address.into(), CHANNEL_SAT, pushed, None),
            false => node.open_channel(peer, address.into(), CHANNEL_SAT, pushed, None),
        });
        opened.await.expect("the channel is asked for");
        eventually("the channel is funded", || async {
            self.chain.mempool_len() > 0
        })
        .await;
        self.chain.mine(6);
        self.sync().await;
        let (one, other) = (from.node().node_id(), peer);
        eventually("the channel is ready", || async {
            with(from, move |node| is_ready(&node.list_channels(), other)).await
                && with(to, move |node| is_ready(&node.list_channels(), one)).await
        })
        .await;
    }
}

fn is_ready(channels: &[ChannelDetails], peer: bitcoin::secp256k1::PublicKey) -> bool {
    let mut theirs = channels.iter().filter(|c| c.counterparty_node_id == peer);
    theirs.any(|c| c.is_usable && c.counterparty_forwarding_info_fee_base_msat.is_some())
}

async fn with<T: Send + 'static>(
    ldk: &Arc<Ldk>,
    work: impl FnOnce(&Node) -> T + Send + 'static,
) -> T {
    ldk.with_node(work).await.expect("the program goes on")
}

/// Starts a node. A node that listens gets a port that was free a moment ago, because LDK does not
/// report the port that it got.
async fn start(
    storage: PathBuf,
    access: Access,
    clock: Arc<dyn Clock>,
    listens: bool,
) -> (Arc<Ldk>, Option<SocketAddr>) {
    for _ in 0..5 {
        let address = listens.then(free_port);
        let config = config(storage.clone(), &access, address);
        match Ldk::start(config, clock.clone()).await {
            Ok(ldk) => return (Arc::new(ldk), address),
            // Another test took the port in the meantime: try the next one.
            Err(error) if is_taken(&error) => {}
            Err(error) => panic!("the node does not start: {error}"),
        }
    }
    panic!("no port stays free");
}

fn is_taken(error: &Error) -> bool {
    error.to_string().contains("cannot listen")
}

/// Returns a loopback address that was free a moment ago.
///
/// # Panics
/// If no port is free.
#[must_use]
pub fn free_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address")
}

fn config(storage: PathBuf, access: &Access, address: Option<SocketAddr>) -> LdkConfig {
    LdkConfig {
        storage,
        network: Network::Regtest,
        chain: ChainSource::Bitcoind {
            address: access.address.to_string(),
            user: access.user.clone(),
            password: access.password.clone(),
        },
        listen: address.into_iter().collect(),
        // With a name a node may have public channels.
        alias: address.map(|_| "regtest".to_owned()),
    }
}

/// Waits until a condition holds.
///
/// # Panics
/// If it does not hold in time.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let waited = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let in_time = tokio::time::timeout(TIME_LIMIT, waited).await;
    in_time.unwrap_or_else(|_| panic!("in time: {what}"));
}
