//! One payment per hash through a wallet that may answer late or never.
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
//! While an earlier attempt may still begin, each *Failed* here is *Unknown* (see `attempts.rs`).

use core::fmt;
use core::time::Duration;

use l402::{Invoice, Msat, Network, PaymentHash, Preimage};
use l402_host::BoxFuture;

use super::attempts::{Attempts, Turn};
use super::note::Note;
use crate::transport::{Failure, Proof};
use crate::{Error, ErrorKind, Open, Pay, PayRequest, Payment, check};

/// The time between two look-ups of a payment in flight.
const PAUSE: Duration = Duration::from_millis(500);

/// The paying calls of one wallet.
pub(in crate::backend) trait PayingApi: fmt::Debug + Send + Sync {
    /// The wallet in the middle of a sentence: "phoenixd".
    const CALLED: &'static str;

    /// Returns the outcome as the wallet has recorded it; *unknown* for a payment in flight, `None`
    /// if there is no record. A fee that the wallet does not tell is `untold`.
    fn find(
        &self,
        hash: PaymentHash,
        untold: Msat,
    ) -> BoxFuture<'_, Result<Option<Payment>, Failure>>;

    /// Returns the highest fee that the wallet might spend on this invoice; zero if it keeps the limit
    /// of a request itself. Sends no payment.
    fn highest_fee<'a>(
        &'a self,
        bolt11: &'a str,
        amount: Msat,
    ) -> BoxFuture<'a, Result<Msat, Error>>;

    /// Pays. A failure in the answer is the wallet's own word, which is compared with its record. A fee
    /// that the wallet does not tell is the limit of the request.
    fn send<'a>(
        &'a self,
        request: &'a PayRequest,
        invoice: &'a Invoice,
    ) -> BoxFuture<'a, Result<Payment, Failure>>;

    /// Returns the amount that can be spent now.
    fn balance(&self) -> BoxFuture<'_, Result<Msat, Error>>;
}

/// A wallet that pays each invoice once.
#[derive(Debug)]
pub(in crate::backend) struct Payer<A> {
    api: A,
    attempts: Attempts,
    name: String,
    network: Network,
}

impl<A: PayingApi> Payer<A> {
    pub(in crate::backend) async fn open(
        api: A,
        name: String,
        network: Network,
        open: &Open,
    ) -> Result<Self, Error> {
        Ok(Self {
            api,
            attempts: Attempts::open(open, &name).await?,
            name,
            network,
        })
    }

    async fn attempt(&self, request: PayRequest) -> Payment {
        let payable = check::payable(&request.bolt11, self.network, A::CALLED);
        let (invoice, amount) = match payable {
            Ok(payable) => payable,
            Err(error) => return Payment::failed(error),
        };
        let hash = invoice.payment_hash;
        let mut turn = match self.attempts.turn(hash).await {
            Ok(turn) => turn,
            // Nobody knows of an earlier attempt.
            Err(error) => return Payment::unknown(error),
        };
        let untold = turn.earlier().map_or(request.max_fee, |note| note.max_fee);
        // Before expiry and fee are checked: an earlier call may have paid the invoice.
        let had_failed = match self.find_record(hash, untold).await {
            Ok(None) => turn.may_begin(),
            Ok(Some(Payment::Failed(_))) => {
                if !turn.outlives_failure() {
                    turn.close_earlier();
                }
                true
            }
            Ok(Some(Payment::Unknown(_))) => {
                let ended = self.follow(hash).await;
                turn.close_earlier();
                return turn.end(ended).await;
            }
            Ok(Some(settled)) => return turn.end(settled).await,
            // With no connection, or a credential that may do nothing, this call pays nothing.
            Err(failure) if !failure.sent || failure.proof == Proof::NotBegun => {
                return turn.end(Payment::failed(failure.error)).await;
            }
            Err(failure) => return Payment::unknown(failure.error),
        };
        if let Err(error) = self.check_terms(&request, &invoice, amount).await {
            return turn.end(Payment::failed(error)).await;
        }
        let outcome = self.send(&request, &invoice, &mut turn, had_failed).await;
        turn.end(outcome).await
    }

    /// Asks the wallet to pay. Without a record of an earlier attempt it is asked again: it pays a
    /// hash once, whatever arrives in which order.
    async fn send(
        &self,
        request: &PayRequest,
        invoice: &Invoice,
        turn: &mut Turn,
        had_failed: bool,
    ) -> Payment {
        let note = Note {
            // The request itself has no end: the wallet may be asked late by something on the way.
            request_ends: invoice.expires,
            invoice_ends: invoice.expires,
            had_failed,
            max_fee: request.max_fee,
        };
        if let Err(error) = turn.begin(note).await {
            return Payment::failed(error);
        }
        turn.sends();
        let sent = self.api.send(request, invoice).await;
        self.outcome(invoice.payment_hash, note, sent).await
    }

    /// Refuses what has expired, and what could cost more than the limit: the wallet takes none.
    async fn check_terms(
        &self,
        request: &PayRequest,
        invoice: &Invoice,
        amount: Msat,
    ) -> Result<(), Error> {
        if invoice.expires <= self.attempts.clock.wall() {
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
    async fn outcome(
        &self,
        hash: PaymentHash,
        note: Note,
        sent: Result<Payment, Failure>,
    ) -> Payment {
        let (error, is_refused) = match sent {
            Ok(Payment::Failed(refused)) => (refused.error, true),
            Ok(Payment::Unknown(unknown)) => (unknown.error, false),
            Ok(settled) => return settled,
            Err(failure) if !failure.sent => return Payment::failed(failure.error),
            Err(failure) => (failure.error, failure.proof == Proof::NotBegun),
        };
        // Not `find`: this attempt is over if the wallet has refused it in its own words.
        match self.api.find(hash, note.max_fee).await {
            Ok(None | Some(Payment::Failed(_))) if is_refused => Payment::failed(error),
            Ok(Some(failed @ Payment::Failed(_))) if !note.had_failed => failed,
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
                Ok(Some(ended)) => return ended,
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Returns what is known of a payment; `None` only if no attempt of this home may still begin.
    async fn find(&self, hash: PaymentHash) -> Result<Option<Payment>, Error> {
        // Before the wallet is asked, because an attempt that ends meanwhile takes its note away.
        let before = self.attempts.note(hash).await?;
        let untold = before.map_or(Msat::ZERO, |note| note.max_fee);
        let record = self.find_record(hash, untold).await?;
        let note = match before {
            // After it, because a payment that has begun meanwhile has a note by now.
            None => self.attempts.note(hash).await?,
            note => note,
        };
        Ok(self.attempts.judge(record, note))
    }

    /// Returns the wallet's record of a payment.
    async fn find_record(
        &self,
        hash: PaymentHash,
        untold: Msat,
    ) -> Result<Option<Payment>, Failure> {
        match self.api.find(hash, untold).await {
            // A look-up moves no money, and an idle connection may have ended unseen.
            Err(failure) if failure.sent && failure.error.kind() == ErrorKind::Unavailable => {
                self.api.find(hash, untold).await
            }
            found => found,
        }
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
        Box::pin(self.find(payment_hash))
    }

    fn failure_is_last(&self) -> bool {
        true
    }

    fn balance(&self) -> BoxFuture<'_, Result<Msat, Error>> {
        self.api.balance()
    }
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
