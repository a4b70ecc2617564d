//! The commands, and the values that they are answered with.

use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind};

/// A command, as it goes over the socket.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub(super) enum NodeCommand {
    Address,
    Balance,
    Channels,
    Close {
        channel: String,
        force: bool,
    },
    Invoice {
        amount_msat: u64,
        expiry_secs: u64,
        memo: String,
    },
    Open(ChannelRequest),
    Status,
}

/// The terms of a channel to be opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelRequest {
    /// The public key of the other node, in hexadecimal.
    pub peer: String,
    /// Its address, `HOST:PORT`.
    pub address: String,
    /// The coins of this node that go into the channel, in satoshi.
    pub amount_sat: u64,
    /// The part of them that is given away to the other side, in satoshi.
    pub push_sat: u64,
    /// True for a channel that the public graph shows. The node must listen and have a name.
    pub public: bool,
}

/// A channel that is not closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Channel {
    /// The name of the channel at this node, 32 hexadecimal digits. It never changes.
    pub id: String,
    /// The public key of the other node.
    pub peer: String,
    /// The coins in it, in satoshi.
    pub capacity_sat: u64,
    /// The amount that can be sent through it, in millisatoshi.
    pub sendable_msat: u64,
    /// The amount that can be received through it, in millisatoshi.
    pub receivable_msat: u64,
    /// True once its transaction is confirmed often enough.
    pub ready: bool,
    /// True if the peer is connected as well, so that it can be used now.
    pub usable: bool,
    /// True for a channel that the public graph shows.
    pub public: bool,
    /// The confirmations of its transaction.
    pub confirmations: u32,
    /// The confirmations that it needs; `None` until the peer has said it.
    pub confirmations_required: Option<u32>,
    /// Its transaction and output, `TXID:OUTPUT`; `None` before there is one.
    pub funding: Option<String>,
}

/// The coins of the node, on the chain and in channels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NodeBalance {
    /// The coins on the chain, in satoshi.
    pub onchain_sat: u64,
    /// The part of them that can be spent, as for a channel.
    pub onchain_spendable_sat: u64,
    /// The part of them that is kept to close channels with.
    pub onchain_reserve_sat: u64,
    /// The coins of this node in all channels, in satoshi, before the fees of closing them.
    pub channels_sat: u64,
    /// The amount that can be sent through channels, in millisatoshi.
    pub sendable_msat: u64,
    /// The amount that can be received through channels, in millisatoshi.
    pub receivable_msat: u64,
    /// The coins of closed channels on their way to the chain.
    pub claimable: Vec<Claimable>,
}

/// Coins of a closed channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Claimable {
    /// The amount in satoshi, before fees.
    pub amount_sat: u64,
    /// The event that they wait for, such as `locked` or `swept`.
    pub state: String,
    /// The height of the chain from which they can be had, if that is known.
    pub from_height: Option<u32>,
}

/// The node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NodeStatus {
    /// The public key by which other nodes know it.
    pub node_id: String,
    /// The network, such as `signet`.
    pub network: String,
    /// The height of the last block that it has read.
    pub height: u32,
    /// The time at which it has last read the chain to its end, in seconds since 1970.
    pub synced: Option<u64>,
    /// The peers to connect to again: with the seed, what a backup needs to get coins back.
    pub peers: Vec<NodePeer>,
}

/// Another node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NodePeer {
    /// Its public key.
    pub node_id: String,
    /// Its address.
    pub address: String,
    /// True if it is connected.
    pub connected: bool,
}

pub(super) fn to_json(of: &impl Serialize) -> Result<serde_json::Value, Error> {
    serde_json::to_value(of).map_err(|error| unwritten(&error))
}

/// Returns the error of a message that is not what it should be.
pub(super) fn unwritten(error: &serde_json::Error) -> Error {
    let text = format!("a message of the node cannot be used: {error}");
    Error::new(ErrorKind::Protocol, text)
}
