//! The purse of one agent.

use l402_client::{BudgetName, Journal};
use l402_lightning::Node;

use crate::buyer::ClientConfig;
use crate::context::Context;
use crate::error::CliError;

/// The purse of one agent, for all calls of one run: chosen at the start, and by no tool.
#[derive(Debug)]
pub(crate) struct Purse {
    context: Context,
    agent: BudgetName,
    /// The wallet that `--wallet` names; without it, those that the home folder prefers.
    named: Option<Node>,
    journal: Journal,
    config: ClientConfig,
}

impl Purse {
    /// Opens the purse of an agent, `default` without a name. Opens no wallet yet.
    ///
    /// # Errors
    /// If there is no such agent, or if the journal or `client.toml` cannot be read.
    pub(crate) fn open(
        context: &Context,
        agent: Option<BudgetName>,
        named: Option<Node>,
    ) -> Result<Self, CliError> {
        let journal = Journal::open(&context.home.client()?)?;
        let agent = agent.unwrap_or_default();
        journal.budget(&agent)?;
        Ok(Self {
            context: context.clone(),
            agent,
            named,
            journal,
            config: ClientConfig::read(context)?,
        })
    }

    /// Returns the name of the agent.
    pub(crate) const fn agent(&self) -> &BudgetName {
        &self.agent
    }

    /// Returns a purse of the default agent that pays from the sandbox.
    #[cfg(test)]
    pub(crate) fn for_tests(home: &std::path::Path) -> Self {
        let home = crate::home::HomeFolder::choose(Some(home.to_owned())).expect("a folder");
        let context = Context::new("l402".to_owned(), home);
        Self::open(&context, None, Some(Node::Sandbox)).expect("a purse")
    }
}
