//! `l402 admin` itself: the list of its commands, and the steps of each.

use clap::{Args, Subcommand};
use l402::UnixTime;
use serde_json::{Value, json};

use super::change::{LimitsArgs, PriceArgs, RetireArgs, RevokeArgs, RotateArgs};
use super::read::{AuditArgs, PaymentsArgs, RevocationsArgs, SalesArgs, TokenArgs, TokensArgs};
use crate::admin::{self, AdminCall, AdminClient, ReachArgs};
use crate::confirm::confirm;
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::text::output::{self, OutputArgs};

/// Look at a running gateway and steer it: prices, tokens, limits, keys, reload, drain
///
/// It asks the listener for operators, which the table [admin] of the gateway's file switches on. A
/// gateway that runs on this home is found by itself, with its token; --config, --address and
/// --token-file name others. Prices and limits that it changes are written into the gateway's file,
/// and every change into its audit log.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 admin health
  l402 admin prices
  l402 admin price /joke \"60 sat\"
  l402 admin payments --state settled --since 24h
  l402 admin revoke --token 00017c2d...(64 digits)
  l402 admin limits --per-peer 5 --config l402.toml
  l402 admin open                       the dashboard, in a browser
  l402 admin routes --address unix:/run/l402/admin.sock --json")]
pub(crate) struct Admin {
    #[command(subcommand)]
    action: Action,

    #[command(flatten)]
    reach: ReachArgs,

    /// Print JSON on stdout; this is the default when stdout is not a terminal
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show the routes that are served now
    #[command(
        after_help = "Examples:\n  l402 admin routes\n  l402 admin routes --json | jq .routes[].path"
    )]
    Routes,
    /// Show the price of each route that has one
    #[command(
        after_help = "Examples:\n  l402 admin prices\n  l402 admin prices --json | jq .prices[].price_msat"
    )]
    Prices,
    Price(PriceArgs),
    /// Show the services that are sold
    #[command(after_help = "Examples:\n  l402 admin services")]
    Services,
    Tokens(TokensArgs),
    Token(TokenArgs),
    Revoke(RevokeArgs),
    Revocations(RevocationsArgs),
    Payments(PaymentsArgs),
    Sales(SalesArgs),
    /// Show the key numbers, and which gateways have the key of each
    #[command(after_help = "Examples:\n  l402 admin keys")]
    Keys,
    Rotate(RotateArgs),
    Retire(RetireArgs),
    Limits(LimitsArgs),
    /// Show if the gateway is ready, and which of its parts is not
    ///
    /// The exit status is 69 if it is not ready. --alive asks less: a supervisor that starts a gateway
    /// anew because its node is away ends what is under way, and mends nothing.
    #[command(after_help = "\
Examples:
  l402 admin health && echo ready
  l402 admin health --alive || echo \"it hangs, or has ended\"")]
    Health {
        /// Ask only if the process answers, whatever its node and its upstreams do
        #[arg(long)]
        alive: bool,
    },
    /// Have the gateway read its file again: all of it, or nothing and a list of all mistakes
    #[command(
        after_help = "Examples:\n  l402 admin reload\n  l402 admin reload --config l402.toml"
    )]
    Reload,
    /// End the gateway as SIGTERM does: it takes nothing new, and requests under way may end
    #[command(after_help = "Examples:\n  l402 admin drain")]
    Drain,
    Audit(AuditArgs),
    /// Show the configuration file as it is now, with secrets masked
    #[command(
        after_help = "Examples:\n  l402 admin config\n  l402 admin config --json | jq .settings.route[]"
    )]
    Config,
    /// Print the metrics, as Prometheus reads them
    #[command(after_help = "Examples:\n  l402 admin metrics | grep ^l402_")]
    Metrics,
    /// Print the address of the dashboard, and open it in a browser if stdout is a terminal
    #[command(after_help = "Examples:\n  l402 admin open")]
    Open,
}

/// The words of an answer for people.
pub(super) type Words = fn(&Value) -> String;

impl Admin {
    pub(crate) const fn output(&self) -> OutputArgs {
        OutputArgs { json: self.json }
    }

    /// Returns true if an error is also printed to stdout as JSON: not where stdout is a text.
    pub(crate) fn reports_errors_as_json(&self) -> bool {
        !matches!(self.action, Action::Metrics) && self.output().open().is_json()
    }

    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        let (out, now) = (self.output().open(), context.clock.wall());
        match &self.action {
            Action::Open => return self.open(context),
            Action::Metrics => {
                let client = AdminClient::find(&self.reach, context)?;
                let text = client.call(&AdminCall::outside("/metrics")).await?;
                output::print(&String::from_utf8_lossy(&text))?;
                return Ok(exit_code::OK);
            }
            Action::Health { alive: true } => {
                let client = AdminClient::find(&self.reach, context)?;
                client.call(&AdminCall::outside("/healthz")).await?;
                out.result(&json!({ "alive": true }), || "alive\n".to_owned())?;
                return Ok(exit_code::OK);
            }
            Action::Token(args) if args.new => {
                let answer = admin::renew(&self.reach, context).await?;
                out.result(&answer, || admin::renewed(&answer))?;
                return Ok(exit_code::OK);
            }
            Action::Revoke(args) => {
                if let Some(question) = args.question(now)
                    && !confirm(&question, "this ends many tokens at once").await?
                {
                    return Err(CliError::usage("nothing was revoked"));
                }
            }
            _ => {}
        }
        let (call, words) = self.action.call(now);
        let client = AdminClient::find(&self.reach, context)?;
        let answer = client.json(&call).await?;
        out.result(&answer, || words(&answer))?;
        Ok(match self.action {
            Action::Health { .. } if answer["ready"] == false => exit_code::UNAVAILABLE,
            _ => exit_code::OK,
        })
    }

    fn open(&self, context: &Context) -> Result<ExitCode, CliError> {
        let opened = admin::open(&self.reach, context)?;
        let shown = |name: &str| opened[name].as_str().unwrap_or_default().to_owned();
        let out = self.output().open();
        out.result(&opened, || format!("{}\n", shown("url")))?;
        out.tell(&format!("it asks for the token in {}", shown("token_file")));
        Ok(exit_code::OK)
    }
}

impl Action {
    /// Returns the request, and the words of its answer.
    fn call(&self, now: UnixTime) -> (AdminCall, Words) {
        let read = |path| AdminCall::get(path, &[]);
        let post = |path| AdminCall::post(path, json!({}));
        match self {
            Self::Routes => (read("routes"), admin::routes),
            Self::Prices => (read("prices"), admin::prices),
            Self::Price(args) => (args.call(), admin::prices),
            Self::Services => (read("services"), admin::services),
            Self::Tokens(args) => (args.call(), admin::tokens),
            Self::Token(args) => (args.call(), admin::one_token),
            Self::Revoke(args) => (args.call(now), admin::revoked),
            Self::Revocations(args) => (args.call(), admin::revocations),
            Self::Payments(args) => (args.call(now), admin::payments),
            Self::Sales(args) => (args.call(now), admin::sales),
            Self::Keys => (read("keys"), admin::keys),
            Self::Rotate(args) => (args.call(), admin::one_key),
            Self::Retire(args) => (args.call(), admin::one_key),
            Self::Limits(args) => (args.call(), admin::limits),
            Self::Health { .. } => (read("health"), admin::health),
            Self::Reload => (post("reload"), admin::reloaded),
            Self::Drain => (post("drain"), admin::drained),
            Self::Audit(args) => (args.call(), admin::audit),
            Self::Config => (read("config"), admin::config),
            // Answered before, without a request of the API.
            Self::Metrics | Self::Open => (AdminCall::outside("/"), Value::to_string),
        }
    }
}
