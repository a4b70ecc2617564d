//! `l402 mcp`: a wallet for an AI agent.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use l402::Msat;
use l402_client::{BudgetLimit, BudgetLimits, BudgetName, Journal};
use l402_host::ListenAddress;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

use crate::agent;
use crate::buyer::WalletArg;
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::mcp::compat::{self, Means, Profile};
use crate::mcp::purse::Purse;
use crate::mcp::server::{
    self, Absent, JournalApprovals, McpServer, listed, serve_http, serve_stdio,
};
use crate::mcp::tool::{self, Tool};
use crate::port;
use crate::signal::Stop;
use crate::text::hex::hex;
use crate::text::money::MaxFee;
use crate::text::output::{self, OutputArgs};

/// A wallet for an AI agent: tools that buy and pay within limits, over MCP
///
/// An MCP client starts it and speaks with it on stdin and stdout. It pays what is asked within the
/// limits of the agent, and asks a person first above a threshold: `l402 approve`, or the page that
/// the client shows. No tool can raise a limit or approve a payment, and neither can a website.
///
/// With --http it listens on this machine and serves every program that shows the token in
/// mcp.token of the home folder. Web pages are refused. To serve others, put a proxy with TLS in
/// front of it.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 mcp --agent scout --wallet NAME           started by a client of MCP
  l402 mcp --agent scout --compat lightning-wallet
  l402 mcp --agent scout --http 127.0.0.1:8406   for clients of another user

With --http the endpoint is http://127.0.0.1:8406/mcp, with the header
Authorization: Bearer TOKEN, where TOKEN is the content of mcp.token.")]
pub(crate) struct Mcp {
    #[command(flatten)]
    wallet: WalletArg,

    /// Act for this agent of `l402 agent`, within its limits [default: the budget `default`]
    #[arg(long, value_name = "NAME")]
    agent: Option<BudgetName>,

    /// Serve over HTTP at this address of this machine, in place of stdin and stdout
    #[arg(long, value_name = "ADDR", value_parser = own_address)]
    http: Option<SocketAddr>,

    /// Refuse a request that would cost more, fee included [default: what is stored]
    #[arg(long, value_name = "AMOUNT")]
    max_price: Option<Msat>,

    /// Refuse to spend more in 24 hours, fees included [default: what is stored]
    #[arg(long, value_name = "AMOUNT")]
    max_per_day: Option<Msat>,

    /// Refuse a dearer route: "10 sat" or "1%" [default: 1%, at least 10 sat]
    #[arg(long, value_name = "FEE")]
    max_fee: Option<MaxFee>,

    /// Serve the names of another wallet in place of our own tools; docs/mcp-compat.md lists them
    #[arg(long, value_name = "NAME")]
    compat: Option<Profile>,

    /// Print the list of tools and its SHA-256, and serve nothing
    #[arg(long, conflicts_with = "http")]
    print_tools: bool,

    #[command(flatten)]
    output: OutputArgs,
}

/// The longest wait, at the end, for payments that are under way. A later one is looked up by the next run.
const PAYMENTS_END: Duration = Duration::from_secs(20);

/// The tools of a run, and what answers for names that are in no list.
type Served = (Vec<Arc<dyn Tool>>, Option<Absent>);

impl Mcp {
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        // Before anything is said: whoever reads that it serves may end it at once.
        let stop = Stop::listen()?;
        let name = self.agent.clone().unwrap_or_default().to_string();
        let journal = Journal::open(&context.home.client()?)?;
        let purse = Purse::open(context, self.agent.clone(), self.wallet.as_ref().cloned())?;
        let lowered = BudgetLimits::default()
            .with(BudgetLimit::PerRequest, self.max_price)
            .with(BudgetLimit::PerDay, self.max_per_day);
        let purse = Arc::new(purse.lowered(lowered, self.max_fee));
        let (tools, absent) = self.tools(&purse)?;
        if self.print_tools {
            return print(tools).map(|()| exit_code::OK);
        }
        // All that is configured has been read by now; ports come last.
        let listener = match self.http {
            Some(address) => Some((server::token(context)?, bind(address).await?)),
            None => None,
        };
        // Served until the end of this function.
        let page = agent::serve_page(context, journal.clone()).await?;
        let approvals = JournalApprovals::new(journal, Arc::clone(&context.clock));
        let server = McpServer::new(name, tools, Arc::new(approvals), page.url().clone(), absent)?;
        match listener {
            Some(endpoint) => {
                let started = |address| self.report(address);
                serve_http(server, endpoint, stop, context, started).await?;
            }
            None => serve_stdio(server, stop).await?,
        }
        // A payment that is under way is recorded before the wallets end.
        let _ = tokio::time::timeout(PAYMENTS_END, purse.finish()).await;
        Ok(exit_code::OK)
    }

    /// Returns the tools, and what answers for names that are in no list.
    fn tools(&self, purse: &Arc<Purse>) -> Result<Served, CliError> {
        let tools = tool::all(purse);
        let Some(profile) = self.compat else {
            return Ok((tools, None));
        };
        let tools = compat::tools(profile, &tools, &Means::of(purse)?);
        Ok((
            tools,
            Some(Box::new(move |name| compat::absent(profile, name))),
        ))
    }

    /// Tells where the server is to be found.
    fn report(&self, address: SocketAddr) -> Result<(), CliError> {
        let (out, url) = (self.output.open(), format!("http://{address}/mcp"));
        out.machine(&json!({ "listening": [address.to_string()], "url": url }))?;
        out.tell(&format!(
            "{url} serves MCP; the token is in mcp.token of the home folder; Ctrl-C ends it"
        ));
        Ok(())
    }
}

/// Prints the list of tools as a client gets it, with the digest by which a change of it is seen.
// ATTACKS A-13: whoever pins the digest sees every change of what a model reads.
fn print(tools: Vec<Arc<dyn Tool>>) -> Result<(), CliError> {
    let list = listed(tools)?;
    let digest = hex(&Sha256::digest(list.to_string()));
    output::print(&format!(
        "{:#}\n",
        json!({ "sha256": digest, "tools": list })
    ))
}

async fn bind(address: SocketAddr) -> Result<TcpListener, CliError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| port::cannot_listen(address, &error, "--http"))
}

/// Reads an address of this machine alone.
fn own_address(text: &str) -> Result<SocketAddr, String> {
    let address: ListenAddress = text.parse().map_err(|error| format!("{error}"))?;
    if address.0.ip().to_canonical().is_loopback() {
        return Ok(address.0);
    }
    let port = address.0.port();
    Err(format!(
        "not an address of this machine alone: a wallet in clear text is for nobody else. Listen on \
         127.0.0.1:{port}, and put a proxy with TLS in front of it"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_listens_on_this_machine_alone() {
        for text in ["127.0.0.1:8406", "localhost:8406", ":8406", "8406"] {
            let address = own_address(text).map(|address| address.to_string());
            assert_eq!(address.as_deref(), Ok("127.0.0.1:8406"), "{text}");
        }
        for text in [
            "0.0.0.0:8406",
            "192.168.0.2:8406",
            "[::]:8406",
            "a.example:1",
            "http://127.0.0.1:1",
        ] {
            assert!(own_address(text).is_err(), "{text}");
        }
    }
}
