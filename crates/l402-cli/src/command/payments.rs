//! `l402 payments`: the journal of payments.

use clap::{Args, Subcommand, ValueEnum};
use l402_client::{EntryQuery, Journal, State};

use crate::buyer::WalletArg;
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::get::RepeatArgs;
use crate::purchases::{self, RowCount, find, id};
use crate::text::output::OutputArgs;
use crate::text::when::Moment;

/// List what was bought, newest first
///
/// The journal is written before money moves, so it also shows payments whose outcome nobody
/// knows yet. This list holds no preimage and no token.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
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
  l402 payments --unserved                  paid, and never answered
  l402 payments --totals --since 30d        by day and by origin
  l402 payments --origin api.example --since 2026-11-01
  l402 payments --json | jq 'map(.paid_msat) | add'
  l402 payments resolve
  l402 payments resume 1f0c93ab22d4")]
pub(crate) struct Payments {
    #[command(subcommand)]
    action: Option<Action>,

    /// Show at most so many [default: all as JSON, 50 as text]
    #[arg(long, value_name = "N")]
    limit: Option<u32>,

    /// Show all of them
    #[arg(long, conflicts_with = "limit")]
    all: bool,

    /// Only those in this state
    #[arg(long)]
    state: Option<StateName>,

    /// Only what was paid and never answered: paid, paid_no_proof and refused
    #[arg(long, conflicts_with = "state")]
    unserved: bool,

    /// Only since a day, a time, or so long ago: 2026-11-01, 12h, 7d
    #[arg(long, value_name = "WHEN")]
    since: Option<Moment>,

    /// Only at this origin: https://api.example, or without the scheme
    #[arg(long, value_name = "ORIGIN")]
    origin: Option<String>,

    /// Add up what was paid, by day and by origin
    #[arg(long)]
    totals: bool,

    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Subcommand)]
enum Action {
    Resolve(Resolve),
    Resume(Resume),
}

/// Ask the wallet about every payment whose outcome is unknown
///
/// Tells each outcome. Nothing is paid, and nothing is begun again. Exits with 14 if the outcome of
/// one is still unknown.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 payments resolve
  l402 payments resolve --wallet alby       the wallet that began them")]
struct Resolve {
    #[command(flatten)]
    wallet: WalletArg,

    #[command(flatten)]
    output: OutputArgs,
}

/// Present a payment that was never answered once more, and write the answer
///
/// Pays nothing, whatever the server answers. The request is repeated: a plain GET, HEAD or DELETE
/// needs nothing but ID; one with data needs the same data, and any other method its name. The journal
/// has a digest of method, query and body, and nothing is sent for another request than the one that was
/// paid for. The body, and nothing else, goes to stdout; of HEAD it is the head.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 payments --unserved
  l402 payments resume 1f0c93ab22d4
  l402 payments resume 1f0c93ab22d4 -o answer
  l402 payments resume 1f0c93ab22d4 --url 'https://api.example/s?q=why'
  l402 payments resume 1f0c93ab22d4 --json @question.json
  l402 payments resume 1f0c93ab22d4 -X PUT --data-binary @photo.jpg")]
struct Resume {
    /// The first digits of the payment hash
    #[arg(value_name = "ID", value_parser = id)]
    id: String,

    #[command(flatten)]
    repeat: RepeatArgs,
}

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
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        match self.action {
            Some(Action::Resolve(resolve)) => {
                let out = resolve.output.open();
                purchases::resolve(resolve.wallet.as_ref(), context, out).await
            }
            Some(Action::Resume(wanted)) => {
                let journal = Journal::open(&context.home.client()?)?;
                let entry = find(&journal, &wanted.id)?;
                wanted.repeat.resume((journal, &entry), context).await
            }
            None => self.list(context),
        }
    }

    fn list(&self, context: &Context) -> Result<ExitCode, CliError> {
        let journal = Journal::open(&context.home.client()?)?;
        let (query, out) = (self.query(context), self.output.open());
        let wanted = match self.limit {
            Some(limit) => RowCount::Most(limit),
            None if self.all => RowCount::All,
            None => RowCount::Default,
        };
        if self.totals {
            purchases::totals(&journal, &query, wanted, out)?;
        } else {
            purchases::list(&journal, &query, wanted, out)?;
        }
        Ok(exit_code::OK)
    }

    fn query(&self, context: &Context) -> EntryQuery {
        let mut query = EntryQuery::default();
        if let Some(state) = self.state {
            query = query.in_states([State::from(state)]);
        }
        if self.unserved {
            query = query.in_states(State::UNSERVED);
        }
        if let Some(since) = self.since {
            query = query.since(since.before(context.clock.wall()));
        }
        if let Some(origin) = &self.origin {
            // As a browser shows it.
            query = query.of_origin(origin.trim_end_matches('/').to_lowercase());
        }
        query
    }

    /// Returns true if an error is also printed to stdout as JSON.
    pub(crate) fn reports_errors_as_json(&self) -> bool {
        match &self.action {
            // Its stdout is for the body alone.
            Some(Action::Resume(_)) => false,
            Some(Action::Resolve(resolve)) => resolve.output.open().is_json(),
            None => self.output.open().is_json(),
        }
    }
}
