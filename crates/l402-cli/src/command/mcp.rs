//! `l402 mcp`: a wallet for an AI agent.

use std::sync::Arc;

use clap::Args;
use l402_client::BudgetName;

use crate::buyer::SpendingArgs;
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::mcp::server::{McpServer, Nobody, all, serve_stdio};
use crate::signal::Stop;

/// A wallet for an AI agent: tools that buy and pay within limits, over MCP
#[derive(Args, Debug)]
pub(crate) struct Mcp {
    /// Act for this agent of `l402 agent`, within its limits [default: the budget `default`]
    #[arg(long, value_name = "NAME")]
    agent: Option<BudgetName>,

    #[command(flatten)]
    spending: SpendingArgs,
}

impl Mcp {
    pub(crate) async fn run(self, _context: &Context) -> Result<ExitCode, CliError> {
        let stop = Stop::listen()?;
        let agent = self.agent.clone().unwrap_or_default().to_string();
        let server = McpServer::new(agent, all(), Arc::new(Nobody))?;
        serve_stdio(server, stop).await?;
        Ok(exit_code::OK)
    }
}
