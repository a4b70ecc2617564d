//! The sums that a hook is told.

use l402::{Msat, UnixTime};

use super::BudgetName;
use super::check::lowest;
use super::spent::{Share, Spending};
use super::tree::chain;
use crate::journal::step::Store;
use crate::{BudgetLimit, Limits};

/// Sums of the journal, fees included: the money that a budget and those below it have paid, and what
/// may still go through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpentTotals {
    /// The sum of 60 minutes, a rolling window, as are all that follow.
    pub hour: Msat,
    /// The sum of 24 hours.
    pub day: Msat,
    /// The part of the 24 hours at the origin of this payment.
    pub origin_day: Msat,
    /// The part of the 24 hours that the payee of this payment got.
    pub payee_day: Msat,
    /// The sum of 30 days.
    pub month: Msat,
    /// The sum from the first payment on.
    pub in_all: Msat,
}

impl Store {
    /// Returns the sums that count for a budget without `own`, the cost of a purchase whose intent is
    /// in the file, and the most that one request may cost, `None` without such a limit.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(crate) fn totals(
        &mut self,
        (budget, limits): (&BudgetName, &Limits),
        (origin, payee): (&str, &str),
        own: Msat,
        now: UnixTime,
    ) -> rusqlite::Result<(SpentTotals, Option<Msat>)> {
        let db = &*self.db();
        let spending = Spending { db, budget, now };
        // The intent counts in each of them.
        let without_own = |which, share: Share<'_>| -> rusqlite::Result<Msat> {
            let sum = spending.of(which, share)?;
            Ok(sum.checked_sub(own).unwrap_or(Msat::ZERO))
        };
        let totals = SpentTotals {
            hour: without_own(BudgetLimit::PerHour, Share::All)?,
            day: without_own(BudgetLimit::PerDay, Share::All)?,
            origin_day: without_own(BudgetLimit::PerOrigin, Share::Origin(origin))?,
            payee_day: without_own(BudgetLimit::PerPayee, Share::Payee(payee))?,
            month: without_own(BudgetLimit::Per30Days, Share::All)?,
            in_all: without_own(BudgetLimit::InAll, Share::All)?,
        };
        let chain = chain(db, budget)?.unwrap_or_default();
        Ok((totals, lowest(&chain, limits, BudgetLimit::PerRequest)))
    }
}
