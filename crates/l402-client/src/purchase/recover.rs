//! Payments that were cut short, and the wallet's word on their outcome.

use std::time::Duration;

use l402::PaymentHash;
use l402_lightning::{Pay, Payment as PaymentOutcome};

use super::buyer::Buyer;
use crate::Error;
use crate::journal::{Purchase, Scope, State};

/// The time after an invoice's end from which a payment that the wallet has no record of can no
/// longer begin: 10 minutes.
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
            self.find_out(&purchase).await?;
        }
        Ok(())
    }

    /// Finds the outcome of one open purchase, whose flight lock the caller holds.
    async fn find_out(&self, purchase: &Purchase) -> Result<(), Error> {
        let payment_hash = purchase.payment_hash;
        // The row becomes `unknown` before a wallet is asked, so an `intent` was never paid.
        if purchase.state == State::Intent {
            return self.record_failure(payment_hash, NEVER_ASKED.into()).await;
        }
        match self.look_up(purchase).await {
            Ok(Some(outcome)) => self.record_found(payment_hash, outcome).await,
            Ok(None) => self.record_failure(payment_hash, NEVER_BEGUN.into()).await,
            Err(reason) => Err(Error::PaymentUnknown {
                payment_hash,
                reason,
            }),
        }
    }

    /// Records the outcome of an earlier payment. That it failed is no error of this call.
    async fn record_found(&self, hash: PaymentHash, outcome: PaymentOutcome) -> Result<(), Error> {
        match self.record(hash, outcome).await {
            Ok(_) | Err(Error::PaymentFailed { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Asks the wallet for the outcome of a purchase. Returns `None` if the payment certainly never
    /// began; the error says why its outcome cannot be told.
    async fn look_up(&self, purchase: &Purchase) -> Result<Option<PaymentOutcome>, String> {
        let wallet = self.wallet.as_ref().ok_or_else(|| no_wallet(purchase))?;
        check_wallet(wallet.as_ref(), purchase)?;
        // Before that, no record proves nothing: the request may still be on its way to the node.
        let ended = self.clock.wall() > purchase.expires.saturating_add(GRACE);
        match wallet.lookup(purchase.payment_hash).await {
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

    /// Marks purchases that ended before a wallet was asked as failed. Returns true if there was one.
    pub(crate) async fn release_unasked(&self) -> Result<bool, Error> {
        let open = self.journal.run(|store| store.open_purchases(None)).await?;
        let mut any = false;
        for purchase in open.iter().filter(|open| open.state == State::Intent) {
            any |= !self.is_still_unknown(purchase).await?;
        }
        Ok(any)
    }

    async fn is_still_unknown(&self, purchase: &Purchase) -> Result<bool, Error> {
        // The holder of the lock is paying, or looking the payment up.
        let Some(_flight) = self.journal.locks().try_flight(&purchase.scope)? else {
            return Ok(true);
        };
        let hash = purchase.payment_hash;
        // Read again under the lock, for its last holder may have recorded the outcome.
        let fresh = self.journal.run(move |store| store.purchase(&hash)).await?;
        let Some(purchase) = fresh.filter(|purchase| purchase.state.is_open()) else {
            return Ok(false);
        };
        match self.find_out(&purchase).await {
            Ok(()) | Err(Error::PaidWithoutProof { .. }) => Ok(false),
            Err(Error::PaymentUnknown { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }
}

fn no_wallet(purchase: &Purchase) -> String {
    match &purchase.wallet {
        Some(name) => format!("there is no wallet to ask; it was begun with {name}"),
        None => "there is no wallet to ask".into(),
    }
}

/// Checks that this wallet is the one that was asked to pay: another wallet has no record of the
/// payment, and that would prove nothing. Rows from before wallets had names are held against the
/// network alone.
fn check_wallet(wallet: &dyn Pay, purchase: &Purchase) -> Result<(), String> {
    let name = wallet.name();
    match &purchase.wallet {
        Some(asked) if *asked != name => Err(format!(
            "it was begun with {asked}, and this wallet is {name}; use the one that began it"
        )),
        None if wallet.network() != purchase.network => Err(format!(
            "it was begun on {}, and the wallet is on {}; use the wallet that began it",
            purchase.network,
            wallet.network()
        )),
        _ => Ok(()),
    }
}
