//! The command line, with one variant for each command.

use std::path::PathBuf;

use clap::{CommandFactory, Parser, Subcommand};

use crate::command;
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::logging::LogLevel;
use crate::text::output;

/// The paid web on the command line: sell any HTTP service, buy from those that do
///
/// L402 puts a price on an HTTP request: the server answers 402 with an invoice, the client pays
/// it over Lightning and asks again with the proof. The sandbox plays all of it on this machine,
/// with play money and no node.
#[derive(Debug, Parser)]
#[command(
    name = "l402",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = EXAMPLES
)]
pub struct Cli {
    /// Keep all state in this folder [default: l402 in the platform's folder for data]
    #[arg(
        long,
        global = true,
        env = "L402_HOME",
        value_name = "DIR",
        hide_env_values = true,
        help_heading = EVERYWHERE
    )]
    pub(crate) home: Option<PathBuf>,

    /// Log so much on stderr; RUST_LOG chooses by module [default: warn]
    #[arg(long, global = true, value_name = "LEVEL", help_heading = EVERYWHERE)]
    pub(crate) log: Option<LogLevel>,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command stand after those of the command itself.
const EVERYWHERE: &str = "Options of every command";

const EXAMPLES: &str = "\
Examples:
  l402 demo                         everything at once, on this machine
  l402 serve --upstream http://127.0.0.1:3000 --price \"50 sat\" --listen 8404
  l402 get http://127.0.0.1:8402/api/l402/joke --wallet sandbox
  l402 get URL --dry-run            ask the price, pay nothing

Exit codes say what happened, 0 for done; `docs/exit-codes.md` lists them.";

/// Prints the same line as `--version`.
fn version() -> Result<ExitCode, CliError> {
    output::print(&command_line().render_version()).map(|()| exit_code::OK)
}

/// Returns the command line, from which completions and documentation are made.
#[must_use]
pub fn command_line() -> clap::Command {
    Cli::command()
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[cfg(all(feature = "sell", feature = "buy"))]
    Demo(command::demo::Demo),
    #[cfg(feature = "sell")]
    Serve(Box<command::serve::Serve>),
    #[cfg(feature = "sell")]
    #[command(flatten)]
    Seller(command::seller::SellerCommand),
    #[cfg(feature = "buy")]
    Get(Box<command::get::Get>),
    #[cfg(feature = "buy")]
    Wallet(command::wallet::Wallet),
    #[cfg(all(feature = "ldk", feature = "buy"))]
    Node(command::node::Node),
    #[cfg(feature = "buy")]
    Payments(Box<command::payments::Payments>),
    #[cfg(feature = "buy")]
    Tokens(command::tokens::Tokens),
    #[cfg(feature = "buy")]
    Receipts(command::receipts::Receipts),
    #[cfg(feature = "buy")]
    Replay(command::replay::Replay),
    #[cfg(feature = "buy")]
    Budget(command::budget::Budget),
    #[cfg(feature = "mcp")]
    Agent(command::agent::Agent),
    #[cfg(feature = "mcp")]
    Approve(command::approve::Approve),
    #[cfg(feature = "buy")]
    Doctor(command::doctor::Doctor),
    #[cfg(feature = "buy")]
    Proxy(Box<command::proxy::Proxy>),
    #[cfg(feature = "mcp")]
    Mcp(Box<command::mcp::Mcp>),
    #[cfg(feature = "registry")]
    Registry(Box<command::registry::Registry>),
    Token(command::token::Token),
    #[cfg(feature = "buy")]
    Sandbox(command::sandbox::Sandbox),
    #[cfg(feature = "buy")]
    Skill(command::skill::Skill),
    Completions(command::completions::Completions),
    #[command(hide = true)]
    Man(command::man::ManPages),
    /// Print the version
    #[command(hide = true)]
    Version,
}

impl Command {
    pub(crate) async fn run(self, context: Context) -> Result<ExitCode, CliError> {
        // Before anything is read or written for the command.
        #[cfg(feature = "buy")]
        self.ask_operator(&context).await?;
        match self {
            #[cfg(all(feature = "sell", feature = "buy"))]
            Self::Demo(demo) => demo.run(&context).await,
            #[cfg(feature = "sell")]
            Self::Serve(serve) => serve.run(&context).await,
            #[cfg(feature = "sell")]
            Self::Seller(command) => command.run(&context).await,
            #[cfg(feature = "buy")]
            Self::Get(get) => get.run(&context).await,
            #[cfg(feature = "buy")]
            Self::Wallet(wallet) => wallet.run(&context).await,
            #[cfg(all(feature = "ldk", feature = "buy"))]
            Self::Node(node) => node.run(&context).await,
            #[cfg(feature = "buy")]
            Self::Payments(payments) => payments.run(&context).await,
            #[cfg(feature = "buy")]
            Self::Tokens(tokens) => tokens.run(&context).await,
            #[cfg(feature = "buy")]
            Self::Receipts(receipts) => receipts.run(),
            #[cfg(feature = "buy")]
            Self::Replay(replay) => replay.run(&context),
            #[cfg(feature = "buy")]
            Self::Budget(budget) => budget.run(&context).await,
            #[cfg(feature = "mcp")]
            Self::Agent(agent) => agent.run(&context).await,
            #[cfg(feature = "mcp")]
            Self::Approve(approve) => approve.run(&context).await,
            #[cfg(feature = "buy")]
            Self::Doctor(doctor) => doctor.run(&context).await,
            #[cfg(feature = "buy")]
            Self::Proxy(proxy) => proxy.run(&context).await,
            #[cfg(feature = "mcp")]
            Self::Mcp(mcp) => mcp.run(&context).await,
            #[cfg(feature = "registry")]
            Self::Registry(registry) => registry.run(&context).await,
            Self::Token(token) => token.run(&context),
            #[cfg(feature = "buy")]
            Self::Sandbox(sandbox) => sandbox.run(&context).await,
            #[cfg(feature = "buy")]
            Self::Skill(skill) => skill.run().map(|()| exit_code::OK),
            Self::Completions(completions) => completions.run(&mut command_line()),
            Self::Man(man) => man.run(command_line()),
            Self::Version => version(),
        }
    }

    #[cfg(feature = "buy")]
    async fn ask_operator(&self, context: &Context) -> Result<(), CliError> {
        if self.needs_operator() {
            crate::operator::require(context, "").await?;
        }
        Ok(())
    }

    /// Returns true if the operator's passphrase is asked before the command does anything: it lets more
    /// be spent than before. `approve` asks by itself, once it has shown the payment.
    #[cfg(feature = "buy")]
    fn needs_operator(&self) -> bool {
        match self {
            Self::Wallet(wallet) => wallet.needs_operator(),
            #[cfg(feature = "ldk")]
            Self::Node(node) => node.needs_operator(),
            Self::Budget(budget) => budget.needs_operator(),
            #[cfg(feature = "sell")]
            Self::Seller(command) => command.needs_operator(),
            #[cfg(feature = "mcp")]
            Self::Agent(agent) => agent.needs_operator(),
            // A test goes through all commands, and holds each to one of two lists.
            _ => false,
        }
    }

    /// Returns true if an error is also printed to stdout as JSON.
    pub(crate) fn reports_errors_as_json(&self) -> bool {
        // Without a wildcard: each new command must be decided here.
        match self {
            #[cfg(all(feature = "sell", feature = "buy"))]
            Self::Demo(demo) => demo.output.open().is_json(),
            #[cfg(feature = "sell")]
            Self::Serve(serve) => !serve.prints_a_file() && serve.output.open().is_json(),
            #[cfg(feature = "sell")]
            Self::Seller(command) => command.reports_errors_as_json(),
            // Their stdout is for the body alone.
            #[cfg(feature = "buy")]
            Self::Get(_) | Self::Replay(_) => false,
            #[cfg(feature = "buy")]
            Self::Wallet(wallet) => wallet.output().open().is_json(),
            #[cfg(all(feature = "ldk", feature = "buy"))]
            Self::Node(node) => node.output().open().is_json(),
            #[cfg(feature = "buy")]
            Self::Payments(payments) => payments.reports_errors_as_json(),
            #[cfg(feature = "buy")]
            Self::Tokens(tokens) => tokens.reports_errors_as_json(),
            #[cfg(feature = "buy")]
            Self::Receipts(receipts) => receipts.output().open().is_json(),
            #[cfg(feature = "buy")]
            Self::Budget(budget) => budget.output().open().is_json(),
            #[cfg(feature = "mcp")]
            Self::Agent(agent) => agent.output().open().is_json(),
            #[cfg(feature = "mcp")]
            Self::Approve(approve) => approve.output.open().is_json(),
            #[cfg(feature = "buy")]
            Self::Doctor(doctor) => doctor.output.open().is_json(),
            #[cfg(feature = "buy")]
            Self::Proxy(proxy) => proxy.output.open().is_json(),
            // Its stdout is for messages of MCP alone.
            #[cfg(feature = "mcp")]
            Self::Mcp(_) => false,
            #[cfg(feature = "registry")]
            Self::Registry(registry) => {
                !registry.prints_a_file() && registry.output().open().is_json()
            }
            Self::Token(token) => token.output().open().is_json(),
            #[cfg(feature = "buy")]
            Self::Sandbox(sandbox) => sandbox.output.open().is_json(),
            // A page, a script, and a line.
            #[cfg(feature = "buy")]
            Self::Skill(_) => false,
            Self::Completions(_) | Self::Man(_) | Self::Version => false,
        }
    }

    /// Returns true if an error is written to stderr as JSON.
    pub(crate) fn has_json_errors(&self) -> bool {
        match self {
            #[cfg(feature = "buy")]
            Self::Get(get) => get.has_json_errors(),
            _ => false,
        }
    }

    /// Returns true if the command makes one exchange and ends.
    pub(crate) fn is_one_exchange(&self) -> bool {
        match self {
            #[cfg(feature = "buy")]
            Self::Get(_) => true,
            _ => false,
        }
    }

    /// Returns true if the command sells to others, or serves others all day.
    pub(crate) fn sells(&self) -> bool {
        match self {
            #[cfg(feature = "sell")]
            Self::Serve(_) => true,
            #[cfg(feature = "registry")]
            Self::Registry(registry) => registry.serves(),
            _ => false,
        }
    }

    /// Returns true if errors that have nothing to do with money are not shown (`get --silent`).
    pub(crate) fn is_silent(&self) -> bool {
        match self {
            #[cfg(feature = "buy")]
            Self::Get(get) => get.is_silent(),
            _ => false,
        }
    }
}
