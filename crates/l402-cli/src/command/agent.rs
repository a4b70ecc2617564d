//! `l402 agent`: programs that spend for a person, and what each may do.

use clap::{Args, Subcommand};
use l402::Msat;
use l402_client::{AgentName, BudgetLimit, BudgetLimits, HostRule};
use serde_json::{Value, json};

use crate::agent::{self, NewAgent, NewMandate};
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::text::output::OutputArgs;
use crate::text::when::Moment;

/// Give programs that spend for you limits of their own
///
/// An agent is a budget of the same name, the hosts that it may pay, and an amount above which you
/// are asked. `l402 mcp --agent NAME` pays as that agent.
///
/// The first `add` has you choose a passphrase. From then on it is asked at the terminal before
/// anything is changed that lets more be spent: here, in `approve`, `budget set`, `budget resume`,
/// `wallet add`, `wallet use`, `wallet remove`, `node open` and `node close`. It is read from
/// nowhere else.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 agent add research --per-day \"500 sat\"
  l402 agent add reader --per-day \"200 sat\" --hosts api.example,*.news.example
  l402 agent mandate research --up-to \"300 sat\" --until 30d
  l402 agent list
  l402 agent remove research")]
pub(crate) struct Agent {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Add(Box<AddArgs>),
    List(ListArgs),
    Show(NameArgs),
    Mandate(MandateArgs),
    Remove(RemoveArgs),
    Passphrase(PassphraseArgs),
}

/// Add an agent, with a budget of its name
///
/// The budget counts against `default` as well. The first agent of a home also stores 1000 sat a
/// request and 10000 sat in 24 hours for `default`, unless it has such limits: no flag of another
/// command goes beyond them then.
///
/// A payment above --approve-above, its fee limit included, is not made before you approve it.
/// With --hosts, nothing is asked or paid elsewhere, and an invoice that belongs to no URL needs your
/// approval whatever its amount, unless --invoices is given.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 agent add research --per-day \"500 sat\"
  l402 agent add reader --per-day \"200 sat\" --hosts api.example,*.news.example
  l402 agent add payer --per-day \"1000 sat\" --approve-above \"0 sat\"")]
struct AddArgs {
    /// The name: 1 to 32 of the characters a-z, 0-9 and -
    name: AgentName,

    /// The most that one request may cost
    #[arg(long, value_name = "AMOUNT")]
    per_request: Option<Msat>,

    /// The most that 24 hours may cost at one server (scheme, host and port)
    #[arg(long, value_name = "AMOUNT")]
    per_origin: Option<Msat>,

    /// The most that 24 hours may pay to one node, the one that signs the invoices
    #[arg(long, value_name = "AMOUNT")]
    per_payee: Option<Msat>,

    /// The most that 60 minutes may cost
    #[arg(long, value_name = "AMOUNT")]
    per_hour: Option<Msat>,

    /// The most that 24 hours may cost
    #[arg(long, value_name = "AMOUNT")]
    per_day: Option<Msat>,

    /// The most that 30 days may cost
    #[arg(long = "per-30-days", value_name = "AMOUNT")]
    per_30_days: Option<Msat>,

    /// The most that may be spent in all, from the first payment on
    #[arg(long, value_name = "AMOUNT")]
    in_all: Option<Msat>,

    /// Ask and pay these hosts alone: api.example, *.example for all below it, host:port
    #[arg(long, value_name = "HOSTS", value_delimiter = ',')]
    hosts: Vec<HostRule>,

    /// With --hosts: treat invoices that belong to no URL as other payments
    #[arg(long, requires = "hosts")]
    invoices: bool,

    /// Ask me before a payment of more than this, fee limit included [default: "100 sat"]
    #[arg(long, value_name = "AMOUNT")]
    approve_above: Option<Msat>,

    #[command(flatten)]
    output: OutputArgs,
}

/// List all agents, with their limits
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  l402 agent list\n  l402 agent list --json | jq '.[].name'")]
struct ListArgs {
    #[command(flatten)]
    output: OutputArgs,
}

/// Show what an agent may do, and what is left of it
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  l402 agent show research")]
struct NameArgs {
    /// The agent
    name: AgentName,

    #[command(flatten)]
    output: OutputArgs,
}

/// Approve payments of an agent in advance, up to an amount in any 24 hours
///
/// Payments above the agent's threshold are made without a question as long as those of the last 24
/// hours that this mandate allowed, fees included, stay within --up-to. The agent's limits hold all
/// the same. With --hosts it is for payments there alone; without, also for invoices that belong to
/// no URL, unless the agent has hosts of its own and no --invoices.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 agent mandate research --up-to \"500 sat\"
  l402 agent mandate research --up-to \"2000 sat\" --hosts api.example --until 30d
  l402 agent mandate research --end 3")]
struct MandateArgs {
    /// The agent
    name: AgentName,

    /// The most in any 24 hours
    #[arg(long, value_name = "AMOUNT", required_unless_present = "end")]
    up_to: Option<Msat>,

    /// For payments at these hosts alone: api.example, *.example for all below it, host:port
    #[arg(long, value_name = "HOSTS", value_delimiter = ',')]
    hosts: Vec<HostRule>,

    /// Until a day, a time, or for so long: 2026-12-24, 12h, 30d [default: until it is ended]
    #[arg(long, value_name = "WHEN")]
    until: Option<Moment>,

    /// End the mandate of this number
    #[arg(long, value_name = "ID", conflicts_with_all = ["up_to", "hosts", "until"])]
    end: Option<i64>,

    #[command(flatten)]
    output: OutputArgs,
}

/// Remove an agent: its budget is stopped, and its mandates end
///
/// What it has bought stays in `l402 payments`, and what it has spent goes on to count against
/// `default`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  l402 agent remove research")]
struct RemoveArgs {
    /// The agent
    name: AgentName,

    #[command(flatten)]
    output: OutputArgs,
}

/// Change the operator's passphrase
///
/// Asks for the old one, and twice for the new one, at the terminal. A passphrase that is forgotten
/// cannot be set anew.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  l402 agent passphrase")]
struct PassphraseArgs {
    #[command(flatten)]
    output: OutputArgs,
}

impl Agent {
    pub(crate) fn output(&self) -> OutputArgs {
        match &self.action {
            Action::Add(args) => args.output,
            Action::List(args) => args.output,
            Action::Show(args) => args.output,
            Action::Mandate(args) => args.output,
            Action::Remove(args) => args.output,
            Action::Passphrase(args) => args.output,
        }
    }

    /// Returns true if it lets more be spent, or changes who may say so.
    pub(crate) fn needs_operator(&self) -> bool {
        match self.action {
            Action::Add(_) | Action::Mandate(_) | Action::Remove(_) | Action::Passphrase(_) => true,
            Action::List(_) | Action::Show(_) => false,
        }
    }

    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        let output = self.output();
        let (value, text) = match self.action {
            Action::Add(args) => {
                let new = args.agent();
                let name = new.name.clone();
                agent::add(new, context).await?;
                agent::show(&name, context)?
            }
            Action::List(_) => agent::show_all(context)?,
            Action::Show(args) => agent::show(&args.name, context)?,
            Action::Mandate(args) => args.run(context)?,
            Action::Remove(args) => {
                agent::remove(&args.name, context)?;
                agent::show(&args.name, context)?
            }
            Action::Passphrase(_) => {
                agent::change_passphrase(context).await?;
                let value = json!({ "passphrase": "changed" });
                (value, "the passphrase is changed\n".to_owned())
            }
        };
        output.open().result(&value, || text)?;
        Ok(exit_code::OK)
    }
}

impl AddArgs {
    fn agent(self) -> NewAgent {
        let limits = [
            (BudgetLimit::PerRequest, self.per_request),
            (BudgetLimit::PerOrigin, self.per_origin),
            (BudgetLimit::PerPayee, self.per_payee),
            (BudgetLimit::PerHour, self.per_hour),
            (BudgetLimit::PerDay, self.per_day),
            (BudgetLimit::Per30Days, self.per_30_days),
            (BudgetLimit::InAll, self.in_all),
        ];
        NewAgent {
            name: self.name,
            limits: limits
                .into_iter()
                .fold(BudgetLimits::default(), |limits, (which, most)| {
                    limits.with(which, most)
                }),
            hosts: self.hosts,
            invoices: self.invoices,
            approve_above: self.approve_above,
        }
    }
}

impl MandateArgs {
    fn run(self, context: &Context) -> Result<(Value, String), CliError> {
        if let Some(id) = self.end {
            agent::end_mandate(&self.name, id, context)?;
        } else if let Some(up_to) = self.up_to {
            let until = self.until.map(|until| until.after(context.clock.wall()));
            let mandate = NewMandate {
                up_to,
                hosts: self.hosts,
                until,
            };
            agent::give_mandate(&self.name, &mandate, context)?;
        }
        // What was changed is shown as it stands then.
        agent::show(&self.name, context)
    }
}
