//! `l402 webhooks`: the services of the operator that are told of events.

use clap::{ArgGroup, Args, Subcommand};
use l402::UnixTime;
use l402_gateway::{GatewayError, Replay, WebhookDesk};
use serde_json::Value;

use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::seller::{StoreArgs, of_gateway};
use crate::text::output::OutputArgs;
use crate::text::when::Moment;
use crate::webhooks as report;

/// List the webhooks of a gateway and what became of them, and send some again
///
/// The gateway tells the services that its configuration names with [[webhook]] of sales and of what
/// is wrong. All of this works while gateways run, and while none does.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 webhooks list --config l402.toml
  l402 webhooks test --config l402.toml
  l402 webhooks log --failed
  l402 webhooks replay --failed --config l402.toml")]
pub(crate) struct Webhooks {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(ListArgs),
    Log(LogArgs),
    Replay(ReplayArgs),
    Test(TestArgs),
}

/// Show each target, and how many of its deliveries wait, arrived and failed
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 webhooks list --config l402.toml
  l402 webhooks list --config l402.toml --json | jq .targets[].failed")]
struct ListArgs {
    #[command(flatten)]
    stores: StoreArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// Show the last deliveries, the newest first
///
/// Deliveries are kept for seven days.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 webhooks log
  l402 webhooks log --failed --limit 10")]
struct LogArgs {
    /// Show those alone that were given up, or that wait after a failure
    #[arg(long)]
    failed: bool,

    /// Show at most this many
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    limit: u32,

    #[command(flatten)]
    stores: StoreArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// Have deliveries sent again, with the ids that they had
///
/// A running gateway begins within a second; otherwise the next one does. A receiver that has answered
/// 410 is asked again.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("what").required(true), after_help = "\
Examples:
  l402 webhooks replay msg_0f8b1c2d3e4f5061 --config l402.toml
  l402 webhooks replay --failed --config l402.toml
  l402 webhooks replay --since 1d --config l402.toml")]
struct ReplayArgs {
    /// The id of an event, as `webhooks log` shows it
    #[arg(value_name = "ID", group = "what")]
    id: Option<String>,

    /// Those that were given up
    #[arg(long, group = "what")]
    failed: bool,

    /// Those of all events since then: a span such as 12h or 7d, or a date
    #[arg(long, value_name = "TIME", group = "what")]
    since: Option<Moment>,

    #[command(flatten)]
    stores: StoreArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// Send an event of the type `test` to each target, once
///
/// A gateway need not run, and nothing is tried again. The exit status is 69 if a target did not take it.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 webhooks test --config l402.toml")]
struct TestArgs {
    #[command(flatten)]
    stores: StoreArgs,

    #[command(flatten)]
    output: OutputArgs,
}

impl Webhooks {
    pub(crate) fn output(&self) -> OutputArgs {
        match &self.action {
            Action::List(args) => args.output,
            Action::Log(args) => args.output,
            Action::Replay(args) => args.output,
            Action::Test(args) => args.output,
        }
    }

    fn stores(&self) -> &StoreArgs {
        match &self.action {
            Action::List(args) => &args.stores,
            Action::Log(args) => &args.stores,
            Action::Replay(args) => &args.stores,
            Action::Test(args) => &args.stores,
        }
    }

    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        let (out, now) = (self.output().open(), context.clock.wall());
        let (_, config) = self.stores().open(context)?;
        let desk = WebhookDesk::of(&config, context.home.path());
        if let Action::Test(args) = &self.action {
            return test(&desk, context, args.output).await;
        }
        // The file is read and written, which would block a thread of the runtime.
        let done = tokio::task::spawn_blocking(move || self.action.run(&desk, now));
        let done = done.await.map_err(CliError::internal)?;
        let (value, text) = done.map_err(|error| of_gateway(&error, &[]))?;
        out.result(&value, || text)?;
        Ok(exit_code::OK)
    }
}

impl Action {
    fn run(self, desk: &WebhookDesk, now: UnixTime) -> Result<(Value, String), GatewayError> {
        Ok(match self {
            Self::List(_) => {
                let lines = desk.list()?;
                (report::list(&lines), report::list_text(&lines))
            }
            Self::Log(args) => {
                let lines = desk.log(args.failed, args.limit)?;
                (report::deliveries(&lines), report::deliveries_text(&lines))
            }
            Self::Replay(args) => {
                let number = desk.replay(&args.replay(now), now)?;
                (report::replayed(number), report::replayed_text(number))
            }
            // Sent without a thread that blocks, before this.
            Self::Test(_) => (Value::Null, String::new()),
        })
    }
}

impl ReplayArgs {
    fn replay(self, now: UnixTime) -> Replay {
        match (self.id, self.since) {
            (Some(id), _) => Replay::Event(id),
            (None, Some(since)) => Replay::Since(since.before(now)),
            (None, None) => Replay::Failed,
        }
    }
}

/// Sends the test, and shows what became of it.
async fn test(
    desk: &WebhookDesk,
    context: &Context,
    output: OutputArgs,
) -> Result<ExitCode, CliError> {
    let tested = desk.test(&*context.clock).await;
    let lines = tested.map_err(|error| of_gateway(&error, &[]))?;
    let text = || match lines.is_empty() {
        true => report::list_text(&[]),
        false => report::deliveries_text(&lines),
    };
    output.open().result(&report::deliveries(&lines), text)?;
    let arrived = lines.iter().all(|line| line.state == "delivered");
    Ok(match arrived {
        true => exit_code::OK,
        false => exit_code::UNAVAILABLE,
    })
}
