//! The last step: a purchase with its proof, until its answer was had.

use http::HeaderValue;
use l402::{PaymentHash, UnixTime};
use rusqlite::params;

use super::Store;
use crate::UseReport;
use crate::journal::row::Purchase;
use crate::journal::stopped::NOT_SERVED;
use crate::journal::{BudgetName, Scope, State, Stop};

/// The most purchases of other paths that one call looks at.
const OTHER_PATHS_MAX: u32 = 100;

/// The condition that a row is of the budget that is the fifth parameter. Null stands for any.
const OF_BUDGET: &str = "(?5 IS NULL OR coalesce(budget, 'default') = ?5)";

/// Paid, and the proof is durable: the only step with a credential.
///
/// ```
/// use l402_client::step::Paid;
/// fn next(step: &Paid) -> Option<http::HeaderValue> {
///     step.credential()
/// }
/// ```
///
/// A value cannot be made elsewhere (E0423, private fields):
///
/// ```compile_fail,E0423
/// use l402_client::step::Paid;
/// fn unrecorded() -> Paid {
///     Paid(todo!())
/// }
/// ```
///
/// Nothing is presented that is not paid (E0599, only [`Paid`] has `credential`):
///
/// ```compile_fail,E0599
/// use l402_client::step::InFlight;
/// fn too_early(step: &InFlight) -> Option<http::HeaderValue> {
///     step.credential()
/// }
/// ```
///
/// None is marked as served twice (E0382, use of a moved value):
///
/// ```compile_fail,E0382
/// use l402::UnixTime;
/// use l402_client::step::{Paid, Store};
/// fn twice(store: &mut Store, step: Paid, now: UnixTime) {
///     let _first = store.served(step, "/", None, now);
///     let _second = store.served(step, "/", None, now);
/// }
/// ```
#[derive(Debug)]
#[must_use = "a paid purchase is presented, or stays to be"]
pub struct Paid(Box<Purchase>);

impl Paid {
    /// Returns the step of a row that has its proof and was not refused. An invoice without a token
    /// is none: nothing that presents can get hold of one.
    fn of(purchase: Purchase) -> Option<Self> {
        Self::settled(purchase).filter(|paid| !paid.0.is_invoice())
    }

    /// Returns the step of a row that was just settled, that of an invoice without a credential.
    pub(super) fn settled(purchase: Purchase) -> Option<Self> {
        let is_paid = matches!(purchase.state, State::Paid | State::Served);
        (is_paid && purchase.is_proven()).then(|| Self(Box::new(purchase)))
    }

    /// The value of the credential header, under the scheme that the server used, the token byte
    /// for byte. `None` if it does not fit into a header, and for an invoice.
    pub fn credential(&self) -> Option<HeaderValue> {
        self.0.authorization()
    }

    /// The row as it was when it was read.
    pub(crate) fn row(&self) -> &Purchase {
        &self.0
    }
}

impl Store {
    /// Returns a purchase of before, if it is paid and was not refused.
    pub(crate) fn paid(&mut self, hash: &PaymentHash) -> rusqlite::Result<Option<Paid>> {
        Ok(self.purchase(hash)?.and_then(Paid::of))
    }

    /// Purchases of a scope whose token is worth presenting: what was never served first, the
    /// oldest before the newer; then what can be used again, the newest first. A token that was
    /// never served is tried past its time, too: that it was for nothing must not go unnoticed.
    /// With `budget`, only what was paid from it.
    pub(crate) fn usable(
        &mut self,
        scope: &Scope,
        budget: Option<&BudgetName>,
        now: UnixTime,
    ) -> rusqlite::Result<Vec<Paid>> {
        let sql = format!(
            "SELECT {} FROM purchase WHERE origin = ?1 AND path = ?2 AND host IS ?4 AND live \
             AND {OF_BUDGET} AND (state = 'paid' OR (state = 'served' AND coalesce(valid_until > ?3, 1))) \
             ORDER BY state = 'served', CASE state WHEN 'paid' THEN created ELSE -created END, rowid",
            Purchase::COLUMNS
        );
        let budget = budget.map(BudgetName::as_str);
        let params = params![scope.origin, scope.path, now.secs(), scope.host, budget];
        let mut rows = self.db().prepare_cached(&sql)?;
        let rows = rows.query_map(params, Purchase::read)?;
        rows.filter_map(|row| row.map(Paid::of).transpose())
            .collect()
    }

    /// Purchases of the same origin and another path whose token has not ended, the newest first.
    /// Whether one is for `scope`, too, its token and its past must say. With `budget`, only what was
    /// paid from it.
    pub(crate) fn of_other_paths(
        &mut self,
        scope: &Scope,
        budget: Option<&BudgetName>,
        now: UnixTime,
    ) -> rusqlite::Result<Vec<Paid>> {
        let sql = format!(
            "SELECT {} FROM purchase WHERE origin = ?1 AND path <> ?2 AND host IS ?4 AND live \
             AND {OF_BUDGET} AND state IN ('paid', 'served') AND coalesce(valid_until > ?3, 1) \
             ORDER BY created DESC, rowid DESC LIMIT {OTHER_PATHS_MAX}",
            Purchase::COLUMNS
        );
        let budget = budget.map(BudgetName::as_str);
        let params = params![scope.origin, scope.path, now.secs(), scope.host, budget];
        let mut rows = self.db().prepare_cached(&sql)?;
        let rows = rows.query_map(params, Purchase::read)?;
        rows.filter_map(|row| row.map(Paid::of).transpose())
            .collect()
    }

    /// The answer of `path` was had to its end. A token that was its last is not presented again,
    /// and what the answer tells of the token is kept. The seller has served, so a stop of it ends.
    ///
    /// # Errors
    /// If the file cannot be written: the token is tried once more.
    pub fn served(
        &mut self,
        step: Paid,
        path: &str,
        told: Option<UseReport>,
        now: UnixTime,
    ) -> rusqlite::Result<()> {
        let Paid(purchase) = step;
        let (accepted, folder) = purchase.accepted_at(path);
        let is_last = told.is_some_and(|told| told.is_last()) || purchase.is_single_use();
        let (uses_left, until) = columns(told);
        // A token without a count that is used for the hundredth time changes nothing, and costs no
        // write.
        self.db().execute(
            "UPDATE purchase SET state = 'served', live = live AND NOT ?2, updated = ?3, \
             accepted = ?4, folder = ?5, uses_left = coalesce(?6, uses_left), \
             told_until = coalesce(?7, told_until), \
             note = CASE WHEN substr(note, 1, length(?8)) = ?8 THEN '' ELSE note END \
             WHERE payment_hash = ?1 AND (state = 'paid' \
             OR (state = 'served' AND live AND (?2 OR accepted <> ?4 OR folder IS NOT ?5 \
             OR coalesce(?6, uses_left) IS NOT uses_left \
             OR coalesce(?7, told_until) IS NOT told_until)))",
            params![
                purchase.payment_hash.as_bytes(),
                is_last,
                now.secs(),
                accepted,
                folder,
                uses_left,
                until,
                NOT_SERVED
            ],
        )?;
        self.resume(&Stop::Host(purchase.scope.seller()))
    }

    /// An answer that leaves the purchase as it was tells what the token is still good for.
    ///
    /// # Errors
    /// If the file cannot be written: the token is listed with what was told before.
    pub fn note_use(&mut self, step: Paid, told: UseReport) -> rusqlite::Result<()> {
        let Paid(purchase) = step;
        let (uses_left, until) = columns(Some(told));
        self.db().execute(
            "UPDATE purchase SET uses_left = coalesce(?2, uses_left), \
             told_until = coalesce(?3, told_until) WHERE payment_hash = ?1 \
             AND (coalesce(?2, uses_left) IS NOT uses_left \
             OR coalesce(?3, told_until) IS NOT told_until)",
            params![purchase.payment_hash.as_bytes(), uses_left, until],
        )?;
        Ok(())
    }

    /// The server refused the credential without a reason: it stays to be presented once more.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn refused_once(&mut self, step: Paid, note: &str, now: UnixTime) -> rusqlite::Result<()> {
        let Paid(purchase) = step;
        self.db().execute(
            "UPDATE purchase SET refusals = refusals + 1, note = ?2, updated = ?3 \
             WHERE payment_hash = ?1 AND state = 'paid'",
            params![purchase.payment_hash.as_bytes(), note, now.secs()],
        )?;
        Ok(())
    }

    /// The server refused the credential for good: kept for a claim.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn refused(&mut self, step: Paid, note: &str, now: UnixTime) -> rusqlite::Result<()> {
        let Paid(purchase) = step;
        self.moved(
            &purchase.payment_hash,
            (State::Paid, State::Refused),
            note,
            now,
        )
    }

    /// Returns true if the seller has refused another purchase for good since it last served one.
    pub(crate) fn has_refused_another(
        &mut self,
        scope: &Scope,
        hash: &PaymentHash,
    ) -> rusqlite::Result<bool> {
        self.db()
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM purchase WHERE origin = ?1 AND host IS ?2 \
                 AND state = 'refused' AND payment_hash <> ?3 AND updated > coalesce(\
                 (SELECT max(updated) FROM purchase WHERE origin = ?1 AND host IS ?2 \
                 AND state = 'served'), 0))",
            )?
            .query_row(params![scope.origin, scope.host, hash.as_bytes()], |row| {
                row.get(0)
            })
    }

    /// Stops presenting a token; the purchase stays what it was. Its time stays as well: that of a
    /// served one is its last delivery, from which a seller's failures are counted.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn evict(&mut self, step: Paid) -> rusqlite::Result<()> {
        let Paid(purchase) = step;
        self.db().execute(
            "UPDATE purchase SET live = 0 WHERE payment_hash = ?1",
            params![purchase.payment_hash.as_bytes()],
        )?;
        Ok(())
    }
}

/// Returns the report as the columns `uses_left` and `told_until`. The server chooses the numbers, so
/// that they are cut to what a column holds.
fn columns(told: Option<UseReport>) -> (Option<i64>, Option<i64>) {
    let bounded = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let uses_left = told.and_then(|told| told.uses_left).map(bounded);
    let until = told.and_then(|told| told.expires);
    (uses_left, until.map(|until| bounded(until.secs())))
}
