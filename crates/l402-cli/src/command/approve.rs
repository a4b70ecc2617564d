//! `l402 approve`: payments of agents that wait for a person.

use clap::Args;
use l402_client::Journal;
use serde_json::json;

use crate::agent;
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::signal::Stop;
use crate::text::output::OutputArgs;

/// List the payments that wait for you, and approve or deny one
///
/// Each shows the amount, who gets it, the server, and the agent that wants it. A payment waits ten
/// minutes. Once approved, the agent makes the same call again, and pays once, at most what was
/// shown, within ten minutes. A no holds as long.
///
/// The operator's passphrase is asked at the terminal, if an agent was ever added.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 approve                      what waits
  l402 approve 7
  l402 approve 7 --deny
  l402 approve --page               decide in a browser on this machine")]
pub(crate) struct Approve {
    /// The number of the payment
    #[arg(value_name = "ID", conflicts_with = "page")]
    id: Option<i64>,

    /// Say no
    #[arg(long, requires = "id")]
    deny: bool,

    /// Serve a page on this machine until Ctrl-C, and print its address
    #[arg(long)]
    page: bool,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

impl Approve {
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        let output = self.output.open();
        let (value, text) = match self.id {
            // It asks for the passphrase itself, after it has shown the payment.
            Some(id) => agent::decide(id, !self.deny, context).await?,
            None if self.page => return self.page(context).await,
            None => agent::waiting(context)?,
        };
        output.result(&value, || text)?;
        Ok(exit_code::OK)
    }

    async fn page(&self, context: &Context) -> Result<ExitCode, CliError> {
        let journal = Journal::open(&context.home.client()?)?;
        // Before the address is printed: a script that has read it may send a signal at once.
        let stop = Stop::listen()?;
        let page = agent::serve_page(context, journal).await?;
        let output = self.output.open();
        output.machine(&json!({ "url": page.url().as_str() }))?;
        output.tell(&format!("{} shows what waits; Ctrl-C ends it", page.url()));
        stop.requested().await;
        Ok(exit_code::OK)
    }
}
