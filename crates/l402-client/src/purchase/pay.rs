//! One payment: approved, and made once.
//!
//! The steps are types of the journal: nothing is paid for but a [`Sent`], which the store makes
//! of a [`Recorded`] once the row says that the wallet is asked; and nobody acts on the wallet's
//! answer before the store has made a `Paid` of it.

use std::sync::Arc;
use std::time::Duration;

use l402::PaymentHash;
use l402_lightning::{Error as WalletError, ErrorKind, Pay, Payment as PaymentOutcome, Unknown};

use super::buyer::Buyer;
use super::consent::Wanted;
use super::kept::KeptPurchase;
use crate::failpoint::{self, Step};
use crate::journal::{Flight, InFlight, Recorded, Sent};
use crate::{Error, Event};

/// The longest that a wallet may be late with its answer, beyond the deadline that it was given.
const LATE_MAX: Duration = Duration::from_secs(15);

impl Buyer {
    /// Runs on a task of its own: a caller who goes away before the wallet is asked stops it, and
    /// one who goes away later does not. Nobody else buys in the scope of `flight` until the
    /// outcome is recorded.
    pub(super) async fn pay(
        self: &Arc<Self>,
        wallet: Arc<dyn Pay>,
        recorded: Recorded,
        wanted: Wanted,
        flight: Flight,
    ) -> Result<KeptPurchase, Error> {
        let payment_hash = recorded.payment_hash();
        let place = Arc::clone(&self.paying).acquire_owned().await;
        let (buyer, caller) = (Arc::clone(self), Arc::new(()));
        let is_there = Arc::downgrade(&caller);
        let task = tokio::spawn(async move {
            let _place = place;
            let recorded = buyer.last_word(recorded, &wanted, &is_there).await?;
            let kept = buyer.pay_once(wallet.as_ref(), recorded).await?;
            buyer.pin_payee(&wanted).await;
            // Together with the lock, so that the claim is released first if the caller is gone.
            Ok((kept, flight))
        });
        let ended = task.await.unwrap_or_else(|_| Err(stopped(payment_hash)));
        ended.map(|(kept, _flight)| kept)
    }

    /// Records the request, makes it, and records its outcome, in this order.
    async fn pay_once(&self, wallet: &dyn Pay, recorded: Recorded) -> Result<KeptPurchase, Error> {
        failpoint::hit(Step::IntentDurable);
        let sent = self.record_sent(recorded).await?;
        failpoint::hit(Step::AskedDurable);
        self.notify(&Event::Paying);
        let (in_flight, outcome) = self.ask(wallet, sent).await;
        let outcome = with_proof(wallet, in_flight.payment_hash(), outcome).await;
        failpoint::hit(Step::Asked);
        // Claimed before the row says `paid`: from then on a call at another path of the service may
        // present it. Without the lock file that call may, which costs an error at most.
        let claim = self.journal.locks().claim(&in_flight.payment_hash());
        let paid = self.record(in_flight, outcome).await?;
        failpoint::hit(Step::PaidDurable);
        self.notify(&Event::Paid {
            payment_hash: paid.row().payment_hash,
            paid: paid.row().paid,
            fee: paid.row().fee,
        });
        Ok(KeptPurchase {
            paid,
            claim: claim.ok().flatten(),
        })
    }

    /// Asks the wallet, once.
    async fn ask(&self, wallet: &dyn Pay, sent: Sent) -> (InFlight, PaymentOutcome) {
        let deadline = self.payment_deadline;
        let (in_flight, mut payment) = sent.ask(wallet, deadline);
        for second in 1..=(deadline + LATE_MAX).as_secs() {
            // By reference: a time-out that dropped the future would leave the payment halfway.
            match tokio::time::timeout(Duration::from_secs(1), &mut payment).await {
                Ok(outcome) => return (in_flight, outcome),
                Err(_) => self.notify(&Event::Waiting(Duration::from_secs(second))),
            }
        }
        let error = WalletError::new(ErrorKind::Timeout, "the wallet is long past its deadline");
        (in_flight, PaymentOutcome::Unknown(Unknown { error }))
    }
}

/// Looks a payment up once whose preimage proves nothing. Returns what the wallet says then, if that
/// has the proof, and else its first word.
async fn with_proof(wallet: &dyn Pay, hash: PaymentHash, first: PaymentOutcome) -> PaymentOutcome {
    let is_proven = |outcome: &PaymentOutcome| match outcome {
        PaymentOutcome::Settled { preimage, .. } => preimage.proves(&hash),
        PaymentOutcome::Failed(_) | PaymentOutcome::Unknown(_) => false,
    };
    let is_claimed = matches!(first, PaymentOutcome::Settled { .. });
    if !is_claimed || is_proven(&first) {
        return first;
    }
    // Not the first word alone: perhaps only that answer was garbled. And no other one than proof: a
    // wallet that takes back what it said is not to be believed either way.
    match tokio::time::timeout(LATE_MAX, wallet.lookup(hash)).await {
        Ok(Ok(Some(second))) if is_proven(&second) => second,
        _ => first,
    }
}

/// The task may have been stopped before or after the wallet was asked.
fn stopped(payment_hash: PaymentHash) -> Error {
    Error::PaymentUnknown {
        payment_hash,
        reason: "the task that pays was stopped".into(),
    }
}
