//! `l402 budget`: limits by name, what is spent of them, and their stops.

use clap::{Args, Subcommand};
use l402_client::{BudgetLimit, BudgetName, Journal};

use crate::budget::{self, Change, LimitChange, ParentChange};
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::text::output::OutputArgs;

/// Limit what may be spent, by name
///
/// A payment counts against one budget, `default` unless --budget or L402_BUDGET names another, and
/// against all its parents. Limits are kept for good: flags and client.toml lower them and never
/// raise them. Fees count, and so does what may still go through. Windows are rolling.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 budget show
  l402 budget set default --per-day \"5000 sat\" --per-request \"200 sat\"
  l402 budget set research --per-hour \"100 sat\" --in-all \"10000 sat\"
  l402 get URL --budget research
  l402 budget stop
  l402 budget resume")]
pub(crate) struct Budget {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Show(ShowArgs),
    Set(Box<SetArgs>),
    Stop(StopArgs),
    Resume(ResumeArgs),
}

/// Show limits, what is spent and left of them, and when it frees
///
/// A name is shown with its parents, whose limits hold as well. Of per_origin and per_payee, the
/// server and the node are shown that most was paid to in 24 hours.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 budget show
  l402 budget show research
  l402 budget show default --json | jq .limits.per_day.left_msat")]
struct ShowArgs {
    /// The budget [default: all]
    name: Option<BudgetName>,

    #[command(flatten)]
    output: OutputArgs,
}

/// Set limits of a budget, and make it if it is not there
///
/// A new budget counts against `default` as well, unless --parent says otherwise. `none` takes a
/// limit away; of a budget without a parent, 1000 sat a request and 10000 sat in 24 hours hold then.
/// What lets it spend more than before needs a yes on a terminal, or --yes.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 budget set default --per-day \"5000 sat\"
  l402 budget set research --per-request \"20 sat\" --per-30-days \"3000 sat\"
  l402 budget set ann --parent research --per-origin \"100 sat\"
  l402 budget set research --per-request none --yes")]
struct SetArgs {
    /// The budget: 1 to 32 of the characters a-z, 0-9 and -
    name: BudgetName,

    /// The most that one request may cost
    #[arg(long, value_name = "AMOUNT")]
    per_request: Option<LimitChange>,

    /// The most that 24 hours may cost at one server (scheme, host and port)
    #[arg(long, value_name = "AMOUNT")]
    per_origin: Option<LimitChange>,

    /// The most that 24 hours may pay to one node, the one that signs the invoices
    #[arg(long, value_name = "AMOUNT")]
    per_payee: Option<LimitChange>,

    /// The most that 60 minutes may cost
    #[arg(long, value_name = "AMOUNT")]
    per_hour: Option<LimitChange>,

    /// The most that 24 hours may cost
    #[arg(long, value_name = "AMOUNT")]
    per_day: Option<LimitChange>,

    /// The most that 30 days may cost
    #[arg(long = "per-30-days", value_name = "AMOUNT")]
    per_30_days: Option<LimitChange>,

    /// The most that may be spent in all, from the first payment on
    #[arg(long, value_name = "AMOUNT")]
    in_all: Option<LimitChange>,

    /// The budget that it counts against as well, or none
    #[arg(long, value_name = "NAME")]
    parent: Option<ParentChange>,

    /// Do not ask
    #[arg(long)]
    yes: bool,

    #[command(flatten)]
    output: OutputArgs,
}

/// Pay nothing from a budget, nor from those below it
///
/// A payment that its wallet was not asked for yet is not made. What was paid before is used, and
/// what is unknown is looked up.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  l402 budget stop\n  l402 budget stop research")]
struct StopArgs {
    /// The budget
    #[arg(default_value = "default")]
    name: BudgetName,

    #[command(flatten)]
    output: OutputArgs,
}

/// Pay from a budget again
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  l402 budget resume\n  l402 budget resume research")]
struct ResumeArgs {
    /// The budget
    #[arg(default_value = "default")]
    name: BudgetName,

    #[command(flatten)]
    output: OutputArgs,
}

impl Budget {
    pub(crate) fn output(&self) -> OutputArgs {
        match &self.action {
            Action::Show(args) => args.output,
            Action::Set(args) => args.output,
            Action::Stop(args) => args.output,
            Action::Resume(args) => args.output,
        }
    }

    /// Returns true if it may let more be spent than before.
    pub(crate) const fn needs_operator(&self) -> bool {
        match self.action {
            Action::Set(_) | Action::Resume(_) => true,
            Action::Show(_) | Action::Stop(_) => false,
        }
    }

    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        let (output, now) = (self.output(), context.clock.wall());
        let journal = Journal::open(&context.home.client()?)?;
        // What was changed is shown as it stands then, so that a script needs no second call.
        let name = match self.action {
            Action::Show(args) => args.name,
            Action::Set(args) => {
                let change = args.change()?;
                budget::set(&journal, &args.name, &change, args.yes).await?;
                Some(args.name)
            }
            Action::Stop(args) => {
                budget::stop(&journal, &args.name, now)?;
                Some(args.name)
            }
            Action::Resume(args) => {
                budget::resume(&journal, &args.name)?;
                Some(args.name)
            }
        };
        let (value, text) = match name {
            Some(name) => budget::show(&journal, &name, now)?,
            None => budget::show_all(&journal, now)?,
        };
        output.open().result(&value, || text)?;
        Ok(exit_code::OK)
    }
}

impl SetArgs {
    /// Returns what is to be changed.
    fn change(&self) -> Result<Change, CliError> {
        let flags = [
            (BudgetLimit::PerRequest, self.per_request),
            (BudgetLimit::PerOrigin, self.per_origin),
            (BudgetLimit::PerPayee, self.per_payee),
            (BudgetLimit::PerHour, self.per_hour),
            (BudgetLimit::PerDay, self.per_day),
            (BudgetLimit::Per30Days, self.per_30_days),
            (BudgetLimit::InAll, self.in_all),
        ];
        let given = flags
            .into_iter()
            .filter_map(|(which, flag)| Some((which, flag?)));
        let change = Change {
            limits: given.collect(),
            parent: self.parent.clone(),
        };
        if change.limits.is_empty() && change.parent.is_none() {
            let text = format!("nothing to set for {}", self.name);
            return Err(CliError::usage(text)
                .with_hint("name a limit, such as --per-day \"5000 sat\", or --parent"));
        }
        Ok(change)
    }
}
