//! One payment: approved, and made once.
//!
//! Only a [`DurableIntent`] is paid for. The journal says that the wallet is asked before it is
//! asked, and holds the wallet's answer before anything follows from it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use l402_lightning::{
    Error as WalletError, ErrorKind, Pay, PayRequest, Payment as PaymentOutcome, Unknown,
};

use super::buyer::Buyer;
use super::kept::KeptPurchase;
use crate::failpoint::{self, Step};
use crate::journal::{DurableIntent, Flight};
use crate::offer::still_payable;
use crate::{Error, Event, Quote};

/// The longest that a wallet may be late with its answer, beyond the deadline that it was given.
const LATE_MAX: Duration = Duration::from_secs(15);

/// A payment about to be made, with everything that must live until its outcome is recorded.
pub(super) struct PendingPayment {
    pub(crate) client: Arc<Buyer>,
    pub(crate) wallet: Arc<dyn Pay>,
    pub(crate) quote: Quote,
    pub(crate) reserved: DurableIntent,
    /// Nobody else buys in this scope until the outcome is recorded.
    pub(crate) flight: Flight,
}

impl PendingPayment {
    /// Pays on a task of its own. If the caller goes away, the payment stops before the wallet is
    /// asked, and otherwise goes on to its recorded outcome.
    pub(crate) async fn run_to_its_end(self) -> Result<KeptPurchase, Error> {
        let payment_hash = self.reserved.payment_hash;
        // A dropped future cannot tell its task, but it drops this: the task sees the count fall.
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

    /// Returns the flight lock together with the purchase, so that the claim is released first if
    /// the caller is gone.
    pub(super) async fn run(self, caller: Weak<()>) -> Result<(KeptPurchase, Flight), Error> {
        let payment_hash = self.reserved.payment_hash;
        if let Err((error, note)) = self.last_word(&caller).await {
            self.client
                .record_failure(payment_hash, note.into())
                .await?;
            return Err(error);
        }
        failpoint::hit(Step::IntentDurable);
        // Before the wallet and not after: a crash in between must read as asked, or the next run
        // would take the payment for one that never began.
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

    /// Asks the caller for approval, then checks that the invoice has not expired meanwhile and that
    /// the caller is still there.
    async fn last_word(&self, caller: &Weak<()>) -> Result<(), (Error, &'static str)> {
        if !self.approved().await {
            return Err((Error::Declined, "declined"));
        }
        // Checked a second time, for a person may have thought about it for minutes.
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
            // What the budget really leaves, which may be less than what was quoted.
            max_fee: self.reserved.max_fee,
            ..self.quote.clone()
        };
        let asked = tokio::task::spawn_blocking(move || progress.approve(&quote)).await;
        // A panic in the caller's code approves nothing.
        asked.unwrap_or(false)
    }

    /// Asks the wallet once, and waits until it is long past its deadline.
    pub(super) async fn wait(&self) -> PaymentOutcome {
        let deadline = self.client.payment_deadline;
        let mut payment = self.wallet.pay(PayRequest {
            bolt11: self.reserved.invoice.clone(),
            max_fee: self.reserved.max_fee,
            deadline,
        });
        for second in 1..=(deadline + LATE_MAX).as_secs() {
            // By reference: a time-out that dropped the future would leave the payment halfway.
            match tokio::time::timeout(Duration::from_secs(1), &mut payment).await {
                Ok(outcome) => return outcome,
                Err(_) => self
                    .client
                    .notify(&Event::Waiting(Duration::from_secs(second))),
            }
        }
        let error = WalletError::new(ErrorKind::Timeout, "the wallet is long past its deadline");
        PaymentOutcome::Unknown(Unknown { error })
    }
}
