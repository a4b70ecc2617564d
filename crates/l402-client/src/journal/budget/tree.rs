//! Stored budgets: their limits, their parents, and their stops.

use l402::{Msat, UnixTime};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::BudgetName;
use crate::journal::row::word;
use crate::{BudgetLimit, BudgetLimits, Error, Refused};

/// The most budgets from one to its root, both counted.
const DEPTH_MAX: usize = 8;

/// A budget: limits under a name, which a payment keeps beside those of all its parents.
///
/// The budget `default` is there without being stored. It has no limits then, and payments for which
/// no budget is named count against it.
///
/// ```
/// use l402::{Msat, UnixTime};
/// use l402_client::{BudgetLimit, BudgetName, Journal};
///
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// let journal = Journal::open(&folder.join("client"))?;
/// let name: BudgetName = "research".parse()?;
/// journal.change_budget(&name, |budget| {
///     // A new budget is a child of `default`.
///     budget.limits = budget.limits.with(BudgetLimit::PerDay, Some(Msat::from_sat(500)));
///     true
/// })?;
/// let report = journal.budget_report(&name, UnixTime::from_secs(1_800_000_000))?;
/// assert_eq!(report.budget.parent, Some(BudgetName::default()));
/// let day = report.limits.iter().find(|line| line.which == BudgetLimit::PerDay);
/// assert_eq!(day.map(|line| line.left), Some(Some(Msat::from_sat(500))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Budget {
    /// The name.
    pub name: BudgetName,
    /// The budget that its payments count against as well. `None` for a root.
    pub parent: Option<BudgetName>,
    /// The limits of this budget itself.
    pub limits: BudgetLimits,
    /// The time since which nothing is paid from it, nor from those below it.
    pub stopped: Option<UnixTime>,
}

impl Budget {
    /// Returns a budget as it is before it is stored: without limits, and below `default`.
    #[must_use]
    pub fn new(name: BudgetName) -> Self {
        Self {
            parent: (!name.is_default()).then(BudgetName::default),
            name,
            limits: BudgetLimits::default(),
            stopped: None,
        }
    }

    /// Returns true if a payment that this budget refuses may be allowed once it is replaced by
    /// `other`: a limit is raised or taken away, it counts against another parent or none, or a stop
    /// ends. The limits that hold if none is set are held against roots.
    #[must_use]
    pub fn is_widened_by(&self, other: &Self) -> bool {
        let most = |budget: &Self, which| {
            let default = crate::Limits::default().beside(which, None);
            let default = default.filter(|_| budget.parent.is_none());
            budget.limits.of(which).or(default)
        };
        let mut limits = BudgetLimit::ALL.into_iter();
        let is_raised = limits.any(|which| match (most(self, which), most(other, which)) {
            (Some(old), Some(new)) => new > old,
            (old, new) => old.is_some() && new.is_none(),
        });
        is_raised
            || (self.parent.is_some() && self.parent != other.parent)
            || (self.stopped.is_some() && other.stopped.is_none())
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let name = |at| word(row, at, |text: &str| text.parse().ok());
        let parent: Option<String> = row.get(1)?;
        let mut limits = BudgetLimits::default();
        for (at, which) in BudgetLimit::ALL.into_iter().enumerate() {
            let msat: Option<u64> = row.get(at + 3)?;
            limits = limits.with(which, msat.map(Msat::new));
        }
        Ok(Self {
            name: name(0)?,
            parent: parent.map(|_| name(1)).transpose()?,
            limits,
            stopped: row.get::<_, Option<u64>>(2)?.map(UnixTime::from_secs),
        })
    }

    /// Writes the row of this budget.
    pub(super) fn write(&self, db: &Connection) -> rusqlite::Result<()> {
        let most = |which| self.limits.of(which).map(Msat::msat);
        db.prepare_cached(
            "INSERT OR REPLACE INTO budget (name, parent, stopped, per_request_msat, \
             per_origin_msat, per_payee_msat, per_hour_msat, per_day_msat, per_30_days_msat, \
             in_all_msat) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            self.name.as_str(),
            self.parent.as_ref().map(BudgetName::as_str),
            self.stopped
                .map(|since| since.secs().min(i64::MAX.unsigned_abs())),
            most(BudgetLimit::PerRequest),
            most(BudgetLimit::PerOrigin),
            most(BudgetLimit::PerPayee),
            most(BudgetLimit::PerHour),
            most(BudgetLimit::PerDay),
            most(BudgetLimit::Per30Days),
            most(BudgetLimit::InAll),
        ])?;
        Ok(())
    }
}

/// The columns of [`Budget::read`]; the limits stand in the order of [`BudgetLimit::ALL`].
const COLUMNS: &str = "name, parent, stopped, per_request_msat, per_origin_msat, per_payee_msat, \
                       per_hour_msat, per_day_msat, per_30_days_msat, in_all_msat";

/// Returns a budget, `default` also if it is not stored.
pub(super) fn find(db: &Connection, name: &BudgetName) -> rusqlite::Result<Option<Budget>> {
    let sql = format!("SELECT {COLUMNS} FROM budget WHERE name = ?1");
    let mut row = db.prepare_cached(&sql)?;
    let stored = row.query_row([name.as_str()], Budget::read).optional()?;
    Ok(stored.or_else(|| name.is_default().then(|| Budget::new(name.clone()))))
}

/// Returns all budgets by name, `default` among them and first.
pub(super) fn all(db: &Connection) -> rusqlite::Result<Vec<Budget>> {
    let sql = format!("SELECT {COLUMNS} FROM budget WHERE name <> 'default' ORDER BY name");
    let mut rows = db.prepare_cached(&sql)?;
    let others = rows.query_map([], Budget::read)?;
    let first = find(db, &BudgetName::default())?;
    first.map(Ok).into_iter().chain(others).collect()
}

/// Returns a budget and its parents, the root last. The inner error is one of the budgets: a name that
/// is not there, or parents that form a circle.
pub(in crate::journal) fn chain(
    db: &Connection,
    name: &BudgetName,
) -> rusqlite::Result<Result<Vec<Budget>, Error>> {
    let mut chain = Vec::new();
    let mut next = Some(name.clone());
    while let Some(name) = next {
        let Some(budget) = find(db, &name)? else {
            return Ok(Err(unknown(db, &name)?));
        };
        if chain.len() == DEPTH_MAX {
            let detail =
                format!("the parents of {name} form a circle, or are more than {DEPTH_MAX}");
            return Ok(Err(Error::store(detail)));
        }
        next = budget.parent.clone();
        chain.push(budget);
    }
    Ok(Ok(chain))
}

/// Returns the error of a name that is not there.
pub(super) fn unknown(db: &Connection, name: &BudgetName) -> rusqlite::Result<Error> {
    let known = all(db)?.into_iter().map(|budget| budget.name.to_string());
    Ok(Error::UnknownBudget {
        name: name.to_string(),
        known: known.collect(),
    })
}

/// Changes a budget in the transaction `db`. Returns an error of the budgets if the change cannot be
/// kept; the caller then rolls it back.
pub(in crate::journal) fn change(
    db: &Connection,
    name: &BudgetName,
    change: impl FnOnce(&mut Budget) -> bool,
) -> rusqlite::Result<Result<bool, Error>> {
    let mut budget = find(db, name)?.unwrap_or_else(|| Budget::new(name.clone()));
    if !change(&mut budget) {
        return Ok(Ok(false));
    }
    // The name is the key: another one would be another row.
    budget.name.clone_from(name);
    budget.write(db)?;
    let above = match chain(db, name)? {
        Ok(chain) => chain.len(),
        Err(error) => return Ok(Err(error)),
    };
    let below = height(db, name)?;
    if above + below > DEPTH_MAX {
        let detail = format!("more than {DEPTH_MAX} budgets would stand above one another");
        return Ok(Err(Error::store(detail)));
    }
    Ok(Ok(true))
}

/// Returns the number of generations below a budget, counted up to one more than may be.
fn height(db: &Connection, name: &BudgetName) -> rusqlite::Result<usize> {
    let sql = format!(
        "WITH RECURSIVE below(name, depth) AS (SELECT ?1, 0 UNION SELECT budget.name, depth + 1 \
         FROM below JOIN budget ON budget.parent = below.name WHERE depth <= {DEPTH_MAX}) \
         SELECT max(depth) FROM below"
    );
    db.query_row(&sql, [name.as_str()], |row| row.get(0))
}

/// Returns the refusal of a payment whose budget, or one above it, is stopped.
pub(in crate::journal) fn refuse_stopped(chain: &[Budget]) -> Option<Error> {
    let stopped = chain.iter().find(|budget| budget.stopped.is_some())?;
    let (first, since) = (chain.first()?, stopped.stopped?.to_rfc3339());
    let name = &stopped.name;
    let detail = if *name == first.name {
        format!("the budget {name} is stopped since {since}")
    } else {
        let first = &first.name;
        format!("the budget {name}, which {first} counts against, is stopped since {since}")
    };
    Some(Error::refused(Refused::BudgetStopped, detail))
}

/// The condition that no budget of a row of `purchase` is stopped.
pub(in crate::journal) const NOT_STOPPED: &str = "NOT EXISTS (WITH RECURSIVE above(name) AS \
    (SELECT coalesce(purchase.budget, 'default') UNION SELECT budget.parent FROM above \
    JOIN budget ON budget.name = above.name WHERE budget.parent IS NOT NULL) \
    SELECT 1 FROM above JOIN budget ON budget.name = above.name WHERE budget.stopped IS NOT NULL)";
