//! One payment: approved, made once, recorded; and what a lookup says of one that was cut short.
//!
//! No line here pays for anything but a [`DurableIntent`]. That the
//! wallet is asked is recorded before it is, and what it answers before anybody acts on it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use l402::{Msat, PaymentHash, Preimage};
use l402_lightning::{
    Error as WalletError, ErrorKind, Pay, PayRequest, Payment as Outcome, Unknown,
};

use super::fetch::{KeptPurchase, not_served};
use crate::client::Buyer;
use crate::failpoint::{self, Step};
use crate::journal::{DurableIntent, Flight, Purchase, Scope, State};
use crate::offer::still_payable;
use crate::{Error, Event, Quote};

/// How long a wallet may be late with its answer, beyond the deadline that it was given.
const LATE_MAX: Duration = Duration::from_secs(15);
/// After an invoice's end, a payment that the wallet knows nothing of can no longer begin.
const GRACE: Duration = Duration::from_secs(10 * 60);

/// A payment about to be made, and all that must live as long.
pub(crate) struct PendingPayment {
    pub(crate) client: Arc<Buyer>,
    pub(crate) wallet: Arc<dyn Pay>,
    pub(crate) quote: Quote,
    pub(crate) reserved: DurableIntent,
    /// Nobody else buys in this scope until the outcome is recorded.
    pub(crate) flight: Flight,
}

impl PendingPayment {
    /// Runs on a task of its own: a caller who goes away before the wallet is asked stops it, and
    /// one who goes away later does not.
    pub(crate) async fn run_to_its_end(self) -> Result<KeptPurchase, Error> {
        let payment_hash = self.reserved.payment_hash;
        let caller = Arc::new(());
        let task = tokio::spawn(self.run(Arc::downgrade(&caller)));
        let ended = task.await.unwrap_or_else(|_| {
            let reason = "the task that pays was stopped".into();
            Err(Error::PaymentUnknown {
                payment_hash,
                reason,
            })
        });
        ended.map(|(kept, _flight)| kept)
    }

    /// The flight comes out with the purchase, and behind it: where nobody is left to take them,
    /// the claim is given up before the next in line can look for it.
    async fn run(self, caller: Weak<()>) -> Result<(KeptPurchase, Flight), Error> {
        let payment_hash = self.reserved.payment_hash;
        if let Err((error, note)) = self.last_word(&caller).await {
            self.client
                .record_failure(payment_hash, note.into())
                .await?;
            return Err(error);
        }
        failpoint::hit(Step::IntentDurable);
        self.client.record_asked(payment_hash).await?;
        failpoint::hit(Step::AskedDurable);
        self.client.notify(&Event::Paying);
        let outcome = self.wait().await;
        failpoint::hit(Step::Asked);
        let Self { client, flight, .. } = self;
        let purchase = client.record(payment_hash, outcome).await?;
        failpoint::hit(Step::PaidDurable);
        client.notify(&Event::Paid {
            paid: purchase.paid,
            fee: purchase.fee,
        });
        // Claimed before the flight ends, so that the next in line leaves it alone.
        // Without the lock file another call may present it too, which costs an error at most.
        let claim = client.journal.locks().claim(&payment_hash).ok().flatten();
        Ok((KeptPurchase { purchase, claim }, flight))
    }

    /// Whether it is still wanted: the caller's approval, which may take a while, comes last.
    async fn last_word(&self, caller: &Weak<()>) -> Result<(), (Error, &'static str)> {
        if !self.approved().await {
            return Err((Error::Declined, "declined"));
        }
        still_payable(self.quote.expires, self.client.clock.wall())
            .map_err(|error| (error, "the invoice ran out before it was approved"))?;
        if caller.strong_count() == 0 {
            return Err((Error::Declined, "the caller went away"));
        }
        Ok(())
    }

    async fn approved(&self) -> bool {
        let Some(progress) = self.client.progress.clone() else {
            return true;
        };
        let quote = Quote {
            max_fee: self.reserved.max_fee,
            ..self.quote.clone()
        };
        let asked = tokio::task::spawn_blocking(move || progress.approve(&quote)).await;
        asked.unwrap_or(false)
    }

    /// Asks the wallet, once.
    async fn wait(&self) -> Outcome {
        let deadline = self.client.payment_deadline;
        let mut payment = self.wallet.pay(PayRequest {
            bolt11: self.reserved.invoice.clone(),
            max_fee: self.reserved.max_fee,
            deadline,
        });
        for second in 1..=(deadline + LATE_MAX).as_secs() {
            match tokio::time::timeout(Duration::from_secs(1), &mut payment).await {
                Ok(outcome) => return outcome,
                Err(_) => self
                    .client
                    .notify(&Event::Waiting(Duration::from_secs(second))),
            }
        }
        let error = WalletError::new(ErrorKind::Timeout, "the wallet is long past its deadline");
        Outcome::Unknown(Unknown { error })
    }
}

impl Buyer {
    /// Only after this may the wallet be asked.
    async fn record_asked(&self, payment_hash: PaymentHash) -> Result<(), Error> {
        let now = self.clock.wall();
        let written = self
            .journal
            .run(move |store| store.asked(&payment_hash, now))
            .await?;
        let gone = || Error::store("the intent of the payment is gone");
        written.then_some(()).ok_or_else(gone)
    }

    /// Writes down what became of a payment. Only a purchase that is proven and on disk comes out.
    async fn record(&self, payment_hash: PaymentHash, outcome: Outcome) -> Result<Purchase, Error> {
        match outcome {
            Outcome::Failed(failure) => {
                let reason = failure.error.to_string();
                self.record_failure(payment_hash, reason.clone()).await?;
                Err(Error::PaymentFailed { reason })
            }
            Outcome::Unknown(unknown) => {
                let reason = unknown.error.to_string();
                self.record_unknown(payment_hash, reason.clone()).await;
                Err(Error::PaymentUnknown {
                    payment_hash,
                    reason,
                })
            }
            Outcome::Settled {
                preimage,
                paid,
                fee,
            } if preimage.proves(&payment_hash) => {
                self.record_paid(payment_hash, preimage, (paid, fee)).await
            }
            Outcome::Settled { paid, fee, .. } => {
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

    /// Without the note the row is `unknown` just the same.
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

    async fn record_failure(&self, payment_hash: PaymentHash, note: String) -> Result<(), Error> {
        let now = self.clock.wall();
        self.journal
            .run(move |store| store.moved(&payment_hash, State::Failed, &note, now))
            .await
    }

    /// Finds out what became of the open purchases of a scope, whose flight lock the caller has.
    /// Nothing new is bought while one of them is unknown.
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

    /// Finds out what became of an open purchase, whose flight lock the caller has.
    async fn find_out(&self, purchase: &Purchase) -> Result<(), Error> {
        let payment_hash = purchase.payment_hash;
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

    /// As [`Buyer::record`], for a payment of before: that it failed is no error now.
    async fn record_found(&self, hash: PaymentHash, outcome: Outcome) -> Result<(), Error> {
        match self.record(hash, outcome).await {
            Ok(_) | Err(Error::PaymentFailed { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Asks the wallet about a purchase: its outcome, or `None` where it certainly never began.
    /// The error says why neither is known.
    async fn look_up(&self, purchase: &Purchase) -> Result<Option<Outcome>, String> {
        let wallet = self.wallet.as_ref().ok_or_else(|| no_wallet(purchase))?;
        check_wallet(wallet.as_ref(), purchase)?;
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

    /// Marks as failed what ended before its wallet was asked; whether there was any.
    pub(crate) async fn release_unasked(&self) -> Result<bool, Error> {
        let open = self.journal.run(|store| store.open_purchases(None)).await?;
        let mut any = false;
        for purchase in open.iter().filter(|open| open.state == State::Intent) {
            any |= !self.is_still_unknown(purchase).await?;
        }
        Ok(any)
    }

    async fn is_still_unknown(&self, purchase: &Purchase) -> Result<bool, Error> {
        // Whoever has the lock is paying, or looking it up.
        let Some(_flight) = self.journal.locks().try_flight(&purchase.scope)? else {
            return Ok(true);
        };
        let hash = purchase.payment_hash;
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

const NEVER_ASKED: &str = "it ended before the wallet was asked";
const NEVER_BEGUN: &str = "the wallet never began it";

fn no_wallet(purchase: &Purchase) -> String {
    match &purchase.wallet {
        Some(name) => format!("there is no wallet to ask; it was begun with {name}"),
        None => "there is no wallet to ask".into(),
    }
}

/// Another wallet than the one that was asked knows nothing of a payment, which says nothing.
/// A row of before wallets had names is kept against the network alone.
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

/// Paid, and the journal cannot say so: its row is unknown, and the next run looks it up.
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
