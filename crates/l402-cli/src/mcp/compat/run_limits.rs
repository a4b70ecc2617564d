//! The limits of one run of an agent.

use std::sync::Arc;

use l402::Msat;
use l402_client::{BudgetLimit, BudgetLimits, Error};

use super::narrow::{Narrow, Narrowed};
use crate::mcp::purse::Purse;

/// The limits of one run of an agent.
pub(super) struct RunLimits {
    purse: Arc<Purse>,
    /// The sum that had been spent when the run began, from the root of the agent's budget.
    before: Msat,
}

impl RunLimits {
    /// Notes what has been spent until now.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub(super) fn begin(purse: &Arc<Purse>) -> Result<Self, Error> {
        let purse = Arc::clone(purse);
        let before = spent(&purse)?;
        Ok(Self { purse, before })
    }

    fn lowered(&self, asked: Narrowed) -> Result<Narrowed, Error> {
        // A limit on all that is ever spent: what was spent before the run does not count against it.
        let in_all = asked.in_all.and_then(|most| most.checked_add(self.before));
        let limits = BudgetLimits::default()
            .with(BudgetLimit::PerRequest, asked.per_request)
            .with(BudgetLimit::InAll, in_all);
        self.purse.narrow(&limits);
        let left = self.purse.status()?.left();
        let in_run = spent(&self.purse)?.checked_sub(self.before);
        let holds = left.and_then(|left| left.checked_add(in_run.unwrap_or(Msat::ZERO)));
        let (journal, agent) = (self.purse.journal(), self.purse.agent());
        Ok(Narrowed {
            per_request: Some(journal.request_limit(agent, &self.purse.limits(None))?),
            in_all: holds,
        })
    }
}

impl Narrow for RunLimits {
    fn narrow(&self, asked: Narrowed) -> Result<Narrowed, String> {
        self.lowered(asked).map_err(|error| error.to_string())
    }

    fn agent(&self) -> String {
        self.purse.agent().to_string()
    }
}

/// Returns all that was spent from the root of the agent's budget, where the limits of a client count.
fn spent(purse: &Purse) -> Result<Msat, Error> {
    let chain = purse.journal().budget(purse.agent())?;
    let Some(root) = chain.last() else {
        return Ok(Msat::ZERO);
    };
    let report = purse.journal().budget_report(&root.name, purse.now())?;
    let in_all = report
        .limits
        .iter()
        .find(|line| line.which == BudgetLimit::InAll);
    Ok(in_all.map_or(Msat::ZERO, |line| line.spent))
}
