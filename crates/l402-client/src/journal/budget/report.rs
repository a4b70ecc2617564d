//! Reports of budgets, for people and for programs that ask before they spend.

use l402::{Msat, UnixTime};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::check::lowest;
use super::spent::{Share, Spending, largest_of};
use super::tree::{all, chain, change};
use super::{Budget, BudgetName};
use crate::journal::step::Store;
use crate::{BudgetLimit, Error, Journal, Limits};

/// A budget with what is spent of its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BudgetReport {
    /// The budget.
    pub budget: Budget,
    /// All limits, set or not, in the order of [`BudgetLimit::ALL`].
    pub limits: Vec<LimitReport>,
    /// The budget, this one or one above it, because of which nothing is paid; `None` if payments are
    /// made.
    pub stopped_by: Option<BudgetName>,
}

/// One limit of a budget, and what counts against it. Budgets below it count, and so do fees and
/// payments that may still go through.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitReport {
    /// The limit.
    pub which: BudgetLimit,
    /// The amount, or `None` if the budget has no such limit.
    pub limit: Option<Msat>,
    /// True if nobody has set the limit, and it is the one that holds without. A client may then name
    /// a higher one.
    pub is_default: bool,
    /// The sum that counts. Of [`BudgetLimit::PerOrigin`] and [`BudgetLimit::PerPayee`], that of the
    /// origin or payee with the largest.
    pub spent: Msat,
    /// The amount that is left, or `None` without a limit.
    pub left: Option<Msat>,
    /// The time at which the oldest payment that counts leaves the window. `None` if there is none, or
    /// the limit has no window.
    pub frees: Option<UnixTime>,
    /// The origin or payee that `spent` is about.
    pub about: Option<String>,
}

impl Journal {
    /// Returns all budgets by name, `default` first.
    ///
    /// # Errors
    /// [`Error::Store`] if the file cannot be read.
    pub fn budgets(&self) -> Result<Vec<Budget>, Error> {
        self.with(|store| all(store.db()))
    }

    /// Returns a budget and its parents, the root last.
    ///
    /// # Errors
    /// [`Error::UnknownBudget`] if it is not there, and [`Error::Store`] if the file cannot be read.
    pub fn budget(&self, name: &BudgetName) -> Result<Vec<Budget>, Error> {
        self.with(|store| chain(store.db(), name))?
    }

    /// Returns a budget with what is spent of its limits at `now`.
    ///
    /// # Errors
    /// [`Error::UnknownBudget`] if it is not there, and [`Error::Store`] if the file cannot be read.
    pub fn budget_report(&self, name: &BudgetName, now: UnixTime) -> Result<BudgetReport, Error> {
        self.with(|store| report(store.db(), name, now))?
    }

    /// Returns the most that one request may cost, under a budget with its parents and under the limits
    /// of a client.
    ///
    /// # Errors
    /// [`Error::UnknownBudget`] if the budget is not there, and [`Error::Store`] if the file cannot be
    /// read.
    pub fn request_limit(&self, name: &BudgetName, limits: &Limits) -> Result<Msat, Error> {
        let chain = self.budget(name)?;
        Ok(lowest(&chain, limits, BudgetLimit::PerRequest).unwrap_or(Msat::MAX))
    }

    /// Changes a budget, or makes it if it is not there. `change` gets it as it stands and returns
    /// false to leave it so; no other process changes it meanwhile. Returns what `change` returned.
    ///
    /// The name stays. Spending is counted by the parents of now, so that a budget with another parent
    /// takes its past along.
    ///
    /// # Errors
    /// [`Error::UnknownBudget`] if the parent is not there, and [`Error::Store`] if budgets would
    /// stand in a circle or more than 8 above one another, or if the file cannot be written. Nothing
    /// is changed then.
    pub fn change_budget(
        &self,
        name: &BudgetName,
        change: impl FnOnce(&mut Budget) -> bool,
    ) -> Result<bool, Error> {
        self.with(|store| store.change_budget(name, change))?
    }
}

impl Store {
    fn change_budget(
        &mut self,
        name: &BudgetName,
        with: impl FnOnce(&mut Budget) -> bool,
    ) -> rusqlite::Result<Result<bool, Error>> {
        let tx = self
            .db()
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let changed = change(&tx, name, with)?;
        if matches!(changed, Ok(true)) {
            tx.commit()?;
        }
        Ok(changed)
    }
}

fn report(
    db: &mut Connection,
    name: &BudgetName,
    now: UnixTime,
) -> rusqlite::Result<Result<BudgetReport, Error>> {
    // So that all sums are of one moment.
    let tx = db.transaction()?;
    let chain = match chain(&tx, name)? {
        Ok(chain) => chain,
        Err(error) => return Ok(Err(error)),
    };
    let stopped = chain.iter().find(|budget| budget.stopped.is_some());
    let stopped_by = stopped.map(|budget| budget.name.clone());
    let Some(budget) = chain.into_iter().next() else {
        return Ok(Err(Error::store("the budget is gone")));
    };
    let limits = BudgetLimit::ALL
        .into_iter()
        .map(|which| line(&tx, &budget, which, now))
        .collect::<rusqlite::Result<_>>()?;
    Ok(Ok(BudgetReport {
        limits,
        stopped_by,
        budget,
    }))
}

fn line(
    db: &Connection,
    budget: &Budget,
    which: BudgetLimit,
    now: UnixTime,
) -> rusqlite::Result<LimitReport> {
    let about = largest(db, budget, which, now)?;
    let share = match (which, about.as_deref()) {
        (BudgetLimit::PerOrigin, Some(origin)) => Some(Share::Origin(origin)),
        (BudgetLimit::PerPayee, Some(payee)) => Some(Share::Payee(payee)),
        (BudgetLimit::PerOrigin | BudgetLimit::PerPayee, None) => None,
        _ => Some(Share::All),
    };
    let spending = Spending {
        db,
        budget: &budget.name,
        now,
    };
    let (spent, frees) = match share {
        Some(share) => (
            spending.of(which, share)?,
            spending.frees(which, share, Msat::new(1))?,
        ),
        None => (Msat::ZERO, None),
    };
    let stored = budget.limits.of(which);
    // As [`super::check`] has it: what holds without a limit is held against roots.
    let default = Limits::default().beside(which, stored);
    let limit = stored.or(default.filter(|_| budget.parent.is_none()));
    Ok(LimitReport {
        which,
        limit,
        is_default: stored.is_none() && limit.is_some(),
        spent,
        left: limit.map(|most| most.checked_sub(spent).unwrap_or(Msat::ZERO)),
        frees,
        about,
    })
}

/// Returns the origin or payee that most counts for; `None` for the other limits, and if nothing counts.
fn largest(
    db: &Connection,
    budget: &Budget,
    which: BudgetLimit,
    now: UnixTime,
) -> rusqlite::Result<Option<String>> {
    let column = match which {
        BudgetLimit::PerOrigin => "origin",
        BudgetLimit::PerPayee => "payee",
        _ => return Ok(None),
    };
    let window = which.window().unwrap_or_default();
    let sql = largest_of(column);
    let begin = now.secs().saturating_sub(window.as_secs());
    db.prepare_cached(&sql)?
        .query_row(params![budget.name.as_str(), begin], |row| row.get(0))
        .optional()
}
