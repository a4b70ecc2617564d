//! The balance of one wallet, or of all.

use std::time::Duration;

use l402::{Msat, Network};
use l402_lightning::{Error, ErrorKind, Node, Open, StoredWallets};
use serde_json::{Value, json};

use super::add::local;
use super::list::place;
use crate::buyer::{hint, open_wallet, resolve, wallet_error};
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::text::plain::escape;

/// The longest that one wallet is waited for, if all are asked.
const PATIENCE: Duration = Duration::from_secs(10);

/// A report for machines and for people, and the exit status.
pub(crate) type Report = (Value, String, ExitCode);

/// Returns the balance of one wallet.
pub(crate) async fn one(node: &Node, context: &Context) -> Result<Report, CliError> {
    let form = resolve(node, context)?.form();
    let wallet = open_wallet(node, context).await?;
    let balance = wallet.balance().await;
    let balance = balance.map_err(|error| wallet_error(&error, &form))?;
    let value = json!({
        "wallet": node.to_string(),
        "network": wallet.network().name(),
        "balance_msat": balance.msat(),
    });
    let text = format!("{balance} on {}\n", wallet.network());
    Ok((value, text, exit_code::OK))
}

/// Returns the balances of all stored wallets and of the sandbox, the default one first. Its keys stand
/// beside the list, as those of [`one`] do. The exit status is that of the default one.
pub(crate) async fn all(context: &Context) -> Result<Report, CliError> {
    let stored = StoredWallets::of(context.home.path());
    let preference = stored.preference().map_err(local)?;
    let names = stored.names().map_err(local)?.into_iter();
    let mut nodes = preference.clone();
    if nodes.is_empty() {
        // What `wallet pay` uses then.
        nodes.push(Node::Sandbox);
    }
    for node in names.map(Node::Stored).chain([Node::Sandbox]) {
        if !nodes.contains(&node) {
            nodes.push(node);
        }
    }
    let home = context.home.create()?;
    // At once: one that is away must not hold up the others.
    let asked = nodes.iter().map(|node| {
        let (node, home, clock) = (node.clone(), home.to_owned(), context.clock.clone());
        tokio::spawn(async move { ask(&node, Open::new(home, clock)).await })
    });
    let asked: Vec<_> = asked.collect();
    let mut text = String::new();
    let mut wallets = Vec::new();
    let mut exit = exit_code::OK;
    for (node, answer) in nodes.iter().zip(asked) {
        let place = place(&preference, node);
        let found = answer.await.map_err(CliError::internal)?;
        if wallets.is_empty() && found.answer.is_err() && !found.only_receives {
            exit = exit_code::WALLET_UNAVAILABLE;
        }
        let (value, line) = found.show(node, place, &stored);
        text += &line;
        wallets.push(value);
    }
    let first = wallets.first().cloned().unwrap_or_default();
    let value = json!({
        "wallet": first["wallet"],
        "network": first["network"],
        "balance_msat": first["balance_msat"],
        "wallets": wallets,
    });
    Ok((value, text, exit))
}

/// The answer of one of several wallets.
struct Found {
    kind: &'static str,
    only_receives: bool,
    answer: Result<(Network, Msat), Error>,
    next_step: Option<String>,
}

async fn ask(node: &Node, open: Open) -> Found {
    let form = node.resolve(open.home()).map(|node| node.form());
    let form = form.unwrap_or_else(|_| node.form());
    let end = tokio::time::Instant::now() + PATIENCE;
    let answer = match in_time(end, node.wallet(open)).await {
        Ok(wallet) => {
            let pay = wallet.pay;
            let balance = in_time(end, pay.balance()).await;
            let answer = balance.map(|balance| (pay.network(), balance));
            drop(pay);
            wallet.lifecycle.shutdown().await;
            answer
        }
        Err(error) => Err(error),
    };
    let next_step = answer.as_ref().err().map(|error| hint(error.kind(), &form));
    Found {
        kind: form.kind,
        // A credential that is to be paid alone is as it should be.
        only_receives: !form.pays,
        answer,
        next_step,
    }
}

async fn in_time<T>(
    end: tokio::time::Instant,
    call: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let answer = tokio::time::timeout_at(end, call).await;
    answer.unwrap_or_else(|_| {
        let text = format!("no answer within {} s", PATIENCE.as_secs());
        Err(Error::new(ErrorKind::Timeout, text))
    })
}

impl Found {
    fn show(self, node: &Node, place: Option<usize>, stored: &StoredWallets) -> (Value, String) {
        // A wallet that does not answer now has its network from the time when it was stored.
        let known = match node {
            Node::Stored(name) => stored.read(name).ok().flatten(),
            _ => None,
        };
        let mark = place.map_or(String::new(), |place| format!("  default {place}"));
        let name = node.to_string();
        let mut value = json!({
            "wallet": name,
            "kind": self.kind,
            "network": known.and_then(|wallet| wallet.network).map(|network| network.name()),
            "reachable": self.answer.is_ok(),
            "balance_msat": null,
            "default": place,
        });
        let line = match (&self.answer, &self.next_step) {
            (Ok((network, balance)), _) => {
                value["network"] = json!(network.name());
                value["balance_msat"] = json!(balance.msat());
                format!("{name:<33}{balance} on {network}{mark}\n")
            }
            (Err(error), hint) => {
                let error = escape(&error.to_string());
                let hint = hint.as_deref().unwrap_or_default();
                value["error"] = json!(error);
                value["hint"] = json!(hint);
                format!(
                    "{name:<33}cannot be asked: {error}{mark}\n{:<33}{hint}\n",
                    ""
                )
            }
        };
        (value, line)
    }
}
