//! The balance and the channels of the node, and invoices of its own.

use l402::{Invoice, Msat};
use l402_lightning::InvoiceRequest;
use l402_lightning::ldk::{Channel, NodeBalance};
use serde_json::json;

use super::reach::{failed, operator};
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::text::invoice::columns;
use crate::text::output::{Output, tell};
use crate::text::plain::escape_short;

/// The digits of an id that are shown to a person.
const ID_SHOWN: usize = 8;

/// Shows a new address.
pub(crate) async fn address(context: &Context, out: Output) -> Result<ExitCode, CliError> {
    let node = operator(context, out).await?;
    let address = node.address().await.map_err(|error| failed(&error));
    node.shutdown().await;
    let address = address?;
    out.result(&json!({ "address": address }), || format!("{address}\n"))?;
    Ok(exit_code::OK)
}

/// Shows what the node has.
pub(crate) async fn balance(context: &Context, out: Output) -> Result<ExitCode, CliError> {
    let node = operator(context, out).await?;
    let balance = node.balance().await.map_err(|error| failed(&error));
    node.shutdown().await;
    let balance = balance?;
    let value = serde_json::to_value(&balance).map_err(CliError::internal)?;
    out.result(&value, || balance_text(&balance))?;
    Ok(exit_code::OK)
}

/// Lists the channels.
pub(crate) async fn channels(context: &Context, out: Output) -> Result<ExitCode, CliError> {
    let node = operator(context, out).await?;
    let channels = node.channels().await.map_err(|error| failed(&error));
    node.shutdown().await;
    let channels = channels?;
    let value = serde_json::to_value(&channels).map_err(CliError::internal)?;
    out.result(&value, || table(&channels))?;
    Ok(exit_code::OK)
}

/// Makes an invoice.
pub(crate) async fn invoice(
    request: &InvoiceRequest,
    context: &Context,
    out: Output,
) -> Result<ExitCode, CliError> {
    let node = operator(context, out).await?;
    let bolt11 = node.invoice(request).await.map_err(|error| failed(&error));
    if node.is_here() {
        tell("the invoice can be paid while the node runs: l402 node run");
    }
    node.shutdown().await;
    let bolt11 = bolt11?;
    // Read from the text, as its payer will.
    let says = Invoice::decode(&bolt11).map_err(CliError::internal)?;
    let value = json!({
        "invoice": bolt11,
        "payment_hash": says.payment_hash.to_string(),
        "amount_msat": says.amount.map(Msat::msat),
        "expires": says.expires.secs(),
    });
    out.result(&value, || format!("{bolt11}\n"))?;
    Ok(exit_code::OK)
}

fn balance_text(balance: &NodeBalance) -> String {
    let sat = |sat| Msat::from_sat(sat).to_string();
    let mut rows = vec![
        ("on the chain", sat(balance.onchain_sat)),
        ("  spendable", sat(balance.onchain_spendable_sat)),
        ("in channels", sat(balance.channels_sat)),
        ("  can send", Msat::new(balance.sendable_msat).to_string()),
        (
            "  can receive",
            Msat::new(balance.receivable_msat).to_string(),
        ),
    ];
    for coins in &balance.claimable {
        let from = coins.from_height;
        let from = from.map_or(String::new(), |height| format!(", from block {height}"));
        let state = escape_short(&coins.state.replace('_', " "), 40);
        rows.push((
            "being closed",
            format!("{} ({state}{from})", sat(coins.amount_sat)),
        ));
    }
    columns(&rows)
}

/// Returns the channels for people, one a line.
pub(super) fn table(channels: &[Channel]) -> String {
    if channels.is_empty() {
        return "no channel is open\n".to_owned();
    }
    let mut text = format!(
        "{:<8}  {:<12}  {:>14}  {:>14}  {:<22}  {}\n",
        "id", "state", "can send", "can receive", "capacity", "peer"
    );
    for channel in channels {
        text += &format!(
            "{:<8}  {:<12}  {:>14}  {:>14}  {:<22}  {}\n",
            short(channel),
            state(channel),
            Msat::new(channel.sendable_msat).to_string(),
            Msat::new(channel.receivable_msat).to_string(),
            Msat::from_sat(channel.capacity_sat).to_string(),
            escape_short(&channel.peer, 66),
        );
    }
    text
}

/// Returns the beginning of a channel's id.
pub(super) fn short(channel: &Channel) -> String {
    escape_short(
        &channel.id.chars().take(ID_SHOWN).collect::<String>(),
        ID_SHOWN,
    )
}

fn state(channel: &Channel) -> String {
    match channel {
        Channel { usable: true, .. } => "open".to_owned(),
        Channel { ready: true, .. } => "peer away".to_owned(),
        Channel {
            confirmations,
            confirmations_required: Some(required),
            ..
        } => format!("blocks {confirmations}/{required}"),
        _ => "beginning".to_owned(),
    }
}
