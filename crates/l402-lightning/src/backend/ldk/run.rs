//! The opening of the node of a home folder for those who may spend.

use core::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ldk_node::Node;
use tokio::time::Instant;

use super::node::Ldk;
use super::open::{Place, status, stop};
use super::operator::NodeOperator;
use super::socket::{Listening, PayService, Socket, SocketPay, SocketReceive};
use crate::{Error, ErrorKind, Lifecycle, Open, Wallet};

/// The socket that answers those who may spend.
const PAY: &str = "pay.sock";

/// The time for a node that was just started to read the chain and to reach its peers.
const PREPARE: Duration = Duration::from_secs(20);

/// The time after which one peer that is reached suffices: another one may be away for good.
const SOME_PEERS: Duration = Duration::from_secs(3);

/// The pause between two looks at the peers.
const LOOK: Duration = Duration::from_millis(100);

/// The node of a home folder, for those who may spend.
pub(super) enum Wallets {
    /// It was started in this process.
    Here(Arc<Ldk>),
    /// It runs in a program that serves this socket.
    Socket(PathBuf),
}

/// A node that serves its sockets, as `l402 node run` does, until it is stopped.
pub struct RunningNode {
    ldk: Arc<Ldk>,
    pay: Listening,
    receive: Listening,
}

/// Opens both halves.
pub(crate) async fn wallet(open: Open) -> Result<Wallet, Error> {
    let receive = Place::of(&open).await?.receive_socket();
    match wallets(&open).await? {
        Wallets::Here(ldk) => {
            let mut wallet = Wallet::new(Arc::clone(&ldk) as _).with_receive(Arc::clone(&ldk) as _);
            wallet.lifecycle = Lifecycle::ending_with(async move { stop(&ldk).await });
            Ok(wallet)
        }
        Wallets::Socket(path) => {
            let pay = SocketPay::open(path, &open).await?.ok_or_else(gone)?;
            let wallet = Wallet::new(Arc::new(pay));
            Ok(match SocketReceive::open(receive, open.clock()).await? {
                Some(receive) => wallet.with_receive(Arc::new(receive)),
                None => wallet,
            })
        }
    }
}

/// Starts the node of a home folder, and serves its sockets. Must be called in a tokio runtime.
///
/// # Errors
/// `Local` if there is no node yet or its files cannot be used; `Unavailable` if another program runs
/// it, or if its chain server does not answer.
pub async fn serve(open: Open) -> Result<RunningNode, Error> {
    let place = Place::of(&open).await?;
    let ldk = place.start(&open).await?;
    let pay = || {
        let service = PayService::new(Arc::clone(&ldk), status(&ldk));
        Listening::start(&place.folder.join(PAY), None, Arc::new(service))
    };
    match place
        .serve_receive(&ldk)
        .and_then(|receive| Ok((receive, pay()?)))
    {
        Ok((receive, pay)) => Ok(RunningNode { ldk, pay, receive }),
        Err(error) => {
            stop(&ldk).await;
            Err(error)
        }
    }
}

/// Finds the program that runs the node of a home folder, or starts the node here.
pub(super) async fn wallets(open: &Open) -> Result<Wallets, Error> {
    if let Some(pay) = served(open).await? {
        return Ok(Wallets::Socket(pay));
    }
    let place = Place::of(open).await?;
    if Socket::at(place.receive_socket()).is_served().await? {
        let text = "the node runs in a program that only receives (`l402 serve`); start \
                    `l402 node run` first, and both use that";
        return Err(Error::new(ErrorKind::Unavailable, text));
    }
    let ldk = place.start(open).await?;
    if tokio::time::timeout(PREPARE, prepare(&ldk)).await.is_err() {
        tracing::warn!("the node has not read the whole chain, or reached none of its peers");
    }
    Ok(Wallets::Here(ldk))
}

/// Returns the socket for those who may spend, if a program serves it.
pub(super) async fn served(open: &Open) -> Result<Option<PathBuf>, Error> {
    let path = Place::of(open).await?.folder.join(PAY);
    let is_served = Socket::at(path.clone()).is_served().await?;
    Ok(is_served.then_some(path))
}

/// Reads the chain to its end, and waits until the peers with channels are reached.
async fn prepare(ldk: &Ldk) {
    let begun = Instant::now();
    // A node that lies behind would ask for time limits that its peers refuse.
    match ldk.with_node(Node::sync_wallets).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the chain cannot be read"),
        Err(error) => tracing::warn!(%error, "the chain cannot be read"),
    }
    loop {
        let channels = ldk.with_node(|node| node.list_channels()).await;
        let channels = channels.unwrap_or_default();
        let ready = || channels.iter().filter(|channel| channel.is_channel_ready);
        let some = ready().any(|channel| channel.is_usable);
        let all = ready().all(|channel| channel.is_usable);
        if all || (some && begun.elapsed() > SOME_PEERS) {
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn gone() -> Error {
    let text = "the program that ran the node has just ended; run the same command again";
    Error::new(ErrorKind::Unavailable, text)
}

impl RunningNode {
    /// Returns the public key by which other nodes know it, in hexadecimal.
    #[must_use]
    pub fn node_id(&self) -> String {
        status(&self.ldk).node_id
    }

    /// Returns the path of the socket that receives.
    #[must_use]
    pub fn receive_socket(&self) -> &Path {
        self.receive.path()
    }

    /// Returns the path of the socket that pays.
    #[must_use]
    pub fn pay_socket(&self) -> &Path {
        self.pay.path()
    }

    /// Returns the commands of this node, which end together with it.
    #[must_use]
    pub fn operator(&self) -> NodeOperator {
        NodeOperator::of(Arc::clone(&self.ldk))
    }

    /// Ends the sockets, then the node.
    pub async fn stop(self) {
        drop((self.pay, self.receive));
        stop(&self.ldk).await;
    }
}

impl fmt::Debug for RunningNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningNode")
            .field("ldk", &self.ldk)
            .finish_non_exhaustive()
    }
}
