//! `l402 demo`: seller, buyer and wallet in one program, on this machine.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use l402_host::ListenAddress;

use crate::context::Context;
use crate::demo::{Beside, open_gateway, play, start_upstream};
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::seller::Serving;
use crate::text::output::{Output, OutputArgs};

/// Play all of it on this machine: a paid API, a wallet with play money, a first purchase
///
/// Starts an ordinary HTTP service, a gateway with prices before it, and the sandbox; buys one
/// joke and shows each step; then goes on serving, for you to try. Needs no node, no network and
/// no account. The money is play money.
///
/// A browser that opens one of the addresses meets the price as a page. `l402 wallet pay INVOICE --wallet
/// sandbox` pays the invoice that it shows.
///
/// While it serves it has three ports: 8402 (--listen) sells, 8403 is the sandbox's HTTP API, for
/// wallets in other languages, and 8405 is for its operator: the dashboard, and `l402 admin`. If one of
/// the latter two is taken, a free port stands for it, and the demo says which.
#[derive(Args, Debug)]
#[command(after_help = "\
For sale: /api/l402/joke 50 sat, /api/l402/fortune 50 sat,
/api/l402/quote 10 sat (GET and POST).

Examples:
  l402 demo
  l402 demo --once                buy one joke, show each step, end
  l402 demo --once --json         the same as one JSON object")]
pub(crate) struct Demo {
    /// The gateway listens here
    #[arg(long, default_value = "127.0.0.1:8402", value_name = "ADDR")]
    listen: ListenAddress,

    /// End after the first purchase; takes a free port where the address is taken
    #[arg(long)]
    once: bool,

    #[cfg(feature = "registry")]
    #[command(flatten)]
    directory: crate::demo::DirectoryArgs,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// The longest time that requests in flight may take to end.
const DRAIN: Duration = Duration::from_secs(10);

impl Demo {
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        let out = self.output.open();
        let upstream = start_upstream().await?;
        let serving = open_gateway(self.listen.0, upstream, self.once, context).await?;
        let dashboard = serving.admin.as_ref().map(|admin| admin.place().to_owned());
        let outcome = self.play(&serving, dashboard, out, context).await;
        // Also after a failed purchase, so that the gateway writes its state to disk.
        let stopped = serving.stop(DRAIN).await;
        outcome.and(stopped)
    }

    #[cfg(not(feature = "registry"))]
    async fn play(
        &self,
        serving: &Serving,
        dashboard: Option<String>,
        out: Output,
        context: &Context,
    ) -> Result<(), CliError> {
        let (address, ended) = (address(serving)?, serving.stop_requested());
        play(address, self.once, &beside(dashboard), ended, out, context).await
    }

    /// Plays with a registry beside it, if one is asked for.
    #[cfg(feature = "registry")]
    async fn play(
        &self,
        serving: &Serving,
        dashboard: Option<String>,
        out: Output,
        context: &Context,
    ) -> Result<(), CliError> {
        let (address, ended) = (address(serving)?, serving.stop_requested());
        let mut beside = beside(dashboard);
        let directory = self.directory.open(address, &mut beside, context).await?;
        let played = play(address, self.once, &beside, ended, out, context).await;
        if let Some(directory) = directory {
            directory.end().await;
        }
        played
    }
}

/// Returns the address at which the demo sells.
fn address(serving: &Serving) -> Result<SocketAddr, CliError> {
    let first = serving.gateway.local_addrs().first().copied();
    first.ok_or_else(|| CliError::internal("the gateway listens nowhere"))
}

fn beside(dashboard: Option<String>) -> Beside {
    let mut beside = Beside::default();
    let shown = serde_json::json!(dashboard);
    beside.fields.insert("dashboard".to_owned(), shown);
    beside.dashboard = dashboard;
    beside
}
