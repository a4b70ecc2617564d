//! `l402 payments`: the journal of payments.

use clap::{Args, ValueEnum};
use l402_client::{Entry, Journal, State};
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::text::output::{OutputArgs, tell};
use crate::text::plain::escape_short;

/// List what was bought, newest first
///
/// The journal is written before money moves, so it also shows payments whose outcome nobody
/// knows yet. It holds no preimage and no token.
#[derive(Args, Debug)]
#[command(after_help = "\
States:
  intent         written down, the wallet not asked: now under way, or abandoned
  failed         failed for certain; no money moved
  paid           paid, the answer not had in full: run the same command again
  paid_no_proof  the wallet says paid, and its proof does not hold
  served         paid, and the answer was had
  refused        paid, and the server refused the credential for good
  unknown        the wallet was asked, nobody knows yet; the money stays reserved

Examples:
  l402 payments
  l402 payments --limit 5 --state unknown
  l402 payments --json | jq 'map(.paid_msat) | add'")]
pub(crate) struct Payments {
    /// Show at most so many [default: all as JSON, 50 as text]
    #[arg(long, value_name = "N")]
    limit: Option<usize>,

    /// Show all of them
    #[arg(long, conflicts_with = "limit")]
    all: bool,

    /// Only those in this state
    #[arg(long)]
    state: Option<StateName>,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// The rows that a person is shown: a screen or two.
const ROWS_SHOWN: usize = 50;

/// A state, as the journal names it.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum StateName {
    Failed,
    Intent,
    Paid,
    PaidNoProof,
    Refused,
    Served,
    Unknown,
}

impl From<StateName> for State {
    fn from(name: StateName) -> Self {
        match name {
            StateName::Failed => Self::Failed,
            StateName::Intent => Self::Intent,
            StateName::Paid => Self::Paid,
            StateName::PaidNoProof => Self::PaidNoProof,
            StateName::Refused => Self::Refused,
            StateName::Served => Self::Served,
            StateName::Unknown => Self::Unknown,
        }
    }
}

impl Payments {
    pub(crate) fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        let journal = Journal::open(&context.home.client()?)?;
        let mut entries = self.entries(&journal)?;
        let (found, out) = (entries.len(), self.output.open());
        entries.truncate(self.most(out.is_json()));
        let rows = Value::Array(entries.iter().map(row).collect());
        out.result(&rows, || table(&entries))?;
        // Also where a program reads stdout: an array has no place for it, and a person may watch.
        if entries.len() < found {
            tell(&format!(
                "the newest {} of {found} are shown; --all shows the others",
                entries.len()
            ));
        }
        Ok(exit_code::OK)
    }

    /// Returns the number of entries to show. A program gets all of them unless it says how many: it
    /// would take a part for the whole, and add it up.
    fn most(&self, is_json: bool) -> usize {
        let default = if is_json { usize::MAX } else { ROWS_SHOWN };
        match self.limit {
            Some(limit) => limit,
            None if self.all => usize::MAX,
            None => default,
        }
    }

    /// Returns all entries, or those in the state that was asked for.
    fn entries(&self, journal: &Journal) -> Result<Vec<Entry>, CliError> {
        let mut entries = journal.entries(usize::MAX)?;
        if let Some(state) = self.state.map(State::from) {
            entries.retain(|entry| entry.state == state);
        }
        Ok(entries)
    }
}

fn row(entry: &Entry) -> Value {
    json!({
        "payment_hash": entry.payment_hash.to_string(),
        "url": format!("{}{}", entry.origin, entry.path),
        "origin": entry.origin,
        "path": entry.path,
        "state": entry.state.name(),
        "amount_msat": entry.amount.msat(),
        "fee_msat": entry.fee.msat(),
        "paid_msat": moved(entry),
        "created": entry.created.secs(),
        "updated": entry.updated.secs(),
        "note": entry.note,
    })
}

/// Returns the amount that certainly left the wallet, fee included.
fn moved(entry: &Entry) -> u64 {
    match entry.state {
        // Of an open payment nothing is certain yet, though its amount stays reserved.
        State::Paid | State::PaidNoProof | State::Refused | State::Served => {
            entry.amount.saturating_add(entry.fee).msat()
        }
        _ => 0,
    }
}

fn table(entries: &[Entry]) -> String {
    if entries.is_empty() {
        return "nothing was bought yet\n".to_owned();
    }
    let mut text = format!(
        "{:<20}  {:<13}  {:>10}  {:>8}  {:<12}  {}\n",
        "when (UTC)", "state", "amount", "fee", "payment", "what"
    );
    for entry in entries {
        let hash: String = entry.payment_hash.to_string().chars().take(12).collect();
        let what = escape_short(&format!("{}{}", entry.origin, entry.path), 80);
        text += &format!(
            "{:<20}  {:<13}  {:>10}  {:>8}  {hash}  {what}\n",
            crate::text::when::utc(entry.created),
            entry.state.name(),
            entry.amount.to_string(),
            entry.fee.to_string(),
        );
    }
    text
}
