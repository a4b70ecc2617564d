//! The wallet has been asked: its answer, written down.

use l402::{Msat, Network, PaymentHash, Preimage, UnixTime};
use rusqlite::params;

use super::terms::Terms;
use super::{Paid, Store};
use crate::journal::State;
use crate::journal::row::INVOICE;
use crate::journal::store::{NEWEST, bounded};

/// The wallet was asked, by this run or by an earlier one, and its answer is not recorded.
///
/// ```
/// use l402::{Msat, Preimage, UnixTime};
/// use l402_client::step::{InFlight, Settled, Store};
/// fn next(store: &mut Store, step: InFlight, proof: &Preimage, now: UnixTime) -> Option<Settled> {
///     store.settled(step, proof, (Msat::ZERO, Msat::ZERO), now).ok()
/// }
/// ```
///
/// A value cannot be made elsewhere (E0423, private fields):
///
/// ```compile_fail,E0423
/// use l402_client::step::InFlight;
/// fn unrecorded() -> InFlight {
///     InFlight(todo!())
/// }
/// ```
///
/// Nothing settles that no wallet was asked for (E0308, [`Sent`](super::Sent) is another type):
///
/// ```compile_fail,E0308
/// use l402::{Msat, Preimage, UnixTime};
/// use l402_client::step::{Sent, Settled, Store};
/// fn unasked(store: &mut Store, step: Sent, proof: &Preimage, now: UnixTime) -> Option<Settled> {
///     store.settled(step, proof, (Msat::ZERO, Msat::ZERO), now).ok()
/// }
/// ```
///
/// It is asked for nothing more (E0599, only [`Sent`](super::Sent) has `ask`):
///
/// ```compile_fail,E0599
/// use std::time::Duration;
/// use l402_client::step::InFlight;
/// use l402_lightning::Pay;
/// fn again(wallet: &dyn Pay, step: InFlight) {
///     let _ = step.ask(wallet, Duration::ZERO);
/// }
/// ```
#[derive(Debug)]
#[must_use = "the outcome of a payment is written down"]
pub struct InFlight(pub(super) Terms);

/// The outcome of [`Store::settled`].
#[derive(Debug)]
#[must_use = "money moved"]
pub enum Settled {
    /// Paid and proven, but somebody took the row out of the file.
    Gone,
    /// Paid and proven.
    Paid(Paid),
    /// The preimage proves nothing: kept for a claim.
    Unproven,
}

impl InFlight {
    pub(crate) fn payment_hash(&self) -> PaymentHash {
        self.0.payment_hash
    }

    /// The end of the invoice.
    pub(crate) fn expires(&self) -> UnixTime {
        self.0.expires
    }

    /// The network that it was begun on.
    pub(crate) fn network(&self) -> Network {
        self.0.network
    }

    /// The name of the wallet that was asked, if the row says so.
    pub(crate) fn wallet(&self) -> Option<&str> {
        self.0.wallet.as_deref()
    }
}

impl Store {
    /// Writes the wallet's word that it paid. Only a preimage that proves it makes a [`Paid`];
    /// else the money counts as gone. A fee over its limit is noted, and
    /// an amount over the invoice's. An invoice without a token has no answer to wait for, so that
    /// its row is `served` at once, and was never one whose proof could be presented.
    ///
    /// # Errors
    /// If the file cannot be written: the row stays unknown, and is looked up later.
    pub fn settled(
        &mut self,
        step: InFlight,
        preimage: &Preimage,
        (paid, fee): (Msat, Msat),
        now: UnixTime,
    ) -> rusqlite::Result<Settled> {
        let hash = step.0.payment_hash;
        let is_proven = preimage.proves(&hash);
        // A preimage that proves nothing is not kept: it might be another payment's.
        let (to, note) = if is_proven {
            (State::Paid, "")
        } else {
            (
                State::PaidNoProof,
                "the preimage does not prove the payment",
            )
        };
        let sql = format!(
            "UPDATE purchase SET state = CASE WHEN ?3 AND scheme = '{INVOICE}' THEN 'served' ELSE ?2 END, \
             live = ?3 AND scheme <> '{INVOICE}', preimage = ?4, paid_msat = ?5, \
             fee_msat = ?6, paid_at = max(?7, {NEWEST}), updated = ?7, \
             note = CASE WHEN ?3 AND ?6 > fee_limit_msat THEN 'routing cost ' || ?6 || \
             ' msat, and ' || fee_limit_msat || ' msat were the limit' \
             WHEN ?3 AND ?5 > (amount_msat + 999) / 1000 * 1000 THEN 'the wallet paid ' || ?5 || \
             ' msat, and the invoice asked ' || amount_msat || ' msat' ELSE ?8 END \
             WHERE payment_hash = ?1 AND preimage IS NULL \
             AND state IN ('unknown', 'failed', 'paid_no_proof')"
        );
        // A row that is proven already stays as it is: a proof is never written over, and an answer
        // that was had is not forgotten.
        self.db().execute(
            &sql,
            params![
                hash.as_bytes(),
                to.name(),
                is_proven,
                is_proven.then(|| preimage.as_bytes()),
                bounded(paid),
                bounded(fee),
                now.secs(),
                note,
            ],
        )?;
        if !is_proven {
            return Ok(Settled::Unproven);
        }
        let paid = self.purchase(&hash)?.and_then(Paid::settled);
        Ok(paid.map_or(Settled::Gone, Settled::Paid))
    }

    /// Writes the wallet's word that no money moved, and none will: the amount is free again.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn failed(&mut self, step: InFlight, note: &str, now: UnixTime) -> rusqlite::Result<()> {
        let InFlight(terms) = step;
        self.moved(
            &terms.payment_hash,
            (State::Unknown, State::Failed),
            note,
            now,
        )
    }

    /// Notes the reason why nobody knows the outcome. The row is unknown without it just the same.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn unknown(&mut self, step: InFlight, note: &str, now: UnixTime) -> rusqlite::Result<()> {
        let InFlight(terms) = step;
        self.moved(
            &terms.payment_hash,
            (State::Unknown, State::Unknown),
            note,
            now,
        )
    }
}
