//! The limits that hold for the agent, and what is left of them.

use l402::{Msat, UnixTime};
use l402_client::{BudgetLimit, Error};

use super::agent::Purse;

/// A limit as it holds now: of the budget of the agent and those above it, the one that leaves least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) which: BudgetLimit,
    pub(crate) limit: Msat,
    pub(crate) spent: Msat,
    pub(crate) left: Msat,
    pub(crate) frees: Option<UnixTime>,
    /// The origin or payee with the largest sum, if the agent itself has spent it.
    pub(crate) about: Option<String>,
}

/// The limits of an agent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Status {
    /// True if nothing at all is paid.
    pub(crate) is_stopped: bool,
    pub(crate) limits: Vec<Limit>,
}

impl Status {
    /// Returns the sum that several payments could still cost together, `None` if no limit is on that.
    pub(crate) fn left(&self) -> Option<Msat> {
        if self.is_stopped {
            return Some(Msat::ZERO);
        }
        use BudgetLimit::{PerOrigin, PerPayee, PerRequest};
        let sums = self.limits.iter().filter(|limit| {
            // These hold for single payments or sellers, of which there may be many.
            ![PerOrigin, PerPayee, PerRequest].contains(&limit.which)
        });
        sums.map(|limit| limit.left).min()
    }
}

impl Purse {
    /// Returns the limits as they hold now.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub(crate) fn status(&self) -> Result<Status, Error> {
        let mut status = Status::default();
        let lowered = self.config.limits.narrowed(&self.limits_of_run());
        for budget in self.journal.budget(&self.agent)? {
            let report = self.journal.budget_report(&budget.name, self.now())?;
            status.is_stopped |= report.stopped_by.is_some();
            let is_own = budget.name == self.agent;
            for line in report.limits {
                let lowest = [line.limit, lowered.of(line.which)]
                    .into_iter()
                    .flatten()
                    .min();
                let Some(limit) = lowest else {
                    continue;
                };
                status.add(Limit {
                    which: line.which,
                    limit,
                    spent: line.spent,
                    left: limit.checked_sub(line.spent).unwrap_or(Msat::ZERO),
                    frees: line.frees,
                    // What others have bought, and where, is not the agent's to know.
                    about: line.about.filter(|_| is_own),
                });
            }
        }
        Ok(status)
    }
}

impl Status {
    /// Adds a limit, if it leaves less than the one that is there.
    fn add(&mut self, limit: Limit) {
        match self
            .limits
            .iter_mut()
            .find(|known| known.which == limit.which)
        {
            Some(known) if limit.left < known.left => *known = limit,
            Some(_) => {}
            None => self.limits.push(limit),
        }
    }
}
