//! The node's answers to the commands.

use core::str::FromStr;
use std::time::Duration;

use l402::Msat;
use ldk_node::bitcoin::secp256k1::PublicKey;
use ldk_node::lightning::ln::msgs::SocketAddress;
use ldk_node::{ChannelDetails, LightningBalance, Node, NodeError, PendingSweepBalance};
use serde_json::Value;

use super::value::{
    Channel, ChannelRequest, Claimable, NodeBalance, NodeCommand, NodePeer, NodeStatus, to_json,
};
use crate::backend::ldk::node::Ldk;
use crate::{Error, ErrorKind, InvoiceRequest, Receive as _};

/// Runs one command, which came as JSON, and returns its answer as JSON.
pub(in crate::backend::ldk) async fn answer(ldk: &Ldk, command: Value) -> Result<Value, Error> {
    let command = serde_json::from_value(command).map_err(|_| {
        let text = "the node does not know this command: run the same version of this program on \
                    both sides";
        Error::new(ErrorKind::Protocol, text)
    })?;
    ldk.shared().check_running()?;
    match command {
        NodeCommand::Address => {
            let address = ldk.with_node(|node| node.onchain_payment().new_address());
            let address = address.await?.map_err(|error| refused(&error))?;
            to_json(&address.to_string())
        }
        NodeCommand::Balance => to_json(&ldk.with_node(balance).await?),
        NodeCommand::Channels => to_json(&ldk.with_node(channels).await?),
        NodeCommand::Close { channel, force } => {
            let closed = ldk.with_node(move |node| close(node, &channel, force));
            to_json(&closed.await??)
        }
        NodeCommand::Invoice {
            amount_msat,
            expiry_secs,
            memo,
        } => {
            let expiry = Duration::from_secs(expiry_secs);
            let request = InvoiceRequest::new(Msat::new(amount_msat), expiry, memo);
            to_json(&ldk.create_invoice(request).await?.bolt11())
        }
        NodeCommand::Open(request) => {
            let opened = ldk.with_node(move |node| open(node, &request));
            to_json(&opened.await??)
        }
        NodeCommand::Status => {
            let network = ldk.shared().network.name().to_owned();
            let status = ldk.with_node(move |node| status(node, network));
            to_json(&status.await?)
        }
    }
}

fn status(node: &Node, network: String) -> NodeStatus {
    let status = node.status();
    let peers = node.list_peers().into_iter();
    NodeStatus {
        node_id: node.node_id().to_string(),
        network,
        height: status.current_best_block.height,
        synced: status.latest_lightning_wallet_sync_timestamp,
        peers: peers
            .filter(|peer| peer.is_persisted)
            .map(|peer| NodePeer {
                node_id: peer.node_id.to_string(),
                address: peer.address.to_string(),
                connected: peer.is_connected,
            })
            .collect(),
    }
}

fn channels(node: &Node) -> Vec<Channel> {
    node.list_channels().iter().map(channel).collect()
}

fn channel(channel: &ChannelDetails) -> Channel {
    Channel {
        id: format!("{:032x}", channel.user_channel_id.0),
        peer: channel.counterparty_node_id.to_string(),
        capacity_sat: channel.channel_value_sats,
        sendable_msat: channel.outbound_capacity_msat,
        receivable_msat: channel.inbound_capacity_msat,
        ready: channel.is_channel_ready,
        usable: channel.is_usable,
        public: channel.is_announced,
        confirmations: channel.confirmations.unwrap_or(0),
        confirmations_required: channel.confirmations_required,
        funding: channel.funding_txo.map(|funding| funding.to_string()),
    }
}

fn balance(node: &Node) -> NodeBalance {
    let balances = node.list_balances();
    let channels = node.list_channels();
    let ready = || channels.iter().filter(|channel| channel.is_channel_ready);
    let mut in_channels: u64 = 0;
    let mut claimable = Vec::new();
    for balance in &balances.lightning_balances {
        match closed(balance) {
            Some(closed) => claimable.push(closed),
            None => in_channels = in_channels.saturating_add(open_amount(balance)),
        }
    }
    let swept = balances.pending_balances_from_channel_closures.iter();
    claimable.extend(swept.filter_map(sweep));
    NodeBalance {
        onchain_sat: balances.total_onchain_balance_sats,
        onchain_spendable_sat: balances.spendable_onchain_balance_sats,
        onchain_reserve_sat: balances.total_anchor_channels_reserve_sats,
        channels_sat: in_channels,
        sendable_msat: ready().map(|channel| channel.outbound_capacity_msat).sum(),
        receivable_msat: ready().map(|channel| channel.inbound_capacity_msat).sum(),
        claimable,
    }
}

const fn open_amount(balance: &LightningBalance) -> u64 {
    match balance {
        LightningBalance::ClaimableOnChannelClose {
            amount_satoshis, ..
        } => *amount_satoshis,
        _ => 0,
    }
}

/// Returns the coins of a channel that is closed, or about to be; `None` for an open one.
fn closed(balance: &LightningBalance) -> Option<Claimable> {
    use LightningBalance as Balance;
    let (amount_sat, state, from_height) = match balance {
        Balance::ClaimableOnChannelClose { .. } => return None,
        Balance::ClaimableAwaitingConfirmations {
            amount_satoshis,
            confirmation_height,
            ..
        } => (*amount_satoshis, "locked", Some(*confirmation_height)),
        Balance::ContentiousClaimable {
            amount_satoshis,
            timeout_height,
            ..
        } => (*amount_satoshis, "contended", Some(*timeout_height)),
        // These two are not this node's for certain: a payment decides.
        Balance::MaybeTimeoutClaimableHTLC {
            amount_satoshis,
            claimable_height,
            ..
        } => (
            *amount_satoshis,
            "back_unless_paid",
            Some(*claimable_height),
        ),
        Balance::MaybePreimageClaimableHTLC {
            amount_satoshis,
            expiry_height,
            ..
        } => (*amount_satoshis, "if_claimed", Some(*expiry_height)),
        Balance::CounterpartyRevokedOutputClaimable {
            amount_satoshis, ..
        } => (*amount_satoshis, "penalty", None),
    };
    Some(Claimable {
        amount_sat,
        state: state.to_owned(),
        from_height,
    })
}

/// Returns coins on their way to the chain; `None` once a block has them, for then they are counted
/// there.
fn sweep(balance: &PendingSweepBalance) -> Option<Claimable> {
    use PendingSweepBalance as Sweep;
    let (amount_sat, state) = match balance {
        Sweep::PendingBroadcast {
            amount_satoshis, ..
        } => (*amount_satoshis, "to_be_swept"),
        Sweep::BroadcastAwaitingConfirmation {
            amount_satoshis, ..
        } => (*amount_satoshis, "swept"),
        Sweep::AwaitingThresholdConfirmations { .. } => return None,
    };
    Some(Claimable {
        amount_sat,
        state: state.to_owned(),
        from_height: None,
    })
}

fn open(node: &Node, request: &ChannelRequest) -> Result<String, Error> {
    let rejected = |text: &str| Error::new(ErrorKind::Rejected, text);
    let peer = PublicKey::from_str(&request.peer)
        .map_err(|_| rejected("a node is named by its public key, 66 hexadecimal digits"))?;
    let address = SocketAddress::from_str(&request.address)
        .map_err(|_| rejected("the address of a node is HOST:PORT"))?;
    let push_msat = Msat::from_sat(request.push_sat).msat();
    let push = Some(push_msat).filter(|push| *push > 0);
    let amount = request.amount_sat;
    let opened = if request.public {
        node.open_announced_channel(peer, address, amount, push, None)
    } else {
        node.open_channel(peer, address, amount, push, None)
    };
    let opened = opened.map_err(|error| match error {
        NodeError::ChannelCreationFailed if request.public => rejected(
            "no public channel could be begun: in node.toml the node needs an address to listen on \
             and an alias, and the peer has to accept it",
        ),
        other => refused(&other),
    })?;
    Ok(format!("{:032x}", opened.0))
}

fn close(node: &Node, id: &str, force: bool) -> Result<Channel, Error> {
    let channels = node.list_channels();
    let mut named = channels
        .iter()
        .filter(|details| !id.is_empty() && channel(details).id.starts_with(id));
    let (Some(found), None) = (named.next(), named.next()) else {
        let text = "no channel has this id, or several begin with it";
        return Err(Error::new(ErrorKind::Rejected, text));
    };
    let peer = found.counterparty_node_id;
    let closed = if force {
        node.force_close_channel(&found.user_channel_id, peer, None)
    } else {
        node.close_channel(&found.user_channel_id, peer)
    };
    closed.map_err(|error| refused(&error))?;
    Ok(channel(found))
}

/// Returns the error of a command that LDK Node refuses.
fn refused(error: &NodeError) -> Error {
    let (kind, text) = match error {
        NodeError::InsufficientFunds => (
            ErrorKind::Rejected,
            "the node has too few coins on the chain; some of them are kept to close channels with"
                .to_owned(),
        ),
        NodeError::ConnectionFailed => (
            ErrorKind::Unavailable,
            "the other node cannot be reached: check its address, and that it runs".to_owned(),
        ),
        NodeError::ChannelCreationFailed => (
            ErrorKind::Rejected,
            "the channel could not be begun: check the amount, and that the peer accepts channels"
                .to_owned(),
        ),
        NodeError::ChannelClosingFailed => (
            ErrorKind::Rejected,
            "the channel cannot be closed now: if the peer is away for good, close it by force"
                .to_owned(),
        ),
        other => (ErrorKind::Rejected, format!("the node says no: {other}")),
    };
    Error::new(kind, text)
}
