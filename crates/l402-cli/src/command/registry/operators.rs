//! `l402 registry serve`, `import`, `export` and `backup`: for the person who runs a registry.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use l402_host::ListenAddress;
use url::Url;

use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::registry::{self, ExportForm, ServeFlags};
use crate::text::address::http_url;
use crate::text::output::OutputArgs;

/// Run a registry: a page for people, an API for programs, and probes all day
///
/// Without a file it listens on this machine alone, keeps its database in L402_HOME/registry, and asks
/// services on this machine, too. One that others can reach asks public addresses over https, and what
/// `allow_addresses` of its file names. It pays nothing, unless [paid] of its file names a wallet and a
/// budget.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 registry serve
  l402 registry serve --print-config > registry.toml
  l402 registry serve --config registry.toml --check
  l402 registry serve --listen 8406 --public-url https://registry.example")]
pub(super) struct Serve {
    /// Read this configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Listen here, a port alone for this machine only; may be repeated [default: 127.0.0.1:8406]
    #[arg(long, value_name = "ADDR")]
    listen: Vec<ListenAddress>,

    /// The address by which people reach it, for links and claims [default: that of the first listener]
    #[arg(long, value_name = "URL", value_parser = http_url)]
    public_url: Option<Url>,

    /// Check the configuration and stop: binds nothing, asks nobody
    #[arg(long)]
    check: bool,

    /// Print the configuration that is in effect, as a file
    #[arg(long, conflicts_with = "check")]
    print_config: bool,

    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// The place of a registry's database on this machine.
#[derive(Args, Debug)]
struct DatabaseArgs {
    /// The configuration file of the registry, which names its database [default: the one in the home folder]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Take over listings of another directory: 402index's or satring's JSON, or an export of ours
///
/// Works on the database of this machine, also while the registry runs. Imported words are the weakest: those
/// of a document, a submission or an owner stay. Each listing is probed as any other.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  curl -o index.json 'https://402index.io/api/v1/services?protocol=L402'
  l402 registry import index.json")]
pub(super) struct Import {
    /// The file; - is stdin
    file: PathBuf,

    #[command(flatten)]
    database: DatabaseArgs,

    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// Write all listings that are shown, to stdout
///
/// Works on the database of this machine, also while the registry runs.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 registry export > registry.json
  l402 registry export --csv > registry.csv
  l402 registry export --atom > feed.xml")]
pub(super) struct Export {
    /// As a table, for spreadsheets
    #[arg(long)]
    csv: bool,

    /// As a feed of the newest listings
    #[arg(long, conflicts_with = "csv")]
    atom: bool,

    /// As JSON, which is the default
    #[arg(long, conflicts_with_all = ["csv", "atom"])]
    json: bool,

    #[command(flatten)]
    database: DatabaseArgs,
}

/// Write a copy of the database to a new file, while the registry runs
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  l402 registry backup registry-2026-12-01.db")]
pub(super) struct Backup {
    /// The new file
    file: PathBuf,

    #[command(flatten)]
    database: DatabaseArgs,

    #[command(flatten)]
    pub(super) output: OutputArgs,
}

impl Serve {
    pub(super) const fn prints_a_file(&self) -> bool {
        self.print_config
    }

    pub(super) async fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        let out = self.output.open();
        let listen = self.listen.into_iter().map(|it| it.0).collect();
        let flags = ServeFlags {
            file: self.config,
            listen,
            public_url: self.public_url,
        };
        let settings = registry::configuration(&flags, context)?;
        if self.print_config {
            // The same for people and machines: it is a file.
            let text = settings.config.print();
            std::io::stdout()
                .write_all(text.as_bytes())
                .map_err(|error| CliError::local_io(format!("stdout: {error}")))?;
            return Ok(exit_code::OK);
        }
        if self.check {
            registry::report_check(&settings, out)?;
            return Ok(exit_code::OK);
        }
        registry::serve(settings, context, out).await?;
        Ok(exit_code::OK)
    }
}

impl Import {
    pub(super) async fn run(self, context: &Context) -> Result<(), CliError> {
        let config = self.database.config.as_deref();
        registry::import(&self.file, config, context, self.output.open()).await
    }
}

impl Export {
    pub(super) async fn run(self, context: &Context) -> Result<(), CliError> {
        let form = match (self.csv, self.atom) {
            (true, _) => ExportForm::Csv,
            (_, true) => ExportForm::Atom,
            _ => ExportForm::Json,
        };
        registry::export(form, self.database.config.as_deref(), context).await
    }
}

impl Backup {
    pub(super) async fn run(self, context: &Context) -> Result<(), CliError> {
        let config = self.database.config.as_deref();
        registry::backup(&self.file, config, context, self.output.open()).await
    }
}
