//! `l402 replay`: a paid answer again, for nothing.

use std::path::PathBuf;

use clap::Args;
use l402_client::Journal;

use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::purchases::{self, find, id};

/// Give a paid answer again: nothing is asked and nothing is paid
///
/// Paid answers that `l402 get` had to their end are kept for 30 days, encrypted: up to 64 MiB each and
/// 512 MiB in all, the oldest make way. Of a token for several answers it is the newest one. An answer
/// that was changed on the disk is an error, and no part of it is shown. If the key, client/vault.key,
/// is lost, so are the answers, and nothing else. To keep none, write in client.toml:
///
/// [vault]
/// enabled = false
///
/// The body, and nothing else, goes to stdout.
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
#[command(after_help = "\
Examples:
  l402 payments                             lists the payments
  l402 replay 1f0c93ab22d4
  l402 replay 1f0c93ab22d4 -o answer.json")]
pub(crate) struct Replay {
    /// The first digits of the payment hash
    #[arg(value_name = "ID", value_parser = id)]
    id: String,

    /// Write the body to this file (- is stdout)
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Replay {
    pub(crate) fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        let journal = Journal::open(&context.home.client()?)?;
        let entry = find(&journal, &self.id)?;
        purchases::replay(&journal, &entry, self.output.as_deref())?;
        Ok(exit_code::OK)
    }
}
