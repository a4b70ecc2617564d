//! `l402 backup`: the whole home in one file.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::backup;
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::text::output::OutputArgs;

/// Copy the whole home into one file
///
/// Keys, ledger, books, journal, wallets and agents, each database as it is at one moment, while
/// gateways and buyers run. The file is a tar archive that its owner alone can read. It holds every
/// secret of the home: keep it as you keep money. Where agents spend, the operator's passphrase is asked.
///
/// Not in it: a Lightning node in this program (`l402 node backup` copies what can be copied of one),
/// and a ledger in PostgreSQL (pg_dump).
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 backup /media/stick/l402.tar
  l402 --home /var/lib/l402 backup l402-monday.tar --json
  l402 restore l402-monday.tar --home /var/lib/l402-again")]
pub(crate) struct Backup {
    /// The file to make. One that exists is left as it is
    #[arg(value_name = "FILE")]
    file: PathBuf,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

impl Backup {
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        let out = self.output.open();
        backup::refuse_stream(&self.file)?;
        let (home, made) = (
            context.home.path().to_owned(),
            context.clock.wall().to_rfc3339(),
        );
        // A mistyped home would else be an empty backup, and be missed when it is needed.
        if !home.is_dir() {
            let text = format!("there is no folder {}", home.display());
            return Err(CliError::local_io(text)
                .with_hint("name the home: --home DIR, or the variable L402_HOME"));
        }
        out.tell(&format!("copying {}", home.display()));
        let to = std::path::absolute(&self.file).map_err(CliError::internal)?;
        let file = to.display().to_string();
        let packed = tokio::task::spawn_blocking(move || backup::pack(&home, &to, &made)).await;
        let packed = packed.map_err(CliError::internal)??;
        // Told and in the answer: whoever counts on the backup must not count on the coins in it.
        if packed.leaves_node_out {
            out.tell("the node in the folder ldk is not in it; see l402 node backup --help");
        }
        let value = json!({
            "file": file,
            "files": packed.files,
            "bytes": packed.bytes,
            "leaves_node_out": packed.leaves_node_out,
        });
        out.result(&value, || {
            format!(
                "{} files, {} bytes, in {file}\nit holds secrets: keep it as you keep money\n",
                packed.files, packed.bytes
            )
        })?;
        Ok(exit_code::OK)
    }
}
