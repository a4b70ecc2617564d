//! The second step: the wallet is asked, and the row says so first.

use std::time::Duration;

use l402::{PaymentHash, UnixTime};
use l402_host::BoxFuture;
use l402_lightning::{Pay, PayRequest, Payment};
use rusqlite::params;

use super::terms::Terms;
use super::{InFlight, Recorded, Store};
use crate::Error;
use crate::journal::budget::{NOT_STOPPED, chain, refuse_stopped};
use crate::journal::{BudgetName, State};

/// The row says that the wallet is asked now, and it has not been asked yet.
///
/// ```
/// use std::time::Duration;
/// use l402_client::step::{InFlight, Sent};
/// use l402_lightning::Pay;
/// fn next(wallet: &dyn Pay, step: Sent) -> InFlight {
///     let (step, _outcome) = step.ask(wallet, Duration::ZERO);
///     step
/// }
/// ```
///
/// A value cannot be made elsewhere (E0423, private fields):
///
/// ```compile_fail,E0423
/// use l402_client::step::Sent;
/// fn unrecorded() -> Sent {
///     Sent(todo!())
/// }
/// ```
///
/// No wallet is asked twice with one (E0382, use of a moved value):
///
/// ```compile_fail,E0382
/// use std::time::Duration;
/// use l402_client::step::Sent;
/// use l402_lightning::Pay;
/// fn twice(wallet: &dyn Pay, step: Sent) {
///     let _first = step.ask(wallet, Duration::ZERO);
///     let _second = step.ask(wallet, Duration::ZERO);
/// }
/// ```
///
/// None that is made is left lying (the lint `unused_must_use`):
///
/// ```compile_fail
/// #![deny(unused_must_use)]
/// use l402::UnixTime;
/// use l402_client::step::{Recorded, Store};
/// fn forgotten(store: &mut Store, step: Recorded, now: UnixTime) {
///     store.sent(step, now).unwrap().unwrap();
/// }
/// ```
#[derive(Debug)]
#[must_use = "the row says that the wallet is asked"]
pub struct Sent(pub(super) Terms);

impl Sent {
    /// Asks the wallet. It begins when the future is polled first, and ends with the wallet's
    /// word; a future that is dropped leaves the payment as it is, with its outcome unknown.
    pub fn ask(self, wallet: &dyn Pay, deadline: Duration) -> (InFlight, BoxFuture<'_, Payment>) {
        let request = PayRequest::new(self.0.invoice.clone(), self.0.max_fee, deadline);
        (InFlight(self.0), wallet.pay(request))
    }
}

impl Store {
    /// Writes down that the wallet is about to be asked: from here on only the wallet knows.
    /// Returns `None` if the row is no intent any more, or its budget was stopped meanwhile, and the
    /// wallet must not be asked.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn sent(&mut self, step: Recorded, now: UnixTime) -> rusqlite::Result<Option<Sent>> {
        let sql = format!(
            "UPDATE purchase SET state = 'unknown', note = 'the wallet was asked', updated = ?2 \
             WHERE payment_hash = ?1 AND state = 'intent' AND {NOT_STOPPED}"
        );
        let params = params![step.0.payment_hash.as_bytes(), now.secs()];
        let changed = self.db().execute(&sql, params)?;
        Ok((changed == 1).then_some(Sent(step.0)))
    }

    /// Gives up an intent whose budget was stopped, and returns the refusal. Returns `None`, and leaves
    /// the row, if that is not why it could not be sent.
    pub(crate) fn give_up_stopped(
        &mut self,
        hash: &PaymentHash,
        budget: &BudgetName,
        now: UnixTime,
    ) -> rusqlite::Result<Option<Error>> {
        let refusal = match chain(self.db(), budget)? {
            Ok(budgets) => refuse_stopped(&budgets),
            Err(error) => Some(error),
        };
        if refusal.is_some() {
            self.moved(
                hash,
                (State::Intent, State::Failed),
                "the budget was stopped",
                now,
            )?;
        }
        Ok(refusal)
    }
}
