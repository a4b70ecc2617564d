//! Channels, opened with the wait for their confirmations, and closed.

use std::time::Duration;

use l402_lightning::ldk::{Channel, ChannelRequest, NodeOperator};
use serde_json::json;

use super::query::{short, table};
use super::reach::{failed, operator};
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::signal::Interrupt;
use crate::text::output::Output;

/// The pause between two looks at a channel.
const LOOK: Duration = Duration::from_secs(1);

/// A channel to be opened.
#[derive(Debug)]
pub(crate) struct Opening {
    /// The public key of the other node.
    pub(crate) peer: String,
    /// Its address.
    pub(crate) address: String,
    /// The coins that go into it, in satoshi.
    pub(crate) amount_sat: u64,
    /// The part of them that is given away.
    pub(crate) push_sat: u64,
    /// True for a channel that the public graph shows.
    pub(crate) public: bool,
    /// True to wait until it can be used.
    pub(crate) waits: bool,
}

/// Opens a channel.
pub(crate) async fn open(
    opening: Opening,
    context: &Context,
    out: Output,
) -> Result<ExitCode, CliError> {
    let mut interrupt = Interrupt::listen()?;
    let node = operator(context, out).await?;
    let opened = tokio::select! {
        opened = begin(&node, &opening, out) => opened,
        _ = interrupt.caught() => Err(left_alone()),
    };
    // Before an error is returned: a node that was started for this command ends with it.
    node.shutdown().await;
    let channel = opened?;
    out.result(&json!(channel), || table(core::slice::from_ref(&channel)))?;
    Ok(exit_code::OK)
}

async fn begin(node: &NodeOperator, opening: &Opening, out: Output) -> Result<Channel, CliError> {
    let request = ChannelRequest {
        peer: opening.peer.clone(),
        address: opening.address.clone(),
        amount_sat: opening.amount_sat,
        push_sat: opening.push_sat,
        public: opening.public,
    };
    let id = node
        .open_channel(&request)
        .await
        .map_err(|error| failed(&error))?;
    let mut told = String::new();
    loop {
        let channels = node.channels().await.map_err(|error| failed(&error))?;
        let Some(channel) = channels.into_iter().find(|channel| channel.id == id) else {
            let text = "the other node said no to the channel, or closed it; --log info shows what it said";
            return Err(CliError::new(exit_code::WALLET_UNAVAILABLE, "node", text));
        };
        let stage = stage(&channel);
        // There is a look each second, and a person needs to read each stage only once.
        if stage != told {
            out.tell(&stage);
            told = stage;
        }
        let is_done = match opening.waits {
            true => channel.usable,
            false => channel.funding.is_some(),
        };
        if is_done {
            return Ok(channel);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Returns what a person is told of a channel that is being opened.
fn stage(channel: &Channel) -> String {
    let id = short(channel);
    match channel {
        Channel { ready: true, .. } => format!("channel {id} is open"),
        Channel {
            funding: Some(funding),
            confirmations: 0,
            ..
        } => format!("channel {id}: transaction {funding} waits for a block"),
        Channel {
            confirmations,
            confirmations_required: Some(required),
            ..
        } if *confirmations > 0 => {
            format!("channel {id}: {confirmations} of {required} confirmations")
        }
        _ => format!("channel {id}: agreeing with the other node"),
    }
}

fn left_alone() -> CliError {
    let text = "no longer waiting; the channel may still open: `l402 node channels` shows it";
    CliError::new(exit_code::INTERRUPTED, "interrupted", text)
        .with_hint("a channel opens while the node runs: `l402 node run`")
}

/// Closes a channel.
pub(crate) async fn close(
    id: &str,
    force: bool,
    context: &Context,
    out: Output,
) -> Result<ExitCode, CliError> {
    let node = operator(context, out).await?;
    let closed = node
        .close_channel(id, force)
        .await
        .map_err(|error| failed(&error));
    let closed = match closed {
        // The other side has to answer, which a node that ends now would not see.
        Ok(channel) if node.is_here() => gone(&node, &channel).await.map(|()| channel),
        closed => closed,
    };
    node.shutdown().await;
    let channel = closed?;
    let value = json!({ "closed": channel.id, "peer": channel.peer, "force": force });
    out.result(&value, || {
        format!(
            "channel {} is being closed; `l402 node balance` shows its coins on their way\n",
            short(&channel)
        )
    })?;
    Ok(exit_code::OK)
}

/// Waits until a channel is no longer listed, for a minute at most.
async fn gone(node: &NodeOperator, channel: &Channel) -> Result<(), CliError> {
    const LIMIT: Duration = Duration::from_secs(60);
    let gone = async {
        loop {
            let channels = node.channels().await.map_err(|error| failed(&error))?;
            if channels.iter().all(|other| other.id != channel.id) {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    // It may take the other side longer: then the next start goes on with it.
    tokio::time::timeout(LIMIT, gone).await.unwrap_or(Ok(()))
}
