//! `l402 restore`: a home from a backup.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use l402::KeyNumber;
use l402_gateway::{Config, Home};
use l402_host::Clock;
use serde_json::json;

use crate::backup;
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::seller::{of_configuration, of_gateway};
use crate::text::output::OutputArgs;

/// Put a home back from a backup
///
/// The home must not be in use, and is empty or not there; --replace moves one that is there aside,
/// and deletes nothing. A backup that does not hold together changes nothing.
///
/// What was sold and spent since the backup nobody knows. So the next key number begins: tokens for
/// a number of answers that were sold before are refused (402 `revoked`), tokens for a time work to
/// their end. What a buyer has paid since then is not in the restored journal either, and limits are
/// those of the backup: where agents spend, the operator's passphrase of that time is asked.
///
/// A ledger in PostgreSQL is in no backup. If you have put it back from a dump, too, say so with
/// --ledger-restored: else what was spent since the dump could be used again.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 restore l402.tar --home /var/lib/l402-again
  l402 restore l402.tar --replace --config /etc/l402.toml
  l402 restore l402.tar --config /etc/l402.toml --ledger-restored")]
pub(crate) struct Restore {
    /// The backup
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Move the home that is there aside, to HOME.before-1
    #[arg(long)]
    replace: bool,

    /// Read the gateway's configuration file (TOML), to find its keys [default: the home folder's]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Begin the next key number in PostgreSQL, too: its ledger was put back from a dump
    #[arg(long, requires = "config")]
    ledger_restored: bool,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

impl Restore {
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        let out = self.output.open();
        backup::refuse_stream(&self.file)?;
        let config = match &self.config {
            Some(path) => {
                Config::from_file(path).map_err(|mistakes| of_configuration(&mistakes))?
            }
            None => Config::default(),
        };
        let home = std::path::absolute(context.home.path()).map_err(CliError::internal)?;
        let shown = home.display().to_string();
        let (clock, replaces, file) = (Arc::clone(&context.clock), self.replace, self.file);
        #[cfg(feature = "buy")]
        let (context, runtime) = (context.clone(), tokio::runtime::Handle::current());
        let ledger_restored = self.ledger_restored;
        let work = move || {
            let mut number = None;
            // In the new folder: whatever is refused there leaves the home as it is.
            let restored = backup::restore(&file, &home, replaces, |new| {
                #[cfg(feature = "buy")]
                runtime.block_on(crate::operator::require_restored(new, &context))?;
                number = begin(&config, new, &*clock, ledger_restored)?;
                Ok(())
            })?;
            Ok::<_, CliError>((restored, number))
        };
        // Files are read and written, which would block a thread of the runtime.
        let done = tokio::task::spawn_blocking(work).await;
        let (restored, number) = done.map_err(CliError::internal)??;
        let value = json!({
            "home": shown,
            "files": restored.files,
            "made": restored.made,
            "moved": restored.moved,
            "number": number.map(|number| number.0),
        });
        out.result(&value, || text(&shown, &restored, number))?;
        Ok(exit_code::OK)
    }
}

/// Begins the next key number in the new folder.
fn begin(
    config: &Config,
    folder: &Path,
    clock: &dyn Clock,
    ledger_restored: bool,
) -> Result<Option<KeyNumber>, CliError> {
    let home = Home::at(folder).map_err(|error| CliError::local_io(error.to_string()))?;
    let begun = l402_gateway::begin_restored(config, &home, clock, ledger_restored);
    begun.map_err(|error| of_gateway(&error, &[]))
}

fn text(home: &str, restored: &backup::Restored, number: Option<KeyNumber>) -> String {
    let mut text = format!(
        "{} files of {} are back in {home}\n",
        restored.files, restored.made
    );
    if let Some(number) = number {
        text.push_str(&format!(
            "key number {} begins: tokens for a number of answers that were sold before are \
             refused\n\
             repeat every revoke, keys retire and keys rotate since the backup before you start: it does not \
             know of them\n",
            number.0
        ));
    }
    if let Some(moved) = &restored.moved {
        text.push_str(&format!("the home of before lies in {}\n", moved.display()));
    }
    text
}
