//! The sums that limits are held against.
//!
//! A sum over a window is what the hours that lie wholly in it have, and the rows of the hour in which
//! it begins. What may still go through counts in every window, whatever its age, and so does what is
//! dated ahead, for the clock may have been set back.

use std::time::Duration;

use l402::{Msat, UnixTime};
use rusqlite::{Connection, Params, Row, params};

use super::BudgetName;
use crate::BudgetLimit;

/// The seconds of an hour of the table `spent`.
const HOUR: u64 = 60 * 60;

/// The names of a budget and of all below it, with the budget as the first parameter.
const BELOW: &str = "WITH RECURSIVE below(name) AS (SELECT ?1 UNION SELECT budget.name FROM below \
                     JOIN budget ON budget.parent = below.name)";

/// The cost of a row. `max`: an open row has no paid amount yet, and a wallet may report that it paid
/// more than the invoice asked.
const COST: &str = "max(amount_msat, paid_msat) AS cost, fee_msat";

/// The rows of money that has moved. The plus keeps the index on `state` out of it.
const SETTLED: &str = "+state IN ('paid', 'paid_no_proof', 'refused', 'served')";

/// The rows of money that may still move.
const OPEN: &str = "state IN ('intent', 'unknown')";

const IN_BUDGET: &str = "coalesce(budget, 'default') IN (SELECT name FROM below)";

/// The part of a budget's money that one limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Share<'a> {
    /// All of the money.
    All,
    /// The payments to one origin.
    Origin(&'a str),
    /// The payments to one payee.
    Payee(&'a str),
}

/// The money of one budget and of those below it, as it stands at `now`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spending<'a> {
    pub(super) db: &'a Connection,
    pub(super) budget: &'a BudgetName,
    pub(super) now: UnixTime,
}

impl Spending<'_> {
    /// Returns the sum that counts against a limit. Zero for the limit of a request, which counts
    /// nothing that was spent before.
    pub(super) fn of(&self, which: BudgetLimit, share: Share<'_>) -> rusqlite::Result<Msat> {
        let settled = match (which, which.window()) {
            (BudgetLimit::PerRequest, _) => return Ok(Msat::ZERO),
            (_, None) => self.settled_ever()?,
            (_, Some(window)) => self.settled(self.begin(window), share)?,
        };
        Ok(settled.saturating_add(self.open(share)?))
    }

    /// The second that begins a window, itself outside of it.
    fn begin(&self, window: Duration) -> u64 {
        self.now.secs().saturating_sub(window.as_secs())
    }

    fn sum(&self, sql: &str, params: impl Params) -> rusqlite::Result<Msat> {
        let sql = format!("{BELOW} {sql}");
        let mut rows = self.db.prepare_cached(&sql)?;
        let rows = rows.query_map(params, cost)?;
        // Here and not in SQL, whose `sum` ends in an error if it is too large.
        rows.into_iter()
            .try_fold(Msat::ZERO, |sum, cost| Ok(sum.saturating_add(cost?)))
    }

    fn settled_ever(&self) -> rusqlite::Result<Msat> {
        let sql = "SELECT msat, 0 FROM below CROSS JOIN spent \
                   ON spent.budget = below.name AND spent.hour = -1";
        self.sum(sql, [self.budget.as_str()])
    }

    fn settled(&self, begin: u64, share: Share<'_>) -> rusqlite::Result<Msat> {
        let budget = self.budget.as_str();
        let rows = format!("SELECT {COST} FROM purchase WHERE {SETTLED} AND {IN_BUDGET}");
        match share {
            Share::All => {
                let hours = "SELECT msat, 0 FROM below CROSS JOIN spent \
                             ON spent.budget = below.name AND spent.hour > ?2";
                let hours = self.sum(hours, params![budget, begin / HOUR])?;
                let end = (begin / HOUR).saturating_add(1).saturating_mul(HOUR);
                let rows = self.sum(
                    &format!("{rows} AND paid_at > ?2 AND paid_at < ?3"),
                    params![budget, begin, end.min(i64::MAX.unsigned_abs())],
                )?;
                Ok(hours.saturating_add(rows))
            }
            Share::Origin(origin) => self.sum(
                &format!("{rows} AND origin = ?3 AND paid_at > ?2"),
                params![budget, begin, origin],
            ),
            // A row of an older file names no payee. It may have been any.
            Share::Payee(payee) => self.sum(
                &format!(
                    "{rows} AND payee = ?3 AND paid_at > ?2 \
                     UNION ALL {rows} AND payee IS NULL AND paid_at > ?2"
                ),
                params![budget, begin, payee],
            ),
        }
    }

    fn open(&self, share: Share<'_>) -> rusqlite::Result<Msat> {
        let budget = self.budget.as_str();
        let rows = format!("SELECT {COST} FROM purchase WHERE {OPEN} AND {IN_BUDGET}");
        match share {
            Share::All => self.sum(&rows, [budget]),
            Share::Origin(origin) => {
                self.sum(&format!("{rows} AND origin = ?2"), params![budget, origin])
            }
            Share::Payee(payee) => self.sum(
                &format!("{rows} AND coalesce(payee, ?2) = ?2"),
                params![budget, payee],
            ),
        }
    }

    /// Returns the time at which payments of the sum `wanted` have left the window of a limit, if
    /// nothing else is bought. `None` if those that are settled in it are less, or if the limit has no
    /// window. What may still go through has no such time.
    pub(super) fn frees(
        &self,
        which: BudgetLimit,
        share: Share<'_>,
        wanted: Msat,
    ) -> rusqlite::Result<Option<UnixTime>> {
        let Some(window) = which.window() else {
            return Ok(None);
        };
        // In the order of an index, so that the walk ends at the row that frees enough.
        let (of_share, share) = match share {
            Share::All => ("?3 = ''", ""),
            Share::Origin(origin) => ("origin = ?3", origin),
            Share::Payee(payee) => ("coalesce(payee, ?3) = ?3", payee),
        };
        let sql = format!(
            "{BELOW} SELECT {COST}, paid_at FROM purchase WHERE {SETTLED} AND {IN_BUDGET} \
             AND {of_share} AND paid_at > ?2 ORDER BY paid_at"
        );
        let mut rows = self.db.prepare_cached(&sql)?;
        let mut rows = rows.query(params![self.budget.as_str(), self.begin(window), share])?;
        let mut sum = Msat::ZERO;
        while let Some(row) = rows.next()? {
            sum = sum.saturating_add(cost(row)?);
            if sum >= wanted {
                let paid_at = UnixTime::from_secs(row.get(2)?);
                return Ok(Some(paid_at.saturating_add(window)));
            }
        }
        Ok(None)
    }
}

/// Returns the statement for the value of a column, `origin` or `payee`, that most counts for. `total`
/// and not `sum`: it only orders.
pub(super) fn largest_of(column: &str) -> String {
    format!(
        "{BELOW} SELECT of FROM (\
         SELECT {column} AS of, {COST} FROM purchase WHERE {SETTLED} AND {IN_BUDGET} AND paid_at > ?2 \
         UNION ALL SELECT {column}, {COST} FROM purchase WHERE {OPEN} AND {IN_BUDGET}) \
         WHERE of IS NOT NULL GROUP BY of ORDER BY total(cost) + total(fee_msat) DESC, of LIMIT 1"
    )
}

/// Reads the first two columns of a row as the amount and the fee.
fn cost(row: &Row<'_>) -> rusqlite::Result<Msat> {
    Ok(Msat::new(row.get(0)?).saturating_add(Msat::new(row.get(1)?)))
}
