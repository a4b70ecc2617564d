//! Agents, added and removed, and the passphrase that the first one brings.

use l402::Msat;
use l402_client::{Agent, AgentName, BudgetLimits, HostRule, Journal};

use crate::context::Context;
use crate::error::CliError;
use crate::operator::{self, Protection};

/// An agent as the command line describes it.
#[derive(Clone, Debug)]
pub(crate) struct NewAgent {
    pub(crate) name: AgentName,
    pub(crate) limits: BudgetLimits,
    pub(crate) hosts: Vec<HostRule>,
    pub(crate) invoices: bool,
    pub(crate) approve_above: Option<Msat>,
}

/// Adds an agent with its budget. The first one of a home has the operator choose a passphrase.
///
/// # Errors
/// If there is one of that name, or no passphrase is chosen.
pub(crate) async fn add(new: NewAgent, context: &Context) -> Result<(), CliError> {
    if new.name.is_default() {
        let text = "default is the budget of all who are no agents, and no name of one";
        return Err(CliError::usage(text).with_hint("give it another name, such as research"));
    }
    let journal = Journal::open(&context.home.client()?)?;
    if find(&journal, &new.name)?.is_some() {
        let name = &new.name;
        let text = format!("there is an agent {name} already");
        return Err(CliError::usage(text).with_hint(format!(
            "`l402 budget set {name}` changes its limits; `l402 agent remove {name}` ends it"
        )));
    }
    let first = match operator::protection(&journal)? {
        Protection::None => Some(operator::choose().await?),
        // The passphrase was asked for before.
        Protection::Passphrase(_) | Protection::Broken => None,
    };
    let mut agent = Agent::new(new.name, context.clock.wall());
    agent.hosts = listed(&new.hosts);
    agent.invoices = new.invoices;
    agent.approve_above = new.approve_above;
    // Stored with the passphrase in one step: agents without one could never be changed again.
    journal.put_agent(&agent, &new.limits, first.as_deref())?;
    Ok(())
}

/// Removes an agent: its budget is stopped, and its mandates end.
///
/// # Errors
/// If there is none of that name.
pub(crate) fn remove(name: &AgentName, context: &Context) -> Result<(), CliError> {
    let journal = Journal::open(&context.home.client()?)?;
    if journal.remove_agent(name, context.clock.wall())? {
        Ok(())
    } else {
        Err(unknown(&journal, name)?)
    }
}

/// Replaces the passphrase, which was asked for before.
///
/// # Errors
/// If there is none yet, none is chosen, or another program changes it meanwhile.
pub(crate) async fn change_passphrase(context: &Context) -> Result<(), CliError> {
    let journal = Journal::open(&context.home.client()?)?;
    let Protection::Passphrase(seen) = operator::protection(&journal)? else {
        let text = "there is no passphrase yet; the first agent brings it";
        return Err(CliError::usage(text).with_hint("`l402 agent add NAME --per-day \"500 sat\"`"));
    };
    let hash = operator::choose().await?;
    if journal.set_operator_hash(&seen, &hash, context.clock.wall())? {
        return Ok(());
    }
    let text = "another program has changed the passphrase meanwhile; it stays as that left it";
    Err(CliError::usage(text))
}

/// Returns an agent that is not removed.
pub(super) fn find(journal: &Journal, name: &AgentName) -> Result<Option<Agent>, CliError> {
    let agent = journal.agent(name)?;
    Ok(agent.filter(|agent| agent.removed.is_none()))
}

/// Returns the error for a name that is no agent's, with those that are.
pub(super) fn unknown(journal: &Journal, name: &AgentName) -> Result<CliError, CliError> {
    let agents = journal.agents()?;
    let names: Vec<_> = agents
        .iter()
        .filter(|agent| agent.removed.is_none())
        .map(|agent| agent.name.as_str())
        .collect();
    let hint = if names.is_empty() {
        "`l402 agent add NAME --per-day \"500 sat\"` adds one".to_owned()
    } else {
        format!("there are: {}", names.join(", "))
    };
    Ok(CliError::usage(format!("there is no agent {name}")).with_hint(hint))
}

/// Returns hosts as the journal has them; `None` for all.
pub(super) fn listed(hosts: &[HostRule]) -> Option<Vec<String>> {
    (!hosts.is_empty()).then(|| hosts.iter().map(ToString::to_string).collect())
}
