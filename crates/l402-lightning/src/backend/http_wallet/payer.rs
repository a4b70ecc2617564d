//! One payment per hash through a wallet that has no fee limit and may answer late or never.
//!
//! ```text
//!   look up ─┬─ settled ──────────────> Settled
//!            ├─ in flight ── follow ──> its end, or Unknown at the deadline
//!            ├─ no answer ────────────> Unknown; without a connection, Failed
//!            └─ none, or failed ── pay ─┬─ nothing was sent ────────────────────> Failed
//!                                       ├─ settled, and the preimage proves it ─> Settled
//!                                       └─ anything else ── look up ─┬─ settled ────> Settled
//!                                          ┌─ in flight: follow <────┤
//!                                          └> as above               ├─ no record, and a refusal ─> Failed
//!                                                                    ├─ a failed record ──────────> Failed
//!                                                                    └─ anything else ────────────> Unknown
//! ```
//!
//! While an earlier attempt of this process may still begin, each *Failed* here is *Unknown*.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use l402::{Invoice, Msat, Network, PaymentHash, Preimage};
use l402_host::{BoxFuture, Clock};

use super::attempts::Attempts;
use crate::backend::one_per_hash::OnePerHash;
use crate::transport::{Failure, Proof};
use crate::{Error, ErrorKind, Pay, PayRequest, Payment, check};

/// The time between two look-ups of a payment in flight.
const PAUSE: Duration = Duration::from_millis(500);

/// The paying calls of one wallet.
pub(in crate::backend) trait PayingApi: fmt::Debug + Send + Sync {
    /// The wallet in the middle of a sentence: "phoenixd".
    const CALLED: &'static str;

    /// Returns the outcome as the wallet has recorded it; *unknown* for a payment in flight, `None`
    /// if there is no record.
    fn find(&self, hash: PaymentHash) -> BoxFuture<'_, Result<Option<Payment>, Failure>>;

    /// Returns the highest fee that the wallet might spend on this invoice. Sends no payment.
    fn highest_fee<'a>(
        &'a self,
        bolt11: &'a str,
        amount: Msat,
    ) -> BoxFuture<'a, Result<Msat, Error>>;

    /// Pays. A failure in the answer is the wallet's own word, which is compared with its record.
    fn send<'a>(
        &'a self,
        bolt11: &'a str,
        invoice: &'a Invoice,
        time_limit: Duration,
    ) -> BoxFuture<'a, Result<Payment, Failure>>;

    /// Returns the amount that can be spent now.
    fn balance(&self) -> BoxFuture<'_, Result<Msat, Error>>;
}

/// A wallet that pays each invoice once.
#[derive(Debug)]
pub(in crate::backend) struct Payer<A> {
    api: A,
    attempts: Attempts,
    clock: Arc<dyn Clock>,
    name: String,
    network: Network,
    one_per_hash: OnePerHash,
}

impl<A: PayingApi> Payer<A> {
    pub(in crate::backend) fn new(
        api: A,
        name: String,
        network: Network,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            api,
            attempts: Attempts::default(),
            clock,
            name,
            network,
            one_per_hash: OnePerHash::default(),
        }
    }

    async fn attempt(&self, request: PayRequest) -> Payment {
        let payable = check::payable(&request.bolt11, self.network, A::CALLED);
        let (invoice, amount) = match payable {
            Ok(payable) => payable,
            Err(error) => return Payment::failed(error),
        };
        let hash = invoice.payment_hash;
        let _turn = self.one_per_hash.turn(hash).await;
        // Before expiry and fee are checked: an earlier call may have paid the invoice.
        let record = self.find_record(hash).await;
        let was_open = self.attempts.is_open(&hash, self.clock.wall());
        let failed_before = match record {
            Ok(None) => was_open,
            Ok(Some(Payment::Failed(_))) => true,
            Ok(Some(Payment::Unknown(_))) => return self.follow(hash).await,
            Ok(Some(settled)) => return settled,
            // With no connection, or a credential that may do nothing, this call pays nothing.
            Err(failure) if !failure.sent || failure.proof == Proof::NotBegun => {
                return failed_unless(was_open, failure.error);
            }
            Err(failure) => return Payment::unknown(failure.error),
        };
        if let Err(error) = self.check_terms(&request, &invoice, amount).await {
            return failed_unless(was_open, error);
        }
        // Noted before the request, because this future may be dropped in the middle of it. Without a
        // record of an earlier attempt the wallet is asked again: it pays a hash once, whatever
        // arrives in which order.
        self.attempts.begin(hash, invoice.expires, failed_before);
        let sent = self.api.send(&request.bolt11, &invoice, request.deadline);
        match self.outcome(hash, sent.await).await {
            Payment::Failed(failure) if was_open => Payment::unknown(failure.error),
            unknown @ Payment::Unknown(_) => unknown,
            ended => {
                self.attempts.end(&hash);
                ended
            }
        }
    }

    /// Refuses what has expired, and what could cost more than the limit: the wallet takes none.
    async fn check_terms(
        &self,
        request: &PayRequest,
        invoice: &Invoice,
        amount: Msat,
    ) -> Result<(), Error> {
        if invoice.expires <= self.clock.wall() {
            let text = "the invoice has expired; ask the seller for a new one";
            return Err(Error::new(ErrorKind::Rejected, text));
        }
        let highest = self.api.highest_fee(&request.bolt11, amount).await?;
        if highest > request.max_fee {
            let text = format!(
                "{} may spend up to {highest} on the fee, and the limit is {}",
                A::CALLED,
                request.max_fee
            );
            return Err(Error::new(ErrorKind::Rejected, text));
        }
        Ok(())
    }

    /// Returns the outcome of an attempt.
    async fn outcome(&self, hash: PaymentHash, sent: Result<Payment, Failure>) -> Payment {
        let (error, is_refused) = match sent {
            Ok(Payment::Failed(refused)) => (refused.error, true),
            Ok(Payment::Unknown(unknown)) => (unknown.error, false),
            Ok(settled) => return settled,
            Err(failure) if !failure.sent => return Payment::failed(failure.error),
            Err(failure) => (failure.error, failure.proof == Proof::NotBegun),
        };
        // Not `find`: this attempt is over if the wallet has refused it in its own words.
        match self.api.find(hash).await {
            Ok(None) if is_refused => Payment::failed(error),
            Ok(Some(Payment::Failed(_))) if is_refused => Payment::failed(error),
            Ok(Some(failed @ Payment::Failed(_)))
                if !self.attempts.failed_before(&hash, self.clock.wall()) =>
            {
                failed
            }
            Ok(Some(Payment::Unknown(_))) => self.follow(hash).await,
            Ok(Some(settled @ Payment::Settled { .. })) => settled,
            // Neither word, or one alone.
            Ok(None | Some(Payment::Failed(_))) | Err(_) => Payment::unknown(error),
        }
    }

    /// Waits for the end of a payment in flight. Ends at the caller's deadline.
    async fn follow(&self, hash: PaymentHash) -> Payment {
        loop {
            match self.find(hash).await {
                Ok(Some(Payment::Unknown(_)) | None) | Err(_) => {}
                Ok(Some(ended)) => {
                    self.attempts.end(&hash);
                    return ended;
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Returns what is known of a payment; `None` only if this process has no open attempt.
    async fn find(&self, hash: PaymentHash) -> Result<Option<Payment>, Failure> {
        let found = self.find_record(hash).await?;
        let now = self.clock.wall();
        let may_yet_begin = match &found {
            None => self.attempts.is_open(&hash, now),
            Some(Payment::Failed(_)) => self.attempts.failed_before(&hash, now),
            Some(_) => false,
        };
        if may_yet_begin {
            let text = format!("{} has no record of the payment yet", A::CALLED);
            return Ok(Some(Payment::unknown(Error::new(ErrorKind::Timeout, text))));
        }
        Ok(found)
    }

    /// Returns the wallet's record of a payment, and closes the attempt that it is about.
    async fn find_record(&self, hash: PaymentHash) -> Result<Option<Payment>, Failure> {
        let found = match self.api.find(hash).await {
            // A look-up moves no money, and an idle connection may have ended unseen.
            Err(failure) if failure.sent && failure.error.kind() == ErrorKind::Unavailable => {
                self.api.find(hash).await?
            }
            found => found?,
        };
        let is_end = match &found {
            Some(Payment::Failed(_)) => !self.attempts.failed_before(&hash, self.clock.wall()),
            Some(Payment::Settled { .. }) => true,
            Some(Payment::Unknown(_)) | None => false,
        };
        if is_end {
            self.attempts.end(&hash);
        }
        Ok(found)
    }
}

impl<A: PayingApi> Pay for Payer<A> {
    fn network(&self) -> Network {
        self.network
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn pay(&self, request: PayRequest) -> BoxFuture<'_, Payment> {
        Box::pin(Payment::within(request.deadline, self.attempt(request)))
    }

    fn lookup(&self, payment_hash: PaymentHash) -> BoxFuture<'_, Result<Option<Payment>, Error>> {
        Box::pin(async move { Ok(self.find(payment_hash).await?) })
    }

    fn balance(&self) -> BoxFuture<'_, Result<Msat, Error>> {
        self.api.balance()
    }
}

/// Returns the outcome of a call that paid nothing, while an earlier one still may.
fn failed_unless(may_yet_begin: bool, error: Error) -> Payment {
    if may_yet_begin {
        return Payment::unknown(error);
    }
    Payment::failed(error)
}

/// Returns the outcome of a payment that the wallet calls settled, which counts with its proof alone.
pub(in crate::backend) fn settled(
    preimage: Option<&str>,
    hash: &PaymentHash,
    paid: Msat,
    fee: Msat,
    called: &str,
) -> Payment {
    let preimage: Option<Preimage> = preimage.and_then(|text| text.parse().ok());
    match preimage.filter(|preimage| preimage.proves(hash)) {
        Some(preimage) => Payment::Settled {
            preimage,
            paid,
            fee,
        },
        None => {
            let text = format!("{called} says that it paid, without the preimage that proves it");
            Payment::unknown(Error::new(ErrorKind::Protocol, text))
        }
    }
}
