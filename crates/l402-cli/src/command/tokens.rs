//! `l402 tokens`: the tokens that were bought, and what is left of them.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use l402_client::{Journal, Narrowing};

use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::purchases::{self, Destination, RowCount, find, id};
use crate::text::output::OutputArgs;
use crate::text::when::Moment;

/// List the tokens that were bought, and hand them on
///
/// A token is what a payment bought: one answer, ten, or an hour of them. `l402 get` presents it by
/// itself as long as it is good. `l402 token inspect` looks into a token that came from elsewhere.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 tokens list
  l402 tokens show 1f0c93ab22d4
  l402 tokens attenuate 1f0c93ab22d4 --expires 1h -o narrow.l402
  l402 tokens forget 1f0c93ab22d4")]
pub(crate) struct Tokens {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(List),
    Show(Show),
    Forget(Forget),
    Export(Export),
    Attenuate(Attenuate),
}

/// List the tokens that are still good, newest first
///
/// The uses and the time that are left are those that the last answer named, or else those that the
/// token itself names. Only the seller knows for sure. Times are in UTC.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 tokens list
  l402 tokens list --ended                  also those that are used up
  l402 tokens list --json | jq '.[].uses_left'")]
struct List {
    /// Also those that have ended, are used up, refused or forgotten
    #[arg(long)]
    ended: bool,

    /// Show at most so many [default: all as JSON, 50 as text]
    #[arg(long, value_name = "N")]
    limit: Option<u32>,

    /// Show all of them
    #[arg(long, conflicts_with = "limit")]
    all: bool,

    #[command(flatten)]
    output: OutputArgs,
}

/// Show what a token is good for
///
/// Neither the token nor its preimage is shown: `l402 tokens export` writes them.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  l402 tokens show 1f0c93ab22d4")]
struct Show {
    /// The first digits of the payment hash
    #[arg(value_name = "ID", value_parser = id)]
    id: String,

    #[command(flatten)]
    output: OutputArgs,
}

/// Stop presenting a token
///
/// The purchase stays in the journal. The next request at its place pays again.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 tokens forget 1f0c93ab22d4
  l402 tokens forget 1f0c93ab22d4 --yes")]
struct Forget {
    /// The first digits of the payment hash
    #[arg(value_name = "ID", value_parser = id)]
    id: String,

    /// Do not ask
    #[arg(long)]
    yes: bool,

    #[command(flatten)]
    output: OutputArgs,
}

/// The place that a credential is written to.
#[derive(Args, Debug)]
struct DestinationArgs {
    /// Write it to this new file, for this user alone, and not to stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Write JSON: authorization, token, preimage, payment_hash, origin
    #[arg(long)]
    json: bool,
}

/// Write a token with its preimage, as other programs take it
///
/// Whoever holds it can use what was bought, and every use counts here, too. It is written as the
/// value of the header Authorization, on stdout or to a file that only this user can read.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 tokens export 1f0c93ab22d4 -o quote.l402
  curl -H \"Authorization: $(cat quote.l402)\" URL
  l402 tokens export 1f0c93ab22d4 --json -o quote.json")]
struct Export {
    /// The first digits of the payment hash
    #[arg(value_name = "ID", value_parser = id)]
    id: String,

    #[command(flatten)]
    to: DestinationArgs,
}

/// Make a narrower token of a bought one, to hand on
///
/// The new token has fewer rights, and nobody can take the limits off again. Its uses are those of the
/// same payment. Only service, capabilities and end can be narrowed: a seller skips a condition that it
/// does not know, so that a path would limit nothing.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 tokens attenuate 1f0c93ab22d4 --expires 1h
  l402 tokens attenuate 1f0c93ab22d4 --expires 7d --capability read -o r.l402
  l402 tokens attenuate 1f0c93ab22d4 --service quote --json")]
struct Attenuate {
    /// The first digits of the payment hash
    #[arg(value_name = "ID", value_parser = id)]
    id: String,

    /// End it after so long, or at this time: 1h, 7d, 2026-12-01
    #[arg(long, value_name = "WHEN")]
    expires: Option<Moment>,

    /// Limit it to this service
    #[arg(long, value_name = "NAME")]
    service: Option<String>,

    /// Limit it to this capability; may be given several times
    #[arg(long, value_name = "NAME")]
    capability: Vec<String>,

    #[command(flatten)]
    to: DestinationArgs,
}

impl DestinationArgs {
    fn open(&self) -> Destination<'_> {
        Destination {
            file: self.output.as_deref(),
            json: self.json,
        }
    }
}

impl Tokens {
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        let journal = Journal::open(&context.home.client()?)?;
        let now = context.clock.wall();
        match self.action {
            Action::List(list) => {
                // As `payments` has it.
                let wanted = match list.limit {
                    Some(limit) => RowCount::Most(limit),
                    None if list.all => RowCount::All,
                    None => RowCount::Default,
                };
                let out = list.output.open();
                purchases::list_tokens(&journal, (list.ended, wanted), now, out)?;
            }
            Action::Show(show) => {
                let entry = find(&journal, &show.id)?;
                purchases::show(&journal, &entry, now, show.output.open())?;
            }
            Action::Forget(forget) => {
                let entry = find(&journal, &forget.id)?;
                let done = purchases::forget(&journal, &entry, forget.yes, context).await?;
                let text = match done["forgotten"].as_bool() {
                    Some(true) => "forgotten: it is presented no more\n",
                    _ => "it was not presented any more\n",
                };
                forget.output.open().result(&done, || text.to_owned())?;
            }
            Action::Export(export) => {
                let entry = find(&journal, &export.id)?;
                purchases::export(&journal, &entry, export.to.open())?;
            }
            Action::Attenuate(attenuate) => {
                let entry = find(&journal, &attenuate.id)?;
                let narrowing = Narrowing {
                    service: attenuate.service.clone(),
                    capabilities: attenuate.capability.clone(),
                    expires: attenuate.expires.map(|when| when.after(now)),
                };
                purchases::attenuate(&journal, &entry, &narrowing, attenuate.to.open())?;
            }
        }
        Ok(exit_code::OK)
    }

    /// Returns true if an error is also printed to stdout as JSON.
    pub(crate) fn reports_errors_as_json(&self) -> bool {
        match &self.action {
            Action::List(list) => list.output.open().is_json(),
            Action::Show(show) => show.output.open().is_json(),
            Action::Forget(forget) => forget.output.open().is_json(),
            // Their stdout is for a credential alone.
            Action::Export(export) => export.to.json,
            Action::Attenuate(attenuate) => attenuate.to.json,
        }
    }
}
