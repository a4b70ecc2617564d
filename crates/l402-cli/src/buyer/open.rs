//! The wallet that a command pays with: as it is named, or as the home folder prefers.

use std::borrow::Cow;
use std::sync::Arc;

use l402::text::escape;
use l402_client::ClientBuilder;
use l402_lightning::{Error, ErrorKind, Node, NodeForm, Open, Pay, StoredWallets};

use super::asked::AskedWallets;
use super::failure::{not_stored, wallet_error};
use super::preference::Preference;
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code;
use crate::text::output;

/// Opens the spending half of a backend. Its background work ends with the command.
pub(crate) async fn open_wallet(node: &Node, context: &Context) -> Result<Arc<dyn Pay>, CliError> {
    let node = resolve(node, context)?;
    // Not at the start of the program, so that a command which needs no state leaves no folder.
    let home = context.home.create()?;
    let opened = node.wallet(Open::new(home, context.clock.clone())).await;
    let wallet = opened.map_err(|error| match &*node {
        Node::Ldk => own_node_error(&error),
        _ => wallet_error(&error, &node.form()),
    })?;
    context.opened.keep(wallet.lifecycle);
    Ok(wallet.pay)
}

/// Returns the error for a node of this program that could not be opened.
fn own_node_error(error: &Error) -> CliError {
    let told = wallet_error(error, &NodeForm::LDK);
    match error.kind() {
        ErrorKind::Local => {
            told.with_hint("`l402 node init` makes the node; its settings are in ldk/node.toml")
        }
        // Held by a program that only receives, about to start, or without its chain.
        _ => told.with_hint("start `l402 node run`: all programs of this home use that node"),
    }
}

/// Returns the node that a name stands for, and any other as it is.
///
/// # Errors
/// For a name that is not stored, with what there is in its place.
pub(crate) fn resolve<'a>(node: &'a Node, context: &Context) -> Result<Cow<'a, Node>, CliError> {
    if let Node::Stored(name) = node {
        let stored = StoredWallets::of(context.home.path()).read(name);
        let is_there = stored.map_err(|error| wallet_error(&error, &node.form()))?;
        if is_there.is_none() {
            return Err(not_stored(name, context));
        }
    }
    let resolved = node.resolve(context.home.path());
    resolved.map_err(|error| wallet_error(&error, &node.form()))
}

/// Opens a wallet as a preference of one: which invoice it was asked to pay is noted, so that no other
/// wallet pays that one later, and a second call proves more before it says *failed*.
pub(crate) async fn open_noting(node: &Node, context: &Context) -> Result<Arc<dyn Pay>, CliError> {
    let wallet = open_wallet(node, context).await?;
    in_order(vec![wallet], context)
}

/// Makes one wallet of several, which are asked in this order.
fn in_order(wallets: Vec<Arc<dyn Pay>>, context: &Context) -> Result<Arc<dyn Pay>, CliError> {
    let asked = AskedWallets::of(context.home.create()?);
    let preference = Preference::new(wallets, asked, context.clock.clone());
    Ok(Arc::new(preference))
}

/// Gives a client the wallet that is named, or else those that the home folder prefers, if it prefers any.
///
/// # Errors
/// As [`open_wallet`] and [`open_default`].
pub(crate) async fn with_wallet(
    client: ClientBuilder,
    named: Option<&Node>,
    context: &Context,
) -> Result<ClientBuilder, CliError> {
    let wallet = match named {
        Some(node) => Some(open_wallet(node, context).await?),
        None => open_default(context).await?,
    };
    Ok(match wallet {
        Some(wallet) => client.wallet(wallet),
        None => client,
    })
}

/// Opens the wallets that the home folder prefers; `None` if it prefers none. Several are tried in
/// their order: only a payment that has failed for certain goes to the next one.
///
/// # Errors
/// If none of them can be opened, or they are on several networks.
pub(crate) async fn open_default(context: &Context) -> Result<Option<Arc<dyn Pay>>, CliError> {
    open_preferred(&preferred(context)?, context).await
}

/// Returns the wallets that the home folder prefers, in their order.
///
/// # Errors
/// If their list cannot be read.
pub(super) fn preferred(context: &Context) -> Result<Vec<Node>, CliError> {
    let preferred = StoredWallets::of(context.home.path()).preference();
    preferred.map_err(|error| {
        CliError::local_io(error.to_string()).with_hint("`l402 wallet use NAME` writes it anew")
    })
}

/// Opens these wallets as [`open_default`] does.
///
/// # Errors
/// As [`open_default`].
pub(super) async fn open_preferred(
    preferred: &[Node],
    context: &Context,
) -> Result<Option<Arc<dyn Pay>>, CliError> {
    if let [only] = preferred {
        return open_noting(only, context).await.map(Some);
    }
    if preferred.is_empty() {
        return Ok(None);
    }
    let mut wallets: Vec<Arc<dyn Pay>> = Vec::new();
    let mut first_error = None;
    for node in preferred {
        match open_wallet(node, context).await {
            Ok(wallet) => wallets.push(wallet),
            // The other wallets can still pay, so one that does not open ends nothing.
            Err(error) => {
                let text = escape(&error.to_string());
                output::tell(&format!("{node} is left out: {text}"));
                first_error.get_or_insert(error);
            }
        }
    }
    match (wallets.as_slice(), first_error) {
        ([], Some(error)) => Err(error),
        ([first, rest @ ..], _) if rest.iter().any(|it| it.network() != first.network()) => {
            let text = "the wallets that are preferred are on several networks; no money moved";
            Err(CliError::new(exit_code::WALLET_UNAVAILABLE, "wallet", text)
                .with_hint("`l402 wallet use NAME ...` with wallets of one network"))
        }
        _ => in_order(wallets, context).map(Some),
    }
}
