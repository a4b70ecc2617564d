//! The stored wallets: which there are, which of them pay by default, and the end of one.

use l402_client::{EntryQuery, Journal, State};
use l402_lightning::{Node, StoredWallets, WalletName};
use serde_json::{Value, json};

use super::add::local;
use super::check::check;
use super::kind::word;
use crate::buyer::resolve;
use crate::confirm::confirm;
use crate::context::Context;
use crate::environment::given;
use crate::error::CliError;
use crate::text::output::Output;
use crate::text::plain::escape;
use crate::text::when;

/// Returns all stored wallets, for machines and for people.
pub(crate) fn list(context: &Context) -> Result<(Value, String), CliError> {
    let stored = StoredWallets::of(context.home.path());
    let preference = stored.preference().map_err(local)?;
    let mut text = String::new();
    let mut wallets = Vec::new();
    for name in stored.names().map_err(local)? {
        let place = place(&preference, &Node::Stored(name.clone()));
        // One that cannot be read does not hide the others.
        let (value, line) = match stored.read(&name) {
            Ok(Some(wallet)) => {
                let (kind, network) = (word(&wallet.node.form()), wallet.network);
                let network = network.map(|network| network.name());
                let value = json!({
                    "name": name.as_str(),
                    "kind": wallet.node.form().kind,
                    "node": wallet.node.to_string(),
                    "network": network,
                    "made": wallet.made.secs(),
                    "default": place,
                });
                let made = when::utc(wallet.made);
                (
                    value,
                    format!("{kind:<13} {:<9} {made}", network.unwrap_or("?")),
                )
            }
            Ok(None) => continue,
            Err(error) => {
                let error = escape(&error.to_string());
                let value = json!({ "name": name.as_str(), "error": error, "default": place });
                (value, error)
            }
        };
        let mark = place.map_or(String::new(), |place| format!("default {place}"));
        text += &format!("{:<33}{line}  {mark}\n", name.as_str());
        wallets.push(value);
    }
    if wallets.is_empty() {
        text = "no wallet is stored; `l402 wallet add NAME` stores one\n".to_owned();
    }
    let environment = given(|name| std::env::var_os(name));
    let environment: Vec<Value> = environment
        .iter()
        .map(|given| {
            let (kind, names) = (word(&given.form), given.names().join(", "));
            text +=
                &format!("{names}: `l402 wallet add NAME --from-env --kind {kind}` stores it\n");
            json!({ "kind": given.form.kind, "variables": given.names() })
        })
        .collect();
    let preference: Vec<String> = preference.iter().map(ToString::to_string).collect();
    let value = json!({ "wallets": wallets, "default": preference, "environment": environment });
    Ok((value, text))
}

/// Returns the place of a node in the order of preference, from 1.
pub(super) fn place(preference: &[Node], node: &Node) -> Option<usize> {
    let place = preference.iter().position(|other| other == node)?;
    Some(place.saturating_add(1))
}

/// Sets the order of preference. An empty one means that no wallet pays unless it is named.
pub(crate) fn prefer(nodes: &[Node], context: &Context) -> Result<(), CliError> {
    let stored = StoredWallets::of(context.home.path());
    let mut first: Option<(String, String)> = None;
    for node in nodes {
        if nodes.iter().filter(|other| *other == node).count() > 1 {
            return Err(CliError::usage(format!("{node} is named twice")));
        }
        let form = resolve(node, context)?.form();
        if !form.pays {
            return Err(CliError::usage(format!(
                "{node} only receives: it cannot pay"
            )));
        }
        let network = network_of(node, &stored);
        match (&first, network) {
            (Some((other, on)), Some(network)) if *on != network => {
                let text = format!("{other} is on {on}, and {node} on {network}");
                return Err(CliError::usage(text)
                    .with_hint("one payment after another needs wallets of one network"));
            }
            (None, Some(network)) => first = Some((node.to_string(), network)),
            _ => {}
        }
    }
    context.home.create()?;
    stored.prefer(nodes).map_err(local)
}

/// Returns the network of a node as far as it is known without asking.
fn network_of(node: &Node, stored: &StoredWallets) -> Option<String> {
    let network = match node {
        Node::Sandbox => l402::Network::Regtest,
        Node::Stored(name) => stored.read(name).ok()??.network?,
        _ => return None,
    };
    Some(network.name().to_owned())
}

/// Removes a wallet with its credential, after a yes.
pub(crate) async fn remove(
    name: &WalletName,
    yes: bool,
    context: &Context,
    out: Output,
) -> Result<(), CliError> {
    let stored = StoredWallets::of(context.home.path());
    // An error, if it is not stored, with those that are.
    if stored.read(name).is_ok() {
        resolve(&Node::Stored(name.clone()), context)?;
    }
    match unknown_purchases(context) {
        0 => {}
        count => out.tell(&format!(
            "{count} purchases are unknown still: only the wallet that began one can say what became \
             of it (`l402 payments --state unknown`)"
        )),
    }
    if !yes {
        let question = format!("Remove {name} and its credential from this machine? [y/N]");
        if !confirm(&question, "this removes a credential").await? {
            return Err(CliError::new(
                crate::exit_code::DECLINED,
                "declined",
                format!("{name} stays"),
            ));
        }
    }
    stored.remove(name).map(drop).map_err(local)
}

/// Returns the number of purchases whose outcome only the wallet that began them can tell.
fn unknown_purchases(context: &Context) -> u64 {
    let folder = context.home.path().join("client");
    if !folder.exists() {
        return 0;
    }
    let unknown = EntryQuery::default().in_states([State::Unknown]);
    let counted = Journal::open(&folder).and_then(|journal| journal.count(&unknown));
    // A journal that cannot be read is no reason to keep a credential.
    counted.unwrap_or_default()
}

/// Checks a wallet as `wallet add` does.
pub(crate) async fn test(node: &Node, context: &Context, out: Output) -> Result<Value, CliError> {
    let resolved = resolve(node, context)?;
    out.tell(&format!("asking {} …", resolved.form().called));
    let checked = check(&resolved, context, out).await?;
    Ok(json!({
        "wallet": node.to_string(),
        "kind": resolved.form().kind,
        "network": checked.network.name(),
        "pays": checked.pays(),
        "balance_msat": checked.balance.map(|balance| balance.msat()),
    }))
}
