//! The spending half of a wallet over NWC.
//!
//! ```text
//!   look the payment up ─┬─ settled, failed before ──> Settled, or go on
//!                        ├─ in flight ───────────────> wait for its end
//!                        └─ not found, and no note ──> write a note, then pay_invoice:
//!
//!   answer to our own pay_invoice                   looked up afterwards          outcome
//!   ---------------------------------------------   ---------------------------   -------
//!   a preimage that proves                          –                             Settled
//!   no preimage, or another                         as the look-up says           or Unknown
//!   PAYMENT_FAILED, INSUFFICIENT_BALANCE,           settled                       Settled
//!   QUOTA_EXCEEDED, RATE_LIMITED, RESTRICTED,       in flight, or no answer       Unknown
//!   UNAUTHORIZED, NOT_IMPLEMENTED,                  failed, not found, no state   Failed
//!   UNSUPPORTED_ENCRYPTION                          not permitted                 Failed
//!   INTERNAL, NOT_FOUND, OTHER, any other code      settled                       Settled
//!   no answer, refused by a relay, unreadable       failed, by this request       Failed
//!                                                   anything else                 Unknown
//! ```
//!
//! The codes in the second row are the wallet's own signed word, about this very request, that it
//! has not paid. The others say that something went wrong, perhaps after the payment was sent.
//! Without such a word, *not found* is an end only after request and invoice have expired (see
//! `notes.rs`). Every request to pay carries an `expiration`, is handed to one relay, and is never
//! sent again.

use core::time::Duration;
use std::sync::Arc;

use l402::{Invoice, Msat, Network, PaymentHash, UnixTime};
use l402_host::BoxFuture;
use tokio::time::Instant;

use super::client::{Client, Failure, TIME_LIMIT, garbled, later};
use super::notes::{Note, Notes};
use super::open::{OpenConnection, connect};
use super::wire::{
    Balance, Direction, ErrorCode, LookupInvoice, Paid, PayInvoice, Request, Transaction,
    TransactionState,
};
use crate::backend::one_per_hash::OnePerHash;
use crate::{Error, ErrorKind, NwcNode, Open, Pay, PayRequest, Payment, Wallet, check};

/// The least time that a request to pay is valid: the clocks of both sides may differ a little.
const MIN_VALID: Duration = Duration::from_secs(30);

/// The time kept of a payment's deadline for the look-up after it.
const FOR_LOOKUP: Duration = Duration::from_secs(5);

/// The time between two look-ups of a payment in flight.
const BETWEEN: Duration = Duration::from_millis(500);

/// Opens both halves with one connection, which can spend.
pub(crate) async fn wallet(node: &NwcNode, open: Open) -> Result<Wallet, Error> {
    let opened = connect(node, &open).await?;
    check_methods(&opened)?;
    let client = opened.client.clone();
    let (home, now) = (open.home().to_owned(), client.clock.wall());
    let name = client.key.clone();
    let notes = blocking(move || Notes::open(&home, &name, now)).await??;
    let pay = NwcPay {
        client,
        network: opened.network,
        notes,
        payments: OnePerHash::default(),
    };
    let (receive, lifecycle) = opened.into_receive();
    let mut wallet = Wallet::new(Arc::new(pay)).with_receive(Arc::new(receive));
    wallet.lifecycle = lifecycle;
    Ok(wallet)
}

fn check_methods(opened: &OpenConnection) -> Result<(), Error> {
    // Without a look-up an unknown payment would stay unknown, and a restart could pay twice.
    for method in ["pay_invoice", "lookup_invoice"] {
        if !opened.may(method) {
            let text =
                format!("the wallet's connection does not permit {method}; create another one");
            return Err(Error::new(ErrorKind::Unauthorized, text));
        }
    }
    Ok(())
}

/// A wallet that can spend.
#[derive(Debug)]
struct NwcPay {
    client: Client,
    network: Network,
    notes: Notes,
    payments: OnePerHash,
}

/// The state of a payment, as the wallet tells it.
enum Standing {
    /// It knows nothing of it.
    Absent,
    /// It has tried, and failed.
    Failed(Error),
    /// It has begun it, or says nothing that is clear.
    Open(Error),
    /// It has paid.
    Settled(Payment),
}

impl Pay for NwcPay {
    fn network(&self) -> Network {
        self.network
    }

    fn name(&self) -> String {
        self.client.name.clone()
    }

    fn pay(&self, request: PayRequest) -> BoxFuture<'_, Payment> {
        Box::pin(Payment::within(request.deadline, self.attempt(request)))
    }

    fn lookup(&self, payment_hash: PaymentHash) -> BoxFuture<'_, Result<Option<Payment>, Error>> {
        Box::pin(async move {
            let standing = self.standing(&payment_hash, TIME_LIMIT).await?;
            // After the question: a payment that has begun meanwhile has a note by now.
            let note = self.note(payment_hash).await?;
            let now = self.client.clock.wall();
            Ok(match (standing, note) {
                (Standing::Settled(payment), _) => Some(payment),
                (Standing::Open(error), _) => Some(Payment::unknown(error)),
                (Standing::Failed(error), Some(note)) => Some(end_of_failed(error, note, now)),
                (Standing::Failed(error), None) => Some(Payment::failed(error)),
                (Standing::Absent, Some(note)) => Some(end_of_absent(note, now)),
                (Standing::Absent, None) => None,
            })
        })
    }

    fn balance(&self) -> BoxFuture<'_, Result<Msat, Error>> {
        Box::pin(async move {
            let balance: Balance = self.client.ask(Request::GetBalance {}).await?;
            Ok(Msat::new(balance.balance))
        })
    }
}

impl NwcPay {
    async fn attempt(&self, request: PayRequest) -> Payment {
        let invoice = match check::payable(&request.bolt11, self.network, "this wallet") {
            Ok((invoice, _)) => invoice,
            Err(error) => return Payment::failed(error),
        };
        let (hash, until) = (
            invoice.payment_hash,
            later(Instant::now(), request.deadline),
        );
        // Held to the end, so that the next caller finds what this one has done.
        let _turn = self.payments.turn(hash).await;
        let had_failed = match self.before(&hash, until).await {
            Ok(had_failed) => had_failed,
            Err(payment) => return payment,
        };
        let now = self.client.clock.wall();
        // Only now: an earlier call may have paid the invoice before it expired.
        if invoice.expires <= now {
            let text = "the invoice has expired; ask the seller for a new one";
            return Payment::failed(Error::new(ErrorKind::Rejected, text));
        }
        let left = until.saturating_duration_since(Instant::now());
        let limit = left.saturating_sub(FOR_LOOKUP.min(left.checked_div(4).unwrap_or_default()));
        let note = Note {
            request_ends: now
                .saturating_add(limit.max(MIN_VALID))
                .min(invoice.expires),
            invoice_ends: invoice.expires,
            had_failed,
        };
        match self.write(hash, note).await {
            Ok(true) => self.send(request.bolt11, &invoice, note, limit).await,
            // Another process of this home has begun it a moment ago.
            Ok(false) => Payment::unknown(may_come()),
            Err(error) => Payment::failed(error),
        }
    }

    /// Finds out if the payment may be begun: not if it was begun before and may still settle.
    /// Returns true if an earlier attempt failed.
    async fn before(&self, hash: &PaymentHash, until: Instant) -> Result<bool, Payment> {
        // A note that cannot be read may be of a payment under way.
        let note = self.note(*hash).await.map_err(Payment::unknown)?;
        // Half of the time, so that a wallet that is away is no unknown payment.
        let left = until.saturating_duration_since(Instant::now());
        let asked = self
            .standing(
                hash,
                TIME_LIMIT.min(left.checked_div(2).unwrap_or_default()),
            )
            .await;
        let standing = asked.map_err(|failure| match note {
            // Nothing was begun for this invoice, neither now nor before.
            None => Payment::failed(failure.error),
            Some(_) => Payment::unknown(failure.error),
        })?;
        let had_failed = match standing {
            Standing::Settled(payment) => return Err(payment),
            Standing::Open(_) => return Err(self.end(hash).await),
            Standing::Failed(_) => true,
            Standing::Absent => false,
        };
        let now = self.client.clock.wall();
        match note {
            // The wallet may still carry out the earlier request.
            Some(note) if had_failed && !note.is_request_over(now) && note.had_failed => {
                Err(Payment::unknown(may_come()))
            }
            Some(note) if !had_failed && !note.is_over(now) => Err(Payment::unknown(may_come())),
            Some(_) => {
                self.forget(*hash).await;
                Ok(had_failed)
            }
            None => Ok(had_failed),
        }
    }

    /// Asks the wallet to pay.
    async fn send(
        &self,
        bolt11: String,
        invoice: &Invoice,
        note: Note,
        limit: Duration,
    ) -> Payment {
        let hash = invoice.payment_hash;
        let request = Request::PayInvoice(PayInvoice {
            invoice: bolt11,
            amount: None,
        });
        let expiration = Some(note.request_ends);
        let failure = match self.client.call::<Paid>(request, expiration, limit).await {
            Ok(Paid {
                preimage: Some(preimage),
                fees_paid,
            }) if preimage.proves(&hash) => {
                return Payment::Settled {
                    preimage,
                    paid: invoice.amount.unwrap_or_default(),
                    // Absent means that the wallet does not tell the fee, not that there was none.
                    fee: Msat::new(fees_paid.unwrap_or_default()),
                };
            }
            Ok(_) => Failure::unanswered(ErrorKind::Protocol, garbled("no proof of payment")),
            Err(failure) if !failure.is_sent => {
                self.forget(hash).await;
                return Payment::failed(failure.error);
            }
            Err(failure) => failure,
        };
        let is_refusal = failure.code.is_some_and(refuses);
        match self.standing(&hash, TIME_LIMIT).await {
            Ok(Standing::Settled(payment)) => payment,
            Ok(Standing::Open(_)) => self.end(&hash).await,
            Ok(Standing::Failed(_) | Standing::Absent) if is_refusal => {
                self.forget(hash).await;
                Payment::failed(failure.error)
            }
            Err(lookup) if is_refusal && lookup.code.is_some_and(answers_no_lookup) => {
                self.forget(hash).await;
                Payment::failed(failure.error)
            }
            Ok(Standing::Failed(error)) => end_of_failed(error, note, self.client.clock.wall()),
            Ok(Standing::Absent) | Err(_) => Payment::unknown(failure.error),
        }
    }

    /// Returns the end of a payment in flight. The caller's deadline ends the waiting.
    async fn end(&self, hash: &PaymentHash) -> Payment {
        loop {
            match self.standing(hash, TIME_LIMIT).await {
                Ok(Standing::Settled(payment)) => return payment,
                // The wallet had begun it, and now it says how it ended.
                Ok(Standing::Failed(error)) => return Payment::failed(error),
                Ok(Standing::Open(_)) => tokio::time::sleep(BETWEEN).await,
                Ok(Standing::Absent) => {
                    let text = "the wallet no longer knows the payment that it had begun";
                    return Payment::unknown(Error::new(ErrorKind::Protocol, text));
                }
                Err(failure) => return Payment::unknown(failure.error),
            }
        }
    }

    /// Asks the wallet for a payment.
    async fn standing(&self, hash: &PaymentHash, limit: Duration) -> Result<Standing, Failure> {
        let request = Request::LookupInvoice(LookupInvoice {
            payment_hash: Some(hash.to_string()),
            invoice: None,
        });
        match self.client.call::<Transaction>(request, None, limit).await {
            Ok(told) => Ok(standing(told, hash)),
            Err(failure) if failure.code == Some(ErrorCode::NotFound) => Ok(Standing::Absent),
            Err(failure) => Err(failure),
        }
    }

    async fn note(&self, hash: PaymentHash) -> Result<Option<Note>, Error> {
        let notes = self.notes.clone();
        blocking(move || notes.read(&hash)).await?
    }

    async fn write(&self, hash: PaymentHash, note: Note) -> Result<bool, Error> {
        let notes = self.notes.clone();
        Ok(blocking(move || notes.write(&hash, note)).await??)
    }

    async fn forget(&self, hash: PaymentHash) {
        let notes = self.notes.clone();
        // A note that stays delays an answer, and costs nothing.
        let _ = blocking(move || notes.remove(&hash)).await;
    }
}

/// Returns true if the wallet says by this code, in answer to a request to pay, that it has not
/// paid.
fn refuses(code: ErrorCode) -> bool {
    match code {
        ErrorCode::InsufficientBalance
        | ErrorCode::NotImplemented
        | ErrorCode::PaymentFailed
        | ErrorCode::QuotaExceeded
        | ErrorCode::RateLimited
        | ErrorCode::Restricted
        | ErrorCode::Unauthorized
        | ErrorCode::UnsupportedEncryption => true,
        ErrorCode::Internal | ErrorCode::NotFound | ErrorCode::Other => false,
    }
}

/// Returns true if the wallet says by this code that it answers no look-up. Its word about the
/// payment then stands alone.
fn answers_no_lookup(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::NotImplemented
            | ErrorCode::RateLimited
            | ErrorCode::Restricted
            | ErrorCode::Unauthorized
            | ErrorCode::UnsupportedEncryption
    )
}

/// Reads what a wallet says of a payment of ours.
fn standing(told: Transaction, hash: &PaymentHash) -> Standing {
    let open = |text: String| Standing::Open(Error::new(ErrorKind::Timeout, text));
    if told.payment_hash != Some(*hash) {
        return Standing::Open(Error::new(ErrorKind::Protocol, garbled("another payment")));
    }
    // The wallet's own invoice, to be paid by somebody. It says nothing of a payment by us.
    if told.direction == Some(Direction::Incoming) {
        return Standing::Absent;
    }
    // Older wallets say no state.
    let has_settled = told.settled_at.is_some_and(|at| at > 0);
    match told.state {
        Some(TransactionState::Settled) => settled(told, hash),
        None if has_settled => settled(told, hash),
        Some(TransactionState::Failed) => {
            let text = "the wallet says that the payment failed";
            Standing::Failed(Error::new(ErrorKind::Rejected, text))
        }
        // Said of an invoice that nobody has paid in time.
        Some(TransactionState::Expired) => Standing::Absent,
        _ => open("the payment is still in flight".to_owned()),
    }
}

fn settled(told: Transaction, hash: &PaymentHash) -> Standing {
    match told.preimage.filter(|preimage| preimage.proves(hash)) {
        Some(preimage) => Standing::Settled(Payment::Settled {
            preimage,
            paid: Msat::new(told.amount),
            // Absent means that the wallet does not tell the fee, not that there was none.
            fee: Msat::new(told.fees_paid.unwrap_or_default()),
        }),
        // Some wallets show the preimage a moment later.
        None => Standing::Open(Error::new(
            ErrorKind::Protocol,
            garbled("no proof of payment"),
        )),
    }
}

/// Returns the outcome of a payment that the wallet says has failed: not the end if that may be an
/// earlier attempt, and the request of the last one may still be carried out.
fn end_of_failed(error: Error, note: Note, now: UnixTime) -> Payment {
    if note.had_failed && !note.is_request_over(now) {
        return Payment::unknown(may_come());
    }
    Payment::failed(error)
}

/// Returns the outcome of a payment that was begun here, and of which the wallet knows nothing.
fn end_of_absent(note: Note, now: UnixTime) -> Payment {
    if !note.is_over(now) {
        return Payment::unknown(may_come());
    }
    let text = "the request and the invoice expired before the wallet paid";
    Payment::failed(Error::new(ErrorKind::Rejected, text))
}

fn may_come() -> Error {
    let text = "the wallet knows nothing of the payment yet, and may still make it";
    Error::new(ErrorKind::Timeout, text)
}

/// Does `work` on files on another thread.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::new(ErrorKind::Local, error.to_string()))
}
