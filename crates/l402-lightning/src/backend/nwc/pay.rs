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
//!   INSUFFICIENT_BALANCE, QUOTA_EXCEEDED,           settled                       Settled
//!   RATE_LIMITED, RESTRICTED, UNAUTHORIZED,         in flight, or no answer       Unknown
//!   NOT_IMPLEMENTED, UNSUPPORTED_ENCRYPTION         failed, not found, no state   Failed
//!                                                   not permitted                 Failed
//!   PAYMENT_FAILED, INTERNAL, NOT_FOUND, OTHER,     settled                       Settled
//!   any other code, no answer, refused by a         failed, by this request       Failed
//!   relay, unreadable                               anything else                 Unknown
//! ```
//!
//! The codes in the second row are the wallet's own signed word, about this very request, that it
//! has not begun to pay. The others say that something went wrong, perhaps after the payment was
//! sent: NIP-47 gives a time-out as one reason of `PAYMENT_FAILED`, and what timed out may still
//! arrive. Without a word of the second row, *not found* is an end only after request and invoice
//! have expired (see `backend/once`). Every request to pay carries an `expiration`, is handed to one
//! relay, and is never sent again.

use core::time::Duration;
use std::sync::Arc;

use l402::{Invoice, Msat, Network, PaymentHash};
use l402_host::BoxFuture;
use tokio::time::Instant;

use super::client::{Client, Failure, TIME_LIMIT, garbled, later};
use super::open::{OpenConnection, connect};
use super::wire::{
    Balance, Direction, ErrorCode, LookupInvoice, Paid, PayInvoice, Request, Transaction,
    TransactionState,
};
use crate::backend::once::{Attempts, Note, Turn, may_come};
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
    let above = open.home().join("nwc");
    let attempts = Attempts::open_in(&above, &client.key, open.clock()).await?;
    let pay = NwcPay {
        attempts,
        client,
        network: opened.network,
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
    attempts: Attempts,
    client: Client,
    network: Network,
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
            let before = self.attempts.note(payment_hash).await?;
            let untold = before.map_or(Msat::ZERO, |note| note.max_fee);
            let standing = self.standing(&payment_hash, untold, TIME_LIMIT).await?;
            let note = match before {
                // After the question: a payment that has begun meanwhile has a note by now.
                None => self.attempts.note(payment_hash).await?,
                note => note,
            };
            Ok(self.outcome(standing, note))
        })
    }

    fn failure_is_last(&self) -> bool {
        true
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
        let mut turn = match self.attempts.turn(hash).await {
            Ok(turn) => turn,
            // Nobody knows of an earlier attempt.
            Err(error) => return Payment::unknown(error),
        };
        let untold = turn.earlier().map_or(request.max_fee, |note| note.max_fee);
        let had_failed = match self.before(&hash, &turn, untold, until).await {
            Ok(had_failed) => had_failed,
            Err(payment) => return payment,
        };
        turn.close_earlier();
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
            max_fee: request.max_fee,
        };
        if let Err(error) = turn.begin(note).await {
            return Payment::failed(error);
        }
        turn.sends();
        match self.send(request.bolt11, &invoice, note, limit).await {
            failed @ Payment::Failed(_) => turn.end(failed).await,
            // A note of a settled payment stays: the wallet may forget it before the invoice ends.
            outcome => outcome,
        }
    }

    /// Finds out if the payment may be begun: not if it was begun before and may still settle.
    /// Returns true if an earlier attempt failed.
    async fn before(
        &self,
        hash: &PaymentHash,
        turn: &Turn,
        untold: Msat,
        until: Instant,
    ) -> Result<bool, Payment> {
        // Half of the time, so that a wallet that is away is no unknown payment.
        let left = until.saturating_duration_since(Instant::now());
        let limit = TIME_LIMIT.min(left.checked_div(2).unwrap_or_default());
        let standing = self.standing(hash, untold, limit).await;
        let standing = standing.map_err(|failure| match turn.earlier() {
            // Nothing was begun for this invoice, neither now nor before.
            None => Payment::failed(failure.error),
            Some(_) => Payment::unknown(failure.error),
        })?;
        match standing {
            Standing::Settled(payment) => Err(payment),
            Standing::Open(_) => Err(self.end(hash, untold).await),
            // The wallet may still carry out the earlier request.
            Standing::Failed(_) if turn.outlives_failure() => Err(Payment::unknown(may_come())),
            Standing::Absent if turn.may_begin() => Err(Payment::unknown(may_come())),
            Standing::Failed(_) => Ok(true),
            Standing::Absent => Ok(false),
        }
    }

    /// Returns the outcome that a standing is, with the note of the attempt.
    fn outcome(&self, standing: Standing, note: Option<Note>) -> Option<Payment> {
        let record = match standing {
            Standing::Settled(payment) => Some(payment),
            Standing::Open(error) => Some(Payment::unknown(error)),
            Standing::Failed(error) => Some(Payment::failed(error)),
            Standing::Absent => None,
        };
        let judged = self.attempts.judge(record, note);
        judged.or_else(|| {
            let text = "the request and the invoice expired before the wallet paid";
            note.map(|_| Payment::failed(Error::new(ErrorKind::Rejected, text)))
        })
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
                    fee: fees_paid.map_or(note.max_fee, Msat::new),
                };
            }
            Ok(_) => Failure::unanswered(ErrorKind::Protocol, garbled("no proof of payment")),
            Err(failure) if !failure.is_sent => return Payment::failed(failure.error),
            Err(failure) => failure,
        };
        let is_refusal = failure.code.is_some_and(refuses);
        match self.standing(&hash, note.max_fee, TIME_LIMIT).await {
            Ok(Standing::Failed(_) | Standing::Absent) if is_refusal => {
                Payment::failed(failure.error)
            }
            Ok(Standing::Open(_)) => self.end(&hash, note.max_fee).await,
            Ok(Standing::Absent) => match self.outcome(Standing::Absent, Some(note)) {
                Some(ended @ Payment::Failed(_)) => ended,
                _ => Payment::unknown(failure.error),
            },
            Ok(told) => {
                let outcome = self.outcome(told, Some(note));
                outcome.unwrap_or_else(|| Payment::unknown(failure.error))
            }
            Err(lookup) if is_refusal && lookup.code.is_some_and(answers_no_lookup) => {
                Payment::failed(failure.error)
            }
            Err(_) => Payment::unknown(failure.error),
        }
    }

    /// Returns the end of a payment in flight. The caller's deadline ends the waiting.
    async fn end(&self, hash: &PaymentHash, untold: Msat) -> Payment {
        loop {
            match self.standing(hash, untold, TIME_LIMIT).await {
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

    /// Asks the wallet for a payment. A fee that it does not tell is `untold`.
    async fn standing(
        &self,
        hash: &PaymentHash,
        untold: Msat,
        limit: Duration,
    ) -> Result<Standing, Failure> {
        let request = Request::LookupInvoice(LookupInvoice {
            payment_hash: Some(hash.to_string()),
            invoice: None,
        });
        match self.client.call::<Transaction>(request, None, limit).await {
            Ok(told) => Ok(standing(told, hash, untold)),
            Err(failure) if failure.code == Some(ErrorCode::NotFound) => Ok(Standing::Absent),
            Err(failure) => Err(failure),
        }
    }
}

/// Returns true if the wallet says by this code, in answer to a request to pay, that it has not begun
/// to pay.
fn refuses(code: ErrorCode) -> bool {
    match code {
        ErrorCode::InsufficientBalance
        | ErrorCode::NotImplemented
        | ErrorCode::QuotaExceeded
        | ErrorCode::RateLimited
        | ErrorCode::Restricted
        | ErrorCode::Unauthorized
        | ErrorCode::UnsupportedEncryption => true,
        ErrorCode::Internal | ErrorCode::NotFound | ErrorCode::Other | ErrorCode::PaymentFailed => {
            false
        }
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
fn standing(told: Transaction, hash: &PaymentHash, untold: Msat) -> Standing {
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
        Some(TransactionState::Settled) => settled(told, hash, untold),
        None if has_settled => settled(told, hash, untold),
        Some(TransactionState::Failed) => {
            let text = "the wallet says that the payment failed";
            Standing::Failed(Error::new(ErrorKind::Rejected, text))
        }
        // Said of an invoice that nobody has paid in time.
        Some(TransactionState::Expired) => Standing::Absent,
        _ => open("the payment is still in flight".to_owned()),
    }
}

fn settled(told: Transaction, hash: &PaymentHash, untold: Msat) -> Standing {
    match told.preimage.filter(|preimage| preimage.proves(hash)) {
        Some(preimage) => Standing::Settled(Payment::Settled {
            preimage,
            paid: Msat::new(told.amount),
            // Absent means that the wallet does not tell the fee, not that there was none.
            fee: told.fees_paid.map_or(untold, Msat::new),
        }),
        // Some wallets show the preimage a moment later.
        None => Standing::Open(Error::new(
            ErrorKind::Protocol,
            garbled("no proof of payment"),
        )),
    }
}
