//! The budget: the limits, held against the money in the journal.

use std::time::Duration;

use l402::{Msat, PaymentHash, UnixTime};
use rusqlite::{Connection, OptionalExtension, params};

use crate::{BudgetLimit, Error, Limits};

/// The rolling window of [`Limits::per_day`], in seconds.
const WINDOW_SECS: u64 = 24 * 60 * 60;

impl Limits {
    /// Returns the fee limit to pay `amount` with, after `spent` has been spent or reserved within the
    /// window. The amount is never lowered; the fee is lowered to what the limits leave.
    pub(super) fn allow(&self, amount: Msat, spent: Msat) -> Result<Msat, Error> {
        let wanted = self.max_fee(amount);
        let cost = amount.saturating_add(wanted);
        let most = |which| self.beside(which, None).unwrap_or(Msat::MAX);
        let per_day = most(BudgetLimit::PerDay);
        let per_request = most(BudgetLimit::PerRequest);
        let left_today = per_day.checked_sub(spent).unwrap_or(Msat::ZERO);
        // The request first: waiting does not help against its limit, so it is the one to name.
        let rules = [
            (BudgetLimit::PerRequest, per_request, per_request),
            (BudgetLimit::PerDay, per_day, left_today),
        ];
        rules
            .into_iter()
            .try_fold(wanted, |fee, (which, limit, left)| {
                let room = left.checked_sub(amount).ok_or(Error::OverBudget {
                    cost,
                    limit,
                    which,
                    spent: match which {
                        BudgetLimit::PerDay => spent,
                        _ => Msat::ZERO,
                    },
                    frees: None,
                })?;
                Ok(fee.min(room))
            })
    }
}

/// Returns the sum that counts against the day: settled payments of the window with their fees, and
/// payments of any age that may still go through. Rows that are dated ahead count, for the clock may
/// have been set back.
pub(super) fn spent(db: &Connection, now: UnixTime) -> rusqlite::Result<Msat> {
    let begin = now.secs().saturating_sub(WINDOW_SECS);
    // `max`: an open row has no paid amount yet, and a wallet may report that it paid more than the
    // invoice asked.
    let mut rows = db.prepare_cached(
        "SELECT max(amount_msat, paid_msat), fee_msat FROM purchase \
         WHERE state IN ('intent', 'unknown') \
         OR (state IN ('paid', 'paid_no_proof', 'refused', 'served') AND paid_at > ?1)",
    )?;
    let rows = rows.query_map([begin], |row| {
        Ok(Msat::new(row.get(0)?).saturating_add(Msat::new(row.get(1)?)))
    })?;
    rows.into_iter()
        .try_fold(Msat::ZERO, |sum, cost| Ok(sum.saturating_add(cost?)))
}

/// The rows in which a wallet did what it must not: routing over its limit, more than the invoice
/// asked, or a payment that its preimage does not prove. Whole satoshi are no fault: some wallets have
/// nothing finer, and round up.
const BROKEN: &str = "(fee_msat > fee_limit_msat OR paid_msat > (amount_msat + 999) / 1000 * 1000 \
                      OR state = 'paid_no_proof')";

/// Adds to an error about the day's limit when enough of it is free again for `amount`: the time at
/// which the oldest payments that count have left the window.
pub(super) fn with_end(
    db: &Connection,
    mut over: Error,
    amount: Msat,
    now: UnixTime,
) -> rusqlite::Result<Error> {
    if let Error::OverBudget {
        which: BudgetLimit::PerDay,
        limit,
        spent,
        frees,
        ..
    } = &mut over
    {
        let wanted = spent.saturating_add(amount).checked_sub(*limit);
        *frees = freed(db, wanted.unwrap_or(Msat::ZERO), now)?;
    }
    Ok(over)
}

/// Returns the time at which payments of this sum have left the window; `None` if those that count
/// are less. What is reserved has no such time.
fn freed(db: &Connection, wanted: Msat, now: UnixTime) -> rusqlite::Result<Option<UnixTime>> {
    let begin = now.secs().saturating_sub(WINDOW_SECS);
    let mut rows = db.prepare_cached(
        "SELECT paid_at, max(amount_msat, paid_msat), fee_msat FROM purchase \
         WHERE state IN ('paid', 'paid_no_proof', 'refused', 'served') AND paid_at > ?1 \
         ORDER BY paid_at",
    )?;
    let mut rows = rows.query([begin])?;
    let mut sum = Msat::ZERO;
    while let Some(row) = rows.next()? {
        let cost = Msat::new(row.get(1)?).saturating_add(Msat::new(row.get(2)?));
        sum = sum.saturating_add(cost);
        if sum >= wanted {
            let left = UnixTime::from_secs(row.get(0)?);
            return Ok(Some(left.saturating_add(Duration::from_secs(WINDOW_SECS))));
        }
    }
    Ok(None)
}

/// Returns the error for a wallet that has done within the window what it must not, or `None` for
/// any other wallet.
pub(super) fn broken_limit(
    db: &Connection,
    wallet: &str,
    now: UnixTime,
) -> rusqlite::Result<Option<Error>> {
    let begin = now.secs().saturating_sub(WINDOW_SECS);
    // By name: another wallet has broken nothing, and the caller must have a way to go on.
    let sql = format!(
        "SELECT payment_hash, fee_msat, fee_limit_msat, paid_msat, amount_msat, \
         state = 'paid_no_proof' FROM purchase \
         WHERE paid_at > ?1 AND wallet = ?2 AND {BROKEN} ORDER BY paid_at DESC"
    );
    let mut rows = db.prepare_cached(&sql)?;
    let found = rows.query_row(params![begin, wallet], |row| {
        let hash = PaymentHash::from_bytes(row.get(0)?);
        let limit: Option<u64> = row.get(2)?;
        let (fee, paid, amount) = (row.get(1)?, row.get(3)?, row.get(4)?);
        let [fee, paid, amount] = [fee, paid, amount].map(Msat::new);
        let what = if row.get(5)? {
            format!("{wallet} says that it paid {hash}, and what it gave does not prove it")
        } else if limit.is_some_and(|limit| fee > Msat::new(limit)) {
            let limit = Msat::new(limit.unwrap_or_default());
            format!("{wallet} paid {fee} for the routing of {hash}, where {limit} were allowed")
        } else {
            format!("{wallet} paid {paid} for {hash}, where the invoice asked {amount}")
        };
        let detail = format!(
            "{what}; it is asked for nothing within 24 hours of that, use another wallet or mend it"
        );
        Ok(Error::Wallet { detail })
    });
    found.optional()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused_by(verdict: Result<Msat, Error>) -> BudgetLimit {
        match verdict {
            Err(Error::OverBudget { which, .. }) => which,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_the_fee_gives_way() {
        let limits = Limits::default();
        let allow = |amount, spent| limits.allow(Msat::new(amount), Msat::new(spent));
        assert_eq!(allow(50_000, 0).unwrap(), Msat::from_sat(10));
        assert_eq!(allow(995_000, 0).unwrap(), Msat::from_sat(5));
        assert_eq!(allow(1_000_000, 0).unwrap(), Msat::ZERO);
        assert_eq!(refused_by(allow(1_000_001, 0)), BudgetLimit::PerRequest);
        assert_eq!(allow(50_000, 9_949_999).unwrap(), Msat::new(1));
        assert_eq!(allow(50_000, 9_950_000).unwrap(), Msat::ZERO);
        assert_eq!(refused_by(allow(50_000, 9_950_001)), BudgetLimit::PerDay);
        assert_eq!(refused_by(allow(1, u64::MAX)), BudgetLimit::PerDay);
        assert_eq!(
            refused_by(allow(u64::MAX, u64::MAX)),
            BudgetLimit::PerRequest
        );
    }
}
