//! `l402 ledger`: the ledger of a gateway as a whole.

use clap::{Args, Subcommand};
use l402_gateway::Home;
use l402_host::PostgresUrl;
use serde_json::json;

use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::seller::of_gateway;
use crate::text::output::OutputArgs;

/// Work on the ledger of a gateway as a whole
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 ledger copy --to 'postgres://l402@db.example/l402?sslmode=verify-full'")]
pub(crate) struct LedgerCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Copy(Copy),
}

/// Copy the home's ledger into an empty PostgreSQL, so that further gateways can share it
///
/// End the gateway first. Payments with their uses, keys, revocations, which ledger it is, and the books
/// go over in one transaction: no paid token is lost, and no spent one fresh. Then write the address into the
/// configuration and start the gateway again. The file stays; a start on it is refused from then on.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 ledger copy --to 'postgres://l402@db.example/l402?sslmode=verify-full'
  l402 ledger copy --to postgres://l402@%2Frun%2Fpostgresql/l402

Then in the configuration:
  [ledger]
  url = \"postgres://l402@db.example/l402?sslmode=verify-full\"")]
struct Copy {
    /// The address of the database
    #[arg(long, value_name = "URL")]
    to: PostgresUrl,

    #[command(flatten)]
    output: OutputArgs,
}

impl LedgerCommand {
    pub(crate) fn output(&self) -> OutputArgs {
        let Command::Copy(copy) = &self.command;
        copy.output
    }

    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        let Command::Copy(copy) = self.command;
        copy.run(context).await
    }
}

impl Copy {
    async fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        let (out, to) = (self.output.open(), self.to);
        // Without the password, which an address shows to nobody.
        let shown = to.to_string();
        let folder = context.home.path();
        // `Home::at` makes a folder that is missing, and an empty ledger must not be copied for a mistyped one.
        // Looked for first: a ledger must not be made here just to be copied.
        if !folder.join("gateway.db").is_file() {
            let text = format!("there is no ledger in {}", folder.display());
            return Err(CliError::local_io(text)
                .with_hint("name the gateway's home: --home DIR, or the variable L402_HOME"));
        }
        let home = Home::at(folder).map_err(|error| CliError::local_io(error.to_string()))?;
        let work = move || {
            l402_gateway::copy_ledger(&home, &to, |payments| {
                if payments % 100_000 == 0 {
                    out.tell(&format!("{payments} payments so far"));
                }
            })
        };
        let copied = tokio::task::spawn_blocking(work).await;
        let copied = copied.map_err(CliError::internal)?;
        let copied = copied.map_err(|error| of_gateway(&error, &[]))?;
        let value = json!({
            "to": shown,
            "payments": copied.payments,
            "revocations": copied.revocations,
            "entries": copied.entries,
        });
        out.result(&value, || {
            format!(
                "{} payments, {} revocations and {} entries of the books are in {shown}\nnow write it \
                 into the configuration: [ledger] url = \"…\"\n",
                copied.payments, copied.revocations, copied.entries
            )
        })?;
        Ok(exit_code::OK)
    }
}
