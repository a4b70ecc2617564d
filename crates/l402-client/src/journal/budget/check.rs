//! The check of a payment: limits of its budget, of all parents, and of the client.

use l402::{Msat, UnixTime};
use rusqlite::Connection;

use super::spent::{Share, Spending};
use super::{Budget, BudgetName};
use crate::{BudgetLimit, Error, Limits};

/// The order in which limits are looked at; the first that is exceeded is the one to name. Waiting
/// does not help against that of a request, and helps the less against a window the longer it is.
const ORDER: [BudgetLimit; 7] = [
    BudgetLimit::PerRequest,
    BudgetLimit::InAll,
    BudgetLimit::Per30Days,
    BudgetLimit::PerDay,
    BudgetLimit::PerOrigin,
    BudgetLimit::PerPayee,
    BudgetLimit::PerHour,
];

/// The part of a payment that limits ask about.
#[derive(Clone, Copy, Debug)]
pub(in crate::journal) struct Payment<'a> {
    pub(in crate::journal) amount: Msat,
    pub(in crate::journal) origin: &'a str,
    pub(in crate::journal) payee: &'a str,
}

/// Returns the fee limit to make a payment with. The amount is never lowered; the fee is lowered to
/// what the limits leave. The inner error is [`Error::OverBudget`].
pub(in crate::journal) fn allow(
    db: &Connection,
    chain: &[Budget],
    limits: &Limits,
    payment: Payment<'_>,
    now: UnixTime,
) -> rusqlite::Result<Result<Msat, Error>> {
    let wanted = limits.max_fee(payment.amount);
    let mut fee = wanted;
    for which in ORDER {
        for rule in rules(chain, limits, which) {
            match rule.left_for_fee(db, payment, wanted, now)? {
                Ok(left) => fee = fee.min(left),
                Err(error) => return Ok(Err(error)),
            }
        }
    }
    Ok(Ok(fee))
}

/// Returns the lowest amount that a limit has, of any budget or of the client.
pub(super) fn lowest(chain: &[Budget], limits: &Limits, which: BudgetLimit) -> Option<Msat> {
    rules(chain, limits, which).map(|rule| rule.most).min()
}

/// One limit that a payment keeps.
struct Rule<'a> {
    which: BudgetLimit,
    most: Msat,
    /// The budget whose money counts.
    counts: &'a BudgetName,
    /// The budget that the limit is stored for; `None` for a limit of the client.
    stored_for: Option<&'a BudgetName>,
}

/// Returns the rules of one limit, the client's own last.
fn rules<'a>(
    chain: &'a [Budget],
    limits: &'a Limits,
    which: BudgetLimit,
) -> impl Iterator<Item = Rule<'a>> {
    let stored = chain.iter().filter_map(move |budget| {
        Some(Rule {
            which,
            most: budget.limits.of(which)?,
            counts: &budget.name,
            stored_for: Some(&budget.name),
        })
    });
    // Against the root: a client that names another budget does not begin anew.
    let own = chain.last().and_then(move |root| {
        Some(Rule {
            which,
            most: limits.beside(which, root.limits.of(which))?,
            counts: &root.name,
            stored_for: None,
        })
    });
    stored.chain(own)
}

impl Rule<'_> {
    /// Returns what the limit leaves for the fee.
    fn left_for_fee(
        &self,
        db: &Connection,
        payment: Payment<'_>,
        fee: Msat,
        now: UnixTime,
    ) -> rusqlite::Result<Result<Msat, Error>> {
        let share = match self.which {
            BudgetLimit::PerOrigin => Share::Origin(payment.origin),
            BudgetLimit::PerPayee => Share::Payee(payment.payee),
            _ => Share::All,
        };
        let spending = Spending {
            db,
            budget: self.counts,
            now,
        };
        let spent = spending.of(self.which, share)?;
        let left = self.most.checked_sub(spent).unwrap_or(Msat::ZERO);
        if let Some(left) = left.checked_sub(payment.amount) {
            return Ok(Ok(left));
        }
        let over = spent.saturating_add(payment.amount).checked_sub(self.most);
        // A payment above the whole limit is never allowed, however long one waits.
        let frees = match over {
            Some(over) if payment.amount <= self.most => spending.frees(self.which, share, over)?,
            _ => None,
        };
        Ok(Err(Error::OverBudget {
            cost: payment.amount.saturating_add(fee),
            limit: self.most,
            which: self.which,
            budget: self.stored_for.map(ToString::to_string),
            spent,
            frees,
        }))
    }
}
