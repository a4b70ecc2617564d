//! Payments that were cut short, and the wallet's word on their outcome.

use std::time::Duration;

use l402::PaymentHash;
use l402_lightning::{Pay, Payment as PaymentOutcome};

use super::buyer::Buyer;
use crate::Error;
use crate::journal::{Found, InFlight, OpenPurchase, Scope};

/// The time after an invoice's end from which a payment that the wallet has no record of, or that of
/// an earlier failure alone, can no longer begin: 10 minutes.
const GRACE: Duration = Duration::from_secs(10 * 60);

const NEVER_ASKED: &str = "it ended before the wallet was asked";

const NEVER_BEGUN: &str = "the wallet never began it";

impl Buyer {
    /// Finds the outcome of all open purchases of a scope, whose flight lock the caller holds.
    ///
    /// # Errors
    /// [`Error::PaymentUnknown`] if one of them stays unknown, so that nothing new is bought.
    pub(crate) async fn resolve(&self, scope: &Scope) -> Result<(), Error> {
        let scope = scope.clone();
        let open = self
            .journal
            .run(move |store| store.open_purchases(Some(&scope)))
            .await?;
        for purchase in open {
            self.find_out(purchase.payment_hash).await?;
        }
        Ok(())
    }

    /// Takes an open purchase up at the step that it came to, and finds out what became of it.
    /// The caller has the flight lock of its scope. One that is open no more stays as it is.
    pub(super) async fn find_out(&self, payment_hash: PaymentHash) -> Result<(), Error> {
        let found = self
            .journal
            .run(move |store| store.found(&payment_hash))
            .await?;
        let in_flight = match found {
            None => return Ok(()),
            Some(Found::Recorded(recorded)) => {
                return self.record_unasked(recorded, NEVER_ASKED).await;
            }
            Some(Found::InFlight(in_flight)) => in_flight,
        };
        match self.look_up(&in_flight).await {
            Ok(Some(outcome)) => self.record_found(in_flight, outcome).await,
            Ok(None) => self.record_failure(in_flight, NEVER_BEGUN.into()).await,
            // The step is dropped; the row says unknown, and stays to be found again.
            Err(reason) => Err(Error::PaymentUnknown {
                payment_hash,
                reason,
            }),
        }
    }

    /// As [`Buyer::record`], for a payment of before: that it failed is no error now.
    async fn record_found(
        &self,
        in_flight: InFlight,
        outcome: PaymentOutcome,
    ) -> Result<(), Error> {
        match self.record(in_flight, outcome).await {
            Ok(_paid) => Ok(()),
            Err(Error::PaymentFailed { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Asks the wallet about a purchase: its outcome, or `None` if it certainly never began.
    /// The error says why neither is known.
    async fn look_up(&self, in_flight: &InFlight) -> Result<Option<PaymentOutcome>, String> {
        let wallet = self.wallet.get().await;
        let wallet = wallet.map_err(|error| error.without_promise())?;
        let wallet = wallet.ok_or_else(|| no_wallet(in_flight))?;
        check_wallet(wallet.as_ref(), in_flight)?;
        let ended = self.clock.wall() > in_flight.expires().saturating_add(GRACE);
        match wallet.lookup(in_flight.payment_hash()).await {
            // Perhaps the record of an earlier attempt, and ours may still begin.
            Ok(Some(PaymentOutcome::Failed(_))) if !ended && !wallet.failure_is_last() => {
                Err("the wallet has the record of a failure, which may be an earlier one".into())
            }
            Ok(Some(outcome)) => Ok(Some(outcome)),
            Ok(None) if ended => Ok(None),
            Ok(None) => Err("the wallet was asked to pay, and has no record of it yet".into()),
            Err(error) => Err(format!("the wallet cannot be asked: {error}")),
        }
    }

    pub(crate) async fn reconcile(&self) -> Result<usize, Error> {
        let open = self.journal.run(|store| store.open_purchases(None)).await?;
        let mut unknown = 0;
        for purchase in open {
            unknown += usize::from(self.is_still_unknown(&purchase).await?);
        }
        Ok(unknown)
    }

    /// Marks as failed what ended before its wallet was asked. Returns true if there was any.
    pub(crate) async fn release_unasked(&self) -> Result<bool, Error> {
        let open = self.journal.run(|store| store.open_purchases(None)).await?;
        let mut any = false;
        for purchase in open.iter().filter(|open| !open.was_asked) {
            any |= !self.is_still_unknown(purchase).await?;
        }
        Ok(any)
    }

    async fn is_still_unknown(&self, purchase: &OpenPurchase) -> Result<bool, Error> {
        // Whoever has the lock is paying, or looking it up.
        let Some(_flight) = self.journal.locks().try_flight(&purchase.scope)? else {
            return Ok(true);
        };
        match self.find_out(purchase.payment_hash).await {
            Ok(()) | Err(Error::PaidWithoutProof { .. }) => Ok(false),
            Err(Error::PaymentUnknown { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }
}

fn no_wallet(in_flight: &InFlight) -> String {
    match in_flight.wallet() {
        Some(name) => format!("there is no wallet to ask; it was begun with {name}"),
        None => "there is no wallet to ask".into(),
    }
}

/// Another wallet than the one that was asked knows nothing of a payment, which says nothing.
/// A row of before wallets had names is kept against the network alone.
fn check_wallet(wallet: &dyn Pay, in_flight: &InFlight) -> Result<(), String> {
    match in_flight.wallet() {
        Some(asked) if !wallet.answers_for(asked) => Err(format!(
            "it was begun with {asked}, and this wallet is {}; use the one that began it",
            wallet.name()
        )),
        None if wallet.network() != in_flight.network() => Err(format!(
            "it was begun on {}, and the wallet is on {}; use the wallet that began it",
            in_flight.network(),
            wallet.network()
        )),
        _ => Ok(()),
    }
}
