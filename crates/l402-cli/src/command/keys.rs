//! `l402 keys`: the master keys of a seller, by number.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use l402::{KeyNumber, UnixTime};
use l402_gateway::{GatewayError, SellerKeys};
use serde_json::Value;

use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::keys as report;
use crate::revoke::time;
use crate::seller::{StoreArgs, of_gateway};
use crate::text::output::OutputArgs;

/// List the keys that sign what you sell, begin the next one, end an old one
///
/// Every token holds the number of the key that minted it. One number mints; tokens of the earlier
/// ones work to their end. All of it works while gateways run, and while none does.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 keys list
  l402 keys rotate
  l402 keys rotate --new-master --config l402.toml
  l402 keys retire 1 --until 2027-01-01T00:00:00Z
  l402 keys export 2 --secret key-2.txt")]
pub(crate) struct Keys {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(ListArgs),
    Rotate(RotateArgs),
    Retire(RetireArgs),
    Export(ExportArgs),
}

/// Show each number, and which gateways have its key
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 keys list
  l402 keys list --json | jq '.keys[] | select(.state == \"mints\")'")]
struct ListArgs {
    #[command(flatten)]
    stores: StoreArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// Begin the next key number
///
/// Without --new-master it has the master key of the number that mints now, and no file has to be
/// copied. No gateway has to be restarted, and no request fails. The number waits until every
/// running gateway has heard of it, and mints then.
///
/// After a master key was seen by somebody else, begin a new one with --new-master, and then retire
/// every number of the old one.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 keys rotate
  l402 keys rotate --new-master --config l402.toml")]
struct RotateArgs {
    /// Make a new master key for it, in a new file in the home folder
    #[arg(long)]
    new_master: bool,

    #[command(flatten)]
    stores: StoreArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// End a number: from then on its tokens are refused (402 `expired`), paid ones too
///
/// The number that mints cannot end: rotate first. A number that waits never mints then. An end
/// comes only nearer, and nobody gets money back by it.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 keys retire 1
  l402 keys retire 1 --until 2027-01-01T00:00:00Z")]
struct RetireArgs {
    /// The number of the key, as `keys list` shows it
    #[arg(value_name = "NUMBER")]
    number: u16,

    /// End it at this time, such as 2027-01-01T00:00:00Z [default: now]
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<UnixTime>,

    #[command(flatten)]
    stores: StoreArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// Show one number, and write its master key into a file if asked
///
/// The key itself is never printed.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 keys export 2
  l402 keys export 2 --secret key-2.txt")]
struct ExportArgs {
    /// The number of the key, as `keys list` shows it
    #[arg(value_name = "NUMBER")]
    number: u16,

    /// Write the master key into this new file, which only its owner can read
    #[arg(long, value_name = "FILE")]
    secret: Option<PathBuf>,

    #[command(flatten)]
    stores: StoreArgs,

    #[command(flatten)]
    output: OutputArgs,
}

impl Keys {
    pub(crate) fn output(&self) -> OutputArgs {
        match &self.action {
            Action::List(args) => args.output,
            Action::Rotate(args) => args.output,
            Action::Retire(args) => args.output,
            Action::Export(args) => args.output,
        }
    }

    fn stores(&self) -> &StoreArgs {
        match &self.action {
            Action::List(args) => &args.stores,
            Action::Rotate(args) => &args.stores,
            Action::Retire(args) => &args.stores,
            Action::Export(args) => &args.stores,
        }
    }

    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        let (out, now) = (self.output().open(), context.clock.wall());
        let (stores, config) = self.stores().open(context)?;
        let keys = SellerKeys::of(&config, stores.home());
        // Files and ledger are read and written, which would block a thread of the runtime.
        let done = tokio::task::spawn_blocking(move || self.action.run(&keys, now));
        let done = done.await.map_err(CliError::internal)?;
        let (value, text) = done.map_err(|error| of_gateway(&error, &[]))?;
        out.result(&value, || text)?;
        Ok(exit_code::OK)
    }
}

impl Action {
    fn run(self, keys: &SellerKeys, now: UnixTime) -> Result<(Value, String), GatewayError> {
        let (line, file, text) = match self {
            Self::List(_) => {
                let lines = keys.list()?;
                return Ok((report::list(&lines, now), report::list_text(&lines, now)));
            }
            Self::Rotate(args) if args.new_master => {
                // The name of the file alone: the key is never shown, so that no log or screen has it.
                let (line, file) = keys.rotate_master(now)?;
                let text = report::line_text(&line, Some(&file), now);
                (line, Some(file), text)
            }
            Self::Rotate(_) => {
                let line = keys.rotate(now)?;
                let text = report::line_text(&line, None, now);
                (line, None, text)
            }
            Self::Retire(args) => {
                // Now, unless a time is named: whoever retires a key mostly fears for it.
                let line = keys.retire(KeyNumber(args.number), args.until.unwrap_or(now))?;
                let text = report::line_text(&line, None, now);
                (line, None, text)
            }
            Self::Export(args) => {
                let number = KeyNumber(args.number);
                // Before the file: a number that there is not leaves none behind.
                let line = keys.line(number)?;
                let text = match &args.secret {
                    Some(file) => {
                        keys.write_secret(number, file)?;
                        report::exported(&line, file)
                    }
                    None => report::line_text(&line, None, now),
                };
                (line, args.secret, text)
            }
        };
        let mut value = report::line(&line, now);
        value["file"] = file.map(|file| file.display().to_string()).into();
        Ok((value, text))
    }
}
