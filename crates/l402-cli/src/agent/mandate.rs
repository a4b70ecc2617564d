//! Standing approvals, given and ended.

use l402::{Msat, UnixTime};
use l402_client::{AgentName, HostRule, Journal};

use super::add::{find, listed, unknown};
use crate::context::Context;
use crate::error::CliError;

/// A mandate as the command line describes it.
#[derive(Clone, Debug)]
pub(crate) struct NewMandate {
    pub(crate) up_to: Msat,
    pub(crate) hosts: Vec<HostRule>,
    pub(crate) until: Option<UnixTime>,
}

/// Gives an agent a mandate, and returns its number.
///
/// # Errors
/// If there is no such agent, or the end of the mandate is past.
pub(crate) fn give_mandate(
    name: &AgentName,
    mandate: &NewMandate,
    context: &Context,
) -> Result<i64, CliError> {
    let journal = Journal::open(&context.home.client()?)?;
    let now = context.clock.wall();
    if find(&journal, name)?.is_none() {
        return Err(unknown(&journal, name)?);
    }
    if mandate.until.is_some_and(|until| until <= now) {
        return Err(CliError::usage("the end of the mandate is past"));
    }
    let hosts = listed(&mandate.hosts);
    Ok(journal.add_mandate(name, mandate.up_to, hosts.as_deref(), mandate.until, now)?)
}

/// Ends a mandate of an agent.
///
/// # Errors
/// If it has none of that number.
pub(crate) fn end_mandate(name: &AgentName, id: i64, context: &Context) -> Result<(), CliError> {
    let journal = Journal::open(&context.home.client()?)?;
    if journal.end_mandate(name, id, context.clock.wall())? {
        return Ok(());
    }
    let text = format!("the agent {name} has no mandate {id} that has not ended");
    Err(CliError::usage(text).with_hint(format!("`l402 agent show {name}` lists them")))
}
