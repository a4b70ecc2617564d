//! `l402 demo`: seller, buyer and wallet in one program, on this machine.

mod purchase;
mod shop;
mod upstream;

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use l402_lightning::sandbox::{Sandbox, serve_api};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::sandbox;
use crate::exit_code::ExitCode;
use crate::output::style::{self, paint};
use crate::output::{Output, OutputArgs};
use crate::signal::Stop;
use crate::{CliError, Context};
use upstream::GOODS;

/// Play all of it on this machine: a paid API, a wallet with play money, a first purchase
///
/// Starts an ordinary HTTP service, a gateway with prices before it, and the sandbox; buys one
/// joke and shows each step; then goes on serving, for you to try. Needs no node, no network and
/// no account. The money is play money.
#[derive(Args, Debug)]
#[command(after_help = "\
For sale: /api/l402/joke 50 sat, /api/l402/fortune 50 sat, /api/l402/quote 10 sat (GET and POST).

Examples:
  l402 demo
  l402 demo --once                buy one joke, show each step, end
  l402 demo --once --json         the same as one JSON object")]
pub(crate) struct Demo {
    /// The gateway listens here
    #[arg(long, default_value = "127.0.0.1:8402", value_name = "ADDR")]
    listen: SocketAddr,

    /// End after the first purchase; takes a free port where the address is taken
    #[arg(long)]
    once: bool,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// How long requests in flight may take to end.
const DRAIN: Duration = Duration::from_secs(10);
/// Where the sandbox's HTTP API is looked for.
const SANDBOX_API: &str = "127.0.0.1:8403";

impl Demo {
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        let out = self.output.open();
        let upstream = upstream::start().await?;
        let serving = shop::open(self.listen, upstream, self.once, context).await?;
        let address = *serving
            .gateway
            .local_addrs()
            .first()
            .ok_or_else(|| CliError::internal("the gateway listens nowhere"))?;
        let outcome = self.play(address, out, context).await;
        // Also after a failed purchase, what the gateway knows becomes durable.
        let stopped = serving.stop(DRAIN).await;
        outcome.and(stopped)
    }

    async fn play(
        &self,
        address: SocketAddr,
        out: Output,
        context: &Context,
    ) -> Result<(), CliError> {
        let sandbox = sandbox::open(context)?;
        out.tell(&format!(
            "{} on http://{address}, before an ordinary HTTP service. Play money throughout.\n",
            paint(style::TITLE, "a paid API")
        ));
        let api = if self.once {
            None
        } else {
            Some(offer_api(sandbox.clone()).await?)
        };
        let mut report = purchase::buy_a_joke(address, &sandbox, out, context).await?;
        if let Value::Object(fields) = &mut report {
            fields.insert("listening".to_owned(), json!([address.to_string()]));
            fields.insert(
                "sandbox_api".to_owned(),
                json!(api.map(|api| format!("http://{api}"))),
            );
        }
        let stop = Stop::listen()?;
        out.machine(&report)?;
        if let Some(api) = api {
            out.tell(&what_next(address, api, context));
            stop.requested().await;
            out.tell("stopping (Ctrl-C again stops at once)");
        }
        Ok(())
    }
}

/// The sandbox's API for as long as the program runs, on its own port or a free one.
async fn offer_api(sandbox: Sandbox) -> Result<SocketAddr, CliError> {
    let listener = match TcpListener::bind(SANDBOX_API).await {
        Ok(listener) => listener,
        Err(_) => TcpListener::bind("127.0.0.1:0")
            .await
            .map_err(CliError::internal)?,
    };
    let address = listener.local_addr().map_err(CliError::internal)?;
    tokio::spawn(async move {
        if let Err(error) = serve_api(sandbox, listener, std::future::pending()).await {
            tracing::warn!(%error, "the sandbox's API ended");
        }
    });
    Ok(address)
}

/// What to type next, in another terminal.
fn what_next(address: SocketAddr, api: SocketAddr, context: &Context) -> String {
    let Context { program, home, .. } = context;
    let home = home.as_option();
    let prices: Vec<String> = GOODS
        .iter()
        .map(|good| {
            format!(
                "  http://{address}{:<20} {:>3} sat",
                good.path(),
                good.price_sat
            )
        })
        .collect();
    // The examples look for the API on its usual port unless they are told.
    let elsewhere = if api.to_string() == SANDBOX_API {
        String::new()
    } else {
        format!("L402_SANDBOX=http://{api} ")
    };
    let title = |text: &str| paint(style::TITLE, text);
    format!(
        "\n{}\n{}\n\n{} (in another terminal)\n  \
         {program} {home}get http://{address}/api/l402/joke --dry-run\n  \
         {program} {home}get http://{address}/api/l402/fortune --wallet sandbox\n  \
         curl -i http://{address}/api/l402/quote\n  \
         {program} {home}doctor http://{address}/api/l402/quote\n  \
         {program} {home}payments\n\n\
         {}\n  cd examples/python && pip install -r requirements.txt && \
         {elsewhere}python l402_client.py http://{address}/api/l402/joke\n\n\
         {}\n  {program} {home}serve --upstream http://127.0.0.1:3000 --price \"50 sat\" \
         --listen 127.0.0.1:8404\n\n\
         The sandbox's API is http://{api}. Ctrl-C ends the demo.",
        title("For sale"),
        prices.join("\n"),
        title("Try"),
        title("From another language"),
        title("Sell something of your own"),
    )
}
