//! Payments whose outcome is unknown, and what the wallet says of them.

use l402_client::{Client, Entry, EntryQuery, Journal, State};
use l402_lightning::Node;
use serde_json::{Value, json};

use super::find::short;
use super::list::place;
use crate::buyer::with_wallet;
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::text::output::{Output, tell};
use crate::text::plain::escape;

/// The most payments that are looked at by one run.
const MOST: u32 = 10_000;

/// Asks the wallet about every payment whose outcome is unknown, and tells each outcome.
pub(crate) async fn resolve(
    wallet: Option<&Node>,
    context: &Context,
    out: Output,
) -> Result<ExitCode, CliError> {
    let journal = Journal::open(&context.home.client()?)?;
    let open = EntryQuery::default().in_states([State::Intent, State::Unknown]);
    let before = journal.page(&open, MOST, None)?.entries;
    // Without an open payment no wallet is needed, and none is opened.
    if !before.is_empty() {
        client(journal.clone(), wallet, context)
            .await?
            .reconcile()
            .await?;
    }
    let mut outcomes = Vec::new();
    for earlier in before {
        // A row that is gone was pruned, and what is pruned has failed or was served.
        let now = journal.entry(&earlier.payment_hash)?;
        outcomes.push((earlier.state, now.unwrap_or(earlier)));
    }
    let rows = outcomes.iter().map(|(before, entry)| row(*before, entry));
    out.result(&rows.collect(), || text(&outcomes))?;
    let is_open =
        |(_, entry): &&(State, Entry)| matches!(entry.state, State::Intent | State::Unknown);
    match outcomes.iter().filter(is_open).count() {
        0 => Ok(exit_code::OK),
        count => {
            tell(&format!(
                "{count} of them cannot be told yet: their money stays reserved, and nothing is paid \
                 twice; ask again later, with --wallet for the wallet that began it"
            ));
            Ok(exit_code::PAYMENT_UNKNOWN)
        }
    }
}

/// Returns a client with the wallet that is named, or else with those that the home folder prefers.
async fn client(
    journal: Journal,
    wallet: Option<&Node>,
    context: &Context,
) -> Result<Client, CliError> {
    let builder = Client::builder(journal).clock(context.clock.clone());
    Ok(with_wallet(builder, wallet, context).await?.build()?)
}

fn row(before: State, entry: &Entry) -> Value {
    json!({
        "payment_hash": entry.payment_hash.to_string(),
        "url": format!("{}{}", entry.origin, entry.path),
        "amount_msat": entry.amount.msat(),
        "before": before.name(),
        "state": entry.state.name(),
        "note": entry.note,
    })
}

fn text(outcomes: &[(State, Entry)]) -> String {
    if outcomes.is_empty() {
        return "the outcome of every payment is known\n".to_owned();
    }
    let line = |(before, entry): &(State, Entry)| {
        let note = match entry.note.as_str() {
            "" => String::new(),
            note => format!(" ({})", escape(note)),
        };
        format!(
            "{}  {} is {}{note}: {} for {}\n",
            short(&entry.payment_hash),
            before.name(),
            entry.state.name(),
            entry.amount,
            place(entry)
        )
    };
    outcomes.iter().map(line).collect()
}
