//! The outcome of a payment, written into the journal.

use l402::{Msat, PaymentHash, Preimage};
use l402_lightning::Payment as PaymentOutcome;

use super::buyer::Buyer;
use super::present::not_served;
use crate::journal::{Purchase, State};
use crate::{Error, Event};

impl Buyer {
    /// Writes that the wallet is asked now. It may be asked only after this has returned.
    pub(super) async fn record_asked(&self, payment_hash: PaymentHash) -> Result<(), Error> {
        let now = self.clock.wall();
        let written = self
            .journal
            .run(move |store| store.asked(&payment_hash, now))
            .await?;
        let gone = || Error::store("the intent of the payment is gone");
        written.then_some(()).ok_or_else(gone)
    }

    /// Writes down the outcome of a payment. Returns the purchase only if it is proven and on disk.
    pub(super) async fn record(
        &self,
        payment_hash: PaymentHash,
        outcome: PaymentOutcome,
    ) -> Result<Purchase, Error> {
        match outcome {
            PaymentOutcome::Failed(failure) => {
                let reason = failure.error.to_string();
                self.record_failure(payment_hash, reason.clone()).await?;
                Err(Error::PaymentFailed { reason })
            }
            PaymentOutcome::Unknown(unknown) => {
                let reason = unknown.error.to_string();
                self.record_unknown(payment_hash, reason.clone()).await;
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
            } if preimage.proves(&payment_hash) => {
                self.record_paid(payment_hash, preimage, (paid, fee)).await
            }
            PaymentOutcome::Settled { paid, fee, .. } => {
                let (money, now) = ((paid, fee), self.dating_time());
                self.journal
                    .run(move |store| store.paid_without_proof(&payment_hash, money, now))
                    .await
                    .map_err(|error| unrecorded(payment_hash, &error))?;
                Err(Error::PaidWithoutProof { payment_hash })
            }
        }
    }

    async fn record_paid(
        &self,
        payment_hash: PaymentHash,
        preimage: Preimage,
        money: (Msat, Msat),
    ) -> Result<Purchase, Error> {
        let now = self.dating_time();
        let stored = self
            .journal
            .run(move |store| store.paid(&payment_hash, &preimage, money, now))
            .await;
        let gone = || Error::store("the row of the payment is gone");
        let purchase = stored
            .and_then(|purchase| purchase.ok_or_else(gone))
            .map_err(|error| unrecorded(payment_hash, &error))?;
        if let Some(limit) = purchase.broken_fee_limit() {
            let fee = purchase.fee;
            tracing::warn!(%payment_hash, %fee, %limit, "the wallet paid more than the fee limit");
            self.notify(&Event::FeeOverLimit { fee, limit });
        }
        Ok(purchase)
    }

    /// Notes the reason why a payment is unknown. The row has been `unknown` since the wallet was
    /// asked, so a failure here loses the note alone.
    async fn record_unknown(&self, payment_hash: PaymentHash, note: String) {
        let now = self.clock.wall();
        let moved = self
            .journal
            .run(move |store| store.moved(&payment_hash, State::Unknown, &note, now))
            .await;
        if let Err(error) = moved {
            tracing::warn!(%payment_hash, %error, "cannot note why a payment is unknown");
        }
    }

    pub(super) async fn record_failure(
        &self,
        payment_hash: PaymentHash,
        note: String,
    ) -> Result<(), Error> {
        let now = self.clock.wall();
        self.journal
            .run(move |store| store.moved(&payment_hash, State::Failed, &note, now))
            .await
    }
}

/// Returns the error for a payment whose outcome cannot be written. Its row stays unknown, and the
/// next run looks it up.
fn unrecorded(payment_hash: PaymentHash, error: &Error) -> Error {
    let detail = match error {
        Error::Store { detail } => detail.clone(),
        other => other.code().to_owned(),
    };
    not_served(
        payment_hash,
        None,
        format!("the journal cannot be written: {detail}"),
        true,
    )
}
