//! Agents as text for people, and as JSON.

use l402::{Msat, UnixTime};
use l402_client::{Agent, AgentName, BudgetReport, Journal, Mandate};
use serde_json::{Map, Value, json};

use super::add::unknown;
use super::question::amount;
use crate::context::Context;
use crate::error::CliError;
use crate::text::output::style::{self, paint};
use crate::text::when;

/// An agent with what belongs to it.
struct Picture {
    agent: Agent,
    report: BudgetReport,
    mandates: Vec<(Mandate, Msat)>,
}

/// Returns all agents, as JSON and as text.
pub(crate) fn show_all(context: &Context) -> Result<(Value, String), CliError> {
    let journal = Journal::open(&context.home.client()?)?;
    let now = context.clock.wall();
    let agents = journal.agents()?.into_iter();
    let pictures = agents
        .map(|agent| picture(&journal, agent, now))
        .collect::<Result<Vec<_>, _>>()?;
    let value = pictures.iter().map(value).collect();
    let text = if pictures.is_empty() {
        "no agents; `l402 agent add NAME --per-day \"500 sat\"` adds one\n".to_owned()
    } else {
        pictures.iter().map(line).collect()
    };
    Ok((value, text))
}

/// Returns one agent, as JSON and as text.
///
/// # Errors
/// If there was never one of that name.
pub(crate) fn show(name: &AgentName, context: &Context) -> Result<(Value, String), CliError> {
    let journal = Journal::open(&context.home.client()?)?;
    let now = context.clock.wall();
    let Some(agent) = journal.agent(name)? else {
        return Err(unknown(&journal, name)?);
    };
    let picture = picture(&journal, agent, now)?;
    Ok((value(&picture), whole(&picture, now)))
}

fn picture(journal: &Journal, agent: Agent, now: UnixTime) -> Result<Picture, CliError> {
    let report = journal.budget_report(&agent.name, now)?;
    let mandates = journal.mandates(&agent.name)?.into_iter();
    let mandates = mandates.map(|mandate| {
        let spent = journal.mandate_spent(mandate.id, now)?;
        Ok((mandate, spent))
    });
    Ok(Picture {
        mandates: mandates.collect::<Result<_, CliError>>()?,
        agent,
        report,
    })
}

fn value(picture: &Picture) -> Value {
    let agent = &picture.agent;
    let limits = picture.report.limits.iter().map(|line| {
        let value = json!({
            "limit_msat": line.limit.map(Msat::msat),
            "spent_msat": line.spent.msat(),
            "left_msat": line.left.map(Msat::msat),
        });
        (line.which.name().to_owned(), value)
    });
    json!({
        "name": agent.name.as_str(),
        "hosts": agent.hosts,
        "invoices": !agent.asks_for_invoices(),
        "approve_above_msat": agent.threshold().msat(),
        "created": agent.created.secs(),
        "removed": agent.removed.map(UnixTime::secs),
        "stopped_by": picture.report.stopped_by.as_ref().map(AgentName::as_str),
        "limits": limits.collect::<Map<_, _>>(),
        "mandates": picture.mandates.iter().map(mandate_value).collect::<Value>(),
    })
}

fn mandate_value((mandate, spent): &(Mandate, Msat)) -> Value {
    json!({
        "id": mandate.id,
        "up_to_msat": mandate.up_to.msat(),
        "spent_msat": spent.msat(),
        "hosts": mandate.hosts,
        "until": mandate.until.map(UnixTime::secs),
        "created": mandate.created.secs(),
    })
}

/// One line of the list.
fn line(picture: &Picture) -> String {
    let agent = &picture.agent;
    let name = paint(style::TITLE, &format!("{:<16}", agent.name.as_str()));
    if let Some(removed) = agent.removed {
        return format!("{name} removed {} (UTC)\n", when::utc(removed));
    }
    let stored = picture.report.limits.iter();
    let limits: Vec<String> = stored
        .filter_map(|line| Some(format!("{} {}", line.which, amount(line.limit?))))
        .collect();
    let limits = if limits.is_empty() {
        "the limits of default".to_owned()
    } else {
        limits.join(", ")
    };
    format!(
        "{name} {limits}; asks above {}\n",
        amount(agent.threshold())
    )
}

fn whole(picture: &Picture, now: UnixTime) -> String {
    let agent = &picture.agent;
    let mut text = line(picture);
    let mut row = |name: &str, told: &str| text += &format!("  {name:<10} {told}\n");
    row("hosts", &hosts(agent.hosts.as_deref()));
    let invoices = if agent.asks_for_invoices() {
        "each one that belongs to no URL needs approval, whatever its amount"
    } else {
        "as any other payment"
    };
    row("invoices", invoices);
    for report in &picture.report.limits {
        if let (Some(limit), Some(left)) = (report.limit, report.left) {
            let told = format!("{}, {} left", amount(limit), amount(left));
            row(report.which.name(), &told);
        }
    }
    for (mandate, spent) in &picture.mandates {
        row("mandate", &mandate_text(mandate, *spent, now));
    }
    // With its name, because a budget above the agent's own may be the one that is stopped.
    if let Some(by) = &picture.report.stopped_by {
        row(
            "stopped",
            &format!("the budget {by} is stopped: nothing is paid"),
        );
    }
    text
}

fn mandate_text(mandate: &Mandate, spent: Msat, now: UnixTime) -> String {
    let until = match mandate.until {
        Some(until) => format!(
            "until {} (UTC, {})",
            when::utc(until),
            when::left(until, now)
        ),
        None => "without an end".to_owned(),
    };
    format!(
        "{}: up to {} in 24 hours, {} of it spent, hosts {}, {until}",
        mandate.id,
        amount(mandate.up_to),
        amount(spent),
        hosts(mandate.hosts.as_deref())
    )
}

fn hosts(hosts: Option<&[String]>) -> String {
    hosts.map_or_else(|| "all".to_owned(), |hosts| hosts.join(", "))
}
