//! The operator's side of the commands.

use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::answer::answer;
use super::value::{
    Channel, ChannelRequest, NodeBalance, NodeCommand, NodeStatus, to_json, unwritten,
};
use crate::backend::ldk::node::Ldk;
use crate::backend::ldk::open;
use crate::backend::ldk::run::{self, Wallets};
use crate::backend::ldk::socket::{Socket, SpendRequest};
use crate::{Error, InvoiceRequest, Open};

/// The time limit of a command. To open a channel, a peer is connected to first.
const TIME_LIMIT: Duration = Duration::from_secs(90);

/// The node of a home folder, for its operator. Uses the running node through its `pay.sock`, or
/// runs the node itself.
///
/// ```no_run
/// # async fn run(home: &std::path::Path) -> Result<(), l402_lightning::Error> {
/// use std::sync::Arc;
/// use l402_host::SystemClock;
/// use l402_lightning::Open;
/// use l402_lightning::ldk::NodeOperator;
///
/// let node = NodeOperator::open(Open::new(home, Arc::new(SystemClock::default()))).await?;
/// println!("send coins to {}", node.address().await?);
/// node.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct NodeOperator(Reached);

#[derive(Debug)]
enum Reached {
    Here(Arc<Ldk>),
    Socket(Socket),
}

impl NodeOperator {
    /// Finds the node of the home folder, or starts it. A node that is started here has read the
    /// chain, and has tried to reach its peers, when this returns.
    ///
    /// # Errors
    /// `Local` if there is no node yet or its files cannot be used; `Unavailable` if it runs in a
    /// program that only receives, or if its chain server does not answer.
    pub async fn open(open: Open) -> Result<Self, Error> {
        Ok(Self(match run::wallets(&open).await? {
            Wallets::Here(ldk) => Reached::Here(ldk),
            Wallets::Socket(path) => Reached::Socket(Socket::at(path)),
        }))
    }

    /// Finds the program that runs the node of the home folder for those who may spend. Starts
    /// nothing; `None` if there is no such program.
    ///
    /// # Errors
    /// `Local` for files that cannot be used, `Unavailable` for a socket that cannot.
    pub async fn running(open: Open) -> Result<Option<Self>, Error> {
        let socket = run::served(&open).await?;
        Ok(socket.map(|path| Self(Reached::Socket(Socket::at(path)))))
    }

    /// Returns the operator of a node that this process has started.
    #[must_use]
    pub const fn of(ldk: Arc<Ldk>) -> Self {
        Self(Reached::Here(ldk))
    }

    /// Returns true if the node runs in this process alone, and so ends with it.
    #[must_use]
    pub const fn is_here(&self) -> bool {
        matches!(self.0, Reached::Here(_))
    }

    /// Returns a new address, to which coins of the chain can be sent.
    ///
    /// # Errors
    /// Any error of a call to the node.
    pub async fn address(&self) -> Result<String, Error> {
        self.command(&NodeCommand::Address).await
    }

    /// Returns what the node has, on the chain and in channels.
    ///
    /// # Errors
    /// Any error of a call to the node.
    pub async fn balance(&self) -> Result<NodeBalance, Error> {
        self.command(&NodeCommand::Balance).await
    }

    /// Returns all channels that are not closed.
    ///
    /// # Errors
    /// Any error of a call to the node.
    pub async fn channels(&self) -> Result<Vec<Channel>, Error> {
        self.command(&NodeCommand::Channels).await
    }

    /// Asks a peer for a channel, and returns the channel's id. The channel can be used once its
    /// transaction is confirmed.
    ///
    /// # Errors
    /// `Rejected` if the node has too few coins or the peer says no, `Unavailable` for a peer that
    /// cannot be reached, and any error of a call to the node.
    pub async fn open_channel(&self, request: &ChannelRequest) -> Result<String, Error> {
        let request = request.clone();
        self.command(&NodeCommand::Open(request)).await
    }

    /// Closes the channel with this id, or a beginning of it that no other has. With `force` without
    /// the peer: then the coins are locked for a while, and it costs more.
    ///
    /// # Errors
    /// `Rejected` for an id of no channel, and any error of a call to the node.
    pub async fn close_channel(&self, id: &str, force: bool) -> Result<Channel, Error> {
        let channel = id.to_owned();
        self.command(&NodeCommand::Close { channel, force }).await
    }

    /// Makes an invoice, to be paid by hand. It is stored nowhere.
    ///
    /// # Errors
    /// Those of [`Receive::create_invoice`](crate::Receive::create_invoice).
    pub async fn invoice(&self, request: &InvoiceRequest) -> Result<String, Error> {
        self.command(&NodeCommand::Invoice {
            amount_msat: request.amount.msat(),
            expiry_secs: request.expiry.as_secs(),
            memo: request.memo.clone(),
        })
        .await
    }

    /// Returns who the node is, and how far it has read the chain.
    ///
    /// # Errors
    /// Any error of a call to the node.
    pub async fn status(&self) -> Result<NodeStatus, Error> {
        self.command(&NodeCommand::Status).await
    }

    /// Stops the node if it runs in this process alone.
    pub async fn shutdown(self) {
        if let Reached::Here(ldk) = self.0 {
            open::stop(&ldk).await;
        }
    }

    async fn command<T: DeserializeOwned>(&self, command: &NodeCommand) -> Result<T, Error> {
        let command = to_json(command)?;
        match &self.0 {
            Reached::Socket(socket) => {
                let request = SpendRequest::Node { command };
                Ok(socket.ask(&request, TIME_LIMIT).await?)
            }
            Reached::Here(ldk) => {
                let answer = answer(ldk, command).await?;
                serde_json::from_value(answer).map_err(|error| unwritten(&error))
            }
        }
    }
}
