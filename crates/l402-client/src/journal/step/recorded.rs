//! The first step: limits and intent, in one transaction.

use l402::{Msat, PaymentHash, UnixTime};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::Store;
use super::terms::Terms;
use crate::failpoint::{self, Step};
use crate::journal::State;
use crate::journal::Stop;
use crate::journal::budget::{Payment, allow, broken_limit, chain, refuse_stopped};
use crate::journal::row::{Draft, state};
use crate::journal::stopped::unserved_in_a_row;
use crate::journal::store::{NEWEST, bounded};
use crate::{Error, Limits};

/// An intent that is durable. No wallet has been asked.
///
/// ```
/// use l402::UnixTime;
/// use l402_client::step::{Recorded, Sent, Store};
/// fn next(store: &mut Store, step: Recorded, now: UnixTime) -> Option<Sent> {
///     store.sent(step, now).ok()?
/// }
/// ```
///
/// A value cannot be made elsewhere (E0423, private fields):
///
/// ```compile_fail,E0423
/// use l402_client::step::Recorded;
/// fn unrecorded() -> Recorded {
///     Recorded(todo!())
/// }
/// ```
///
/// None is sent twice (E0382, use of a moved value):
///
/// ```compile_fail,E0382
/// use l402::UnixTime;
/// use l402_client::step::{Recorded, Sent, Store};
/// fn twice(store: &mut Store, step: Recorded, now: UnixTime) -> Option<Sent> {
///     let _first = store.sent(step, now);
///     store.sent(step, now).ok()?
/// }
/// ```
///
/// No wallet is asked with one (E0599, only [`Sent`](super::Sent) has `ask`):
///
/// ```compile_fail,E0599
/// use std::time::Duration;
/// use l402_client::step::Recorded;
/// use l402_lightning::Pay;
/// fn too_early(wallet: &dyn Pay, step: Recorded) {
///     let _ = step.ask(wallet, Duration::ZERO);
/// }
/// ```
#[derive(Debug)]
#[must_use = "an intent that goes nowhere keeps its amount reserved"]
pub struct Recorded(pub(super) Terms);

/// The outcome of [`Store::reserve`].
pub(crate) enum ReserveOutcome {
    /// Durable; the wallet may be asked.
    Made(Recorded),
    /// A limit or a stop of the budget says no, or the wallet has broken a limit.
    Denied(Error),
    /// This very invoice has been paid, or may have been.
    Taken(State),
}

impl Recorded {
    pub(crate) fn payment_hash(&self) -> PaymentHash {
        self.0.payment_hash
    }

    /// The most that routing may cost within the limits.
    pub(crate) fn max_fee(&self) -> Msat {
        self.0.max_fee
    }
}

impl Store {
    /// Checks the limits and writes the intent, in one transaction that is synced when this
    /// returns. `window` is the time for the budget, `now` the one to write down where the file
    /// holds no later one.
    pub(crate) fn reserve(
        &mut self,
        draft: &Draft,
        limits: &Limits,
        window: UnixTime,
        now: UnixTime,
    ) -> rusqlite::Result<ReserveOutcome> {
        let tx = self
            .db()
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let earlier = tx
            .query_row(
                "SELECT state FROM purchase WHERE payment_hash = ?1",
                [draft.quote.payment_hash.as_bytes()],
                |row| state(row, 0),
            )
            .optional()?;
        // Only a payment that certainly failed may be begun again with the same invoice.
        if let Some(taken) = earlier.filter(|state| *state != State::Failed) {
            return Ok(ReserveOutcome::Taken(taken));
        }
        let budgets = match chain(&tx, &draft.budget)? {
            Ok(budgets) => budgets,
            Err(error) => return Ok(ReserveOutcome::Denied(error)),
        };
        if let Some(error) = refuse_stopped(&budgets) {
            return Ok(ReserveOutcome::Denied(error));
        }
        let seller = Stop::Host(draft.scope.seller());
        if draft.despite_stop {
            seller.end(&tx)?;
        } else if let Some(stopped) = seller.find(&tx, window)? {
            return Ok(ReserveOutcome::Denied(
                stopped.refusal(&draft.scope.seller()),
            ));
        } else if let Some(error) = unserved_in_a_row(&tx, &draft.scope, window)? {
            return Ok(ReserveOutcome::Denied(error));
        }
        if let Some(error) = broken_limit(&tx, &draft.wallet, window)? {
            return Ok(ReserveOutcome::Denied(error));
        }
        let payment = Payment {
            amount: draft.quote.amount,
            origin: &draft.scope.origin,
            payee: &draft.quote.payee,
        };
        let max_fee = match allow(&tx, &budgets, limits, payment, window)? {
            Ok(max_fee) => max_fee,
            Err(over) => return Ok(ReserveOutcome::Denied(over)),
        };
        insert(&tx, draft, max_fee, now)?;
        failpoint::hit(Step::IntentWritten);
        tx.commit()?;
        Ok(ReserveOutcome::Made(Recorded(Terms::of(draft, max_fee))))
    }

    /// Gives up an intent, for which no wallet is asked any more: its amount is free again.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn unasked(&mut self, step: Recorded, note: &str, now: UnixTime) -> rusqlite::Result<()> {
        let Recorded(terms) = step;
        self.moved(
            &terms.payment_hash,
            (State::Intent, State::Failed),
            note,
            now,
        )
    }
}

/// A failed attempt at the same invoice makes way.
fn insert(db: &Connection, draft: &Draft, max_fee: Msat, now: UnixTime) -> rusqlite::Result<()> {
    // Dated no earlier than the newest row: a clock that was set back must not free the budget.
    let sql = format!(
        "INSERT OR REPLACE INTO purchase (payment_hash, origin, path, state, amount_msat, \
         paid_msat, fee_msat, created, updated, expires, note, network, invoice, scheme, token, \
         policy, valid_until, live, wallet, fee_limit_msat, request, host, payee, budget) VALUES (?1, ?2, ?3, \
         'intent', ?4, 0, ?5, max(?6, {NEWEST}), ?6, ?7, '', ?8, ?9, ?10, ?11, ?12, ?13, 0, ?14, \
         ?5, ?15, ?16, ?17, ?18)"
    );
    db.execute(
        &sql,
        params![
            draft.quote.payment_hash.as_bytes(),
            draft.scope.origin,
            draft.scope.path,
            bounded(draft.quote.amount),
            bounded(max_fee),
            now.secs(),
            draft.quote.expires.secs().min(i64::MAX.unsigned_abs()),
            draft.network.name(),
            draft.quote.invoice,
            draft.scheme,
            draft.token,
            draft.quote.policy.map(|policy| policy.to_string()),
            draft
                .valid_until
                .map(|until| until.secs().min(i64::MAX.unsigned_abs())),
            draft.wallet,
            draft.request,
            draft.scope.host,
            draft.quote.payee,
            draft.budget.column(),
        ],
    )?;
    Ok(())
}
