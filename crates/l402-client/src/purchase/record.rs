//! The steps of a purchase, written into the journal.

use l402::{Msat, PaymentHash, Preimage};
use l402_lightning::Payment as PaymentOutcome;

use super::buyer::Buyer;
use crate::journal::{InFlight, Paid, Recorded, Sent, Settled};
use crate::{Error, Event};

impl Buyer {
    /// Writes down that the wallet is asked now. Only with what this returns can it be.
    pub(super) async fn record_sent(&self, recorded: Recorded) -> Result<Sent, Error> {
        let (now, budget) = (self.clock.wall(), self.budget.clone());
        let hash = recorded.payment_hash();
        let sent = self
            .journal
            .run(move |store| match store.sent(recorded, now)? {
                Some(sent) => Ok(Ok(sent)),
                None => Ok(Err(store.give_up_stopped(&hash, &budget, now)?)),
            });
        let gone = || Error::store("the intent of the payment is gone");
        sent.await?.map_err(|stopped| stopped.unwrap_or_else(gone))
    }

    /// Gives up an intent for which no wallet was asked.
    pub(super) async fn record_unasked(
        &self,
        recorded: Recorded,
        note: &'static str,
    ) -> Result<(), Error> {
        let now = self.clock.wall();
        self.journal
            .run(move |store| store.unasked(recorded, note, now))
            .await
    }

    /// Writes down the outcome of a payment. Returns the purchase only if it is proven and on disk.
    pub(super) async fn record(
        &self,
        in_flight: InFlight,
        outcome: PaymentOutcome,
    ) -> Result<Paid, Error> {
        let payment_hash = in_flight.payment_hash();
        match outcome {
            PaymentOutcome::Failed(failure) => {
                let reason = failure.error.to_string();
                self.record_failure(in_flight, reason.clone()).await?;
                Err(Error::PaymentFailed { reason })
            }
            PaymentOutcome::Unknown(unknown) => {
                let reason = unknown.error.to_string();
                self.record_unknown(in_flight, reason.clone()).await;
                Err(Error::PaymentUnknown {
                    payment_hash,
                    reason,
                })
            }
            // The wallet's word is no proof: a credential with any other preimage would be refused.
            PaymentOutcome::Settled {
                preimage,
                paid,
                fee,
            } => self.record_settled(in_flight, preimage, (paid, fee)).await,
        }
    }

    async fn record_settled(
        &self,
        in_flight: InFlight,
        preimage: Preimage,
        money: (Msat, Msat),
    ) -> Result<Paid, Error> {
        let (payment_hash, now) = (in_flight.payment_hash(), self.dating_time());
        let settled = self
            .journal
            .run(move |store| store.settled(in_flight, &preimage, money, now))
            .await
            .map_err(|error| unrecorded(payment_hash, &error))?;
        let paid = match settled {
            Settled::Paid(paid) => paid,
            // As for the limits: the row keeps the wallet from more.
            Settled::Unproven => return Err(Error::PaidWithoutProof { payment_hash }),
            Settled::Gone => {
                let gone = Error::store("the row of the payment is gone");
                return Err(unrecorded(payment_hash, &gone));
            }
        };
        // The money is gone, so it is told and not refused; the journal keeps the wallet from more.
        if let Some(limit) = paid.row().broken_fee_limit() {
            let fee = paid.row().fee;
            tracing::warn!(%payment_hash, %fee, %limit, "the wallet paid more than the fee limit");
            self.notify(&Event::FeeOverLimit { fee, limit });
        }
        if paid.row().is_overpaid() {
            let (asked, paid) = (paid.row().amount, paid.row().paid);
            tracing::warn!(%payment_hash, %asked, %paid, "the wallet paid more than the invoice asked");
            self.notify(&Event::AmountOverInvoice { asked, paid });
        }
        Ok(paid)
    }

    /// Without the note the row is `unknown` just the same.
    async fn record_unknown(&self, in_flight: InFlight, note: String) {
        let (payment_hash, now) = (in_flight.payment_hash(), self.clock.wall());
        let noted = self
            .journal
            .run(move |store| store.unknown(in_flight, &note, now))
            .await;
        if let Err(error) = noted {
            tracing::warn!(%payment_hash, error = error.without_promise(), "cannot note why a payment is unknown");
        }
    }

    pub(super) async fn record_failure(
        &self,
        in_flight: InFlight,
        note: String,
    ) -> Result<(), Error> {
        let now = self.clock.wall();
        self.journal
            .run(move |store| store.failed(in_flight, &note, now))
            .await
    }
}

/// Returns the error for a payment whose outcome cannot be written. Its row stays unknown, and the
/// next run looks it up in the wallet: nothing of it is kept here.
fn unrecorded(payment_hash: PaymentHash, error: &Error) -> Error {
    let detail = match error {
        Error::Store { detail } => detail.clone(),
        other => other.code().to_owned(),
    };
    Error::PaymentUnknown {
        payment_hash,
        reason: format!("the wallet has answered, and the journal cannot be written: {detail}"),
    }
}
