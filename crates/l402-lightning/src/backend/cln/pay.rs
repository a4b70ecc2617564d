//! The spending half of Core Lightning.
//!
//! ```text
//!   listpays ─┬─ complete, or in flight until the deadline ──> Settled, Unknown
//!             └─ nothing, or a failure that is over
//!                  xpay ─┬─ a preimage that proves ─────────> Settled
//!                        ├─ no connection ──────────────────> Failed: nothing was sent
//!                        ├─ an error of the node ─ listpays ─┬─> the end of the payment
//!                        │                                   └─> Failed, if there is none
//!                        └─ anything else ──────────────────> Unknown
//! ```
//!
//! An `xpay` tries one part after another. Before the first of them, and between two, Core Lightning
//! lists the payment as failed, or not at all: that proves nothing until the `xpay` itself is over.
//! This process knows when that is (`begun.rs`), and the next one by a note (`backend/once`).

use core::time::Duration;
use std::sync::Arc;

use l402::{Msat, Network, PaymentHash, Preimage};
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::begun::{Attempt, Begun, SURELY_OVER};
use super::open::{self, read_rune};
use super::receive::ClnReceive;
use super::rpc::{Method, Rpc, TIME_LIMIT};
use super::wire::{Channels, WireMsat, garbled, is_hash, msat};
use crate::backend::once::{Attempts, Note, Turn};
use crate::transport::{Failure, Proof};
use crate::{
    ClnNode, ClnRestNode, Error, ErrorKind, Open, Pay, PayRequest, Payment, Wallet, check,
};
use l402_host::BoxFuture;

/// The longest time for which an `xpay` tries new parts.
const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// The time between the end of the tries and the deadline, for the answer.
const ANSWER: Duration = Duration::from_secs(2);

/// The longest time for which something between here and the node, such as a proxy, may hold back
/// an `xpay` whose answer was lost.
const ON_THE_WAY: Duration = Duration::from_secs(60);

/// The first pause before the state of a payment in flight is asked for again; each is twice the
/// one before, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The longest such pause; a rune may limit the calls of a minute.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// Opens both halves over the socket.
pub(crate) async fn wallet(node: &ClnNode, open: Open) -> Result<Wallet, Error> {
    paying(open::socket(node), &open).await
}

/// Opens both halves over clnrest, with one rune.
pub(crate) async fn rest_wallet(node: &ClnRestNode, open: Open) -> Result<Wallet, Error> {
    let rune = read_rune(node)?;
    rune.may_pay(&node.rune)?;
    // A warning and no refusal: it does pay, and it is the owner's node.
    if let Some(excess) = rune.beyond_paying(&node.rune) {
        tracing::warn!(target: "l402_lightning::cln", "{excess}");
    }
    paying(open::clnrest(node, &rune)?, &open).await
}

async fn paying(rpc: Rpc, open: &Open) -> Result<Wallet, Error> {
    let info = rpc.info().await?;
    let (network, rpc) = (info.network()?, Arc::new(rpc));
    let is_id = info.id.len() == 66 && info.id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_id {
        return Err(garbled("a node without an id"));
    }
    let receive = ClnReceive {
        clock: open.clock(),
        network,
        rpc: Arc::clone(&rpc),
    };
    let name = format!("Core Lightning {} on {network}", info.id);
    let pay = ClnPay(Arc::new(Payer {
        attempts: Attempts::open(open, &name).await?,
        begun: Begun::default(),
        name,
        network,
        rpc,
    }));
    Ok(Wallet::new(Arc::new(pay)).with_receive(Arc::new(receive)))
}

/// A Core Lightning that can spend.
#[derive(Debug)]
struct ClnPay(Arc<Payer>);

#[derive(Debug)]
struct Payer {
    attempts: Attempts,
    begun: Begun,
    /// Holds the public key of the node, so that it is the same over socket and clnrest.
    name: String,
    network: Network,
    rpc: Arc<Rpc>,
}

/// `xpay`, as far as it is read.
#[derive(Deserialize)]
struct Paid {
    payment_preimage: String,
    amount_msat: WireMsat,
    amount_sent_msat: WireMsat,
}

/// `listpays`.
#[derive(Deserialize)]
struct Pays {
    pays: Vec<WirePay>,
}

/// A payment of `listpays`, as far as it is read.
#[derive(Deserialize)]
struct WirePay {
    payment_hash: String,
    status: String,
    created_at: u64,
    #[serde(default)]
    preimage: Option<String>,
    #[serde(default)]
    amount_msat: Option<WireMsat>,
    #[serde(default)]
    amount_sent_msat: Option<WireMsat>,
}

/// The state of a payment at the node.
enum PaymentState {
    /// The payment has this end, or one that cannot be read.
    Ended(Payment),
    /// The payment is in flight, or may still begin.
    Moving(Error),
    /// No payment was begun.
    Nothing,
}

impl Pay for ClnPay {
    fn network(&self) -> Network {
        self.0.network
    }

    fn name(&self) -> String {
        self.0.name.clone()
    }

    /// Pays in a task of its own: a caller who leaves in mid-payment does not cut an `xpay` off, so
    /// that its end is known soon.
    fn pay(&self, request: PayRequest) -> BoxFuture<'_, Payment> {
        let (payer, deadline) = (Arc::clone(&self.0), request.deadline);
        Box::pin(Payment::within(deadline, async move {
            let paying = tokio::spawn(async move { payer.attempt(request).await });
            paying.await.unwrap_or_else(|_| {
                let text = "the task that pays has ended early";
                Payment::unknown(Error::new(ErrorKind::Local, text))
            })
        }))
    }

    fn lookup(&self, payment_hash: PaymentHash) -> BoxFuture<'_, Result<Option<Payment>, Error>> {
        Box::pin(async move {
            Ok(match self.0.state(&payment_hash).await? {
                PaymentState::Ended(payment) => Some(payment),
                PaymentState::Moving(error) => Some(Payment::unknown(error)),
                PaymentState::Nothing => None,
            })
        })
    }

    fn failure_is_last(&self) -> bool {
        true
    }

    fn balance(&self) -> BoxFuture<'_, Result<Msat, Error>> {
        Box::pin(async move {
            let method = Method("/v1/listpeerchannels");
            let found: Channels = self.0.rpc.call(method, json!({}), TIME_LIMIT).await?;
            Ok(found.spendable())
        })
    }
}

impl Payer {
    async fn attempt(&self, request: PayRequest) -> Payment {
        let begin = Instant::now();
        let payable = check::payable(&request.bolt11, self.network, "this Core Lightning");
        let hash = match payable {
            Ok((invoice, _)) => invoice.payment_hash,
            Err(error) => return Payment::failed(error),
        };
        // Core Lightning would pay an invoice twice for two callers at once.
        let turn = tokio::select! {
            biased;
            turn = self.attempts.turn(hash) => turn,
            // Another call still waits for its own answer, which may have been lost.
            payment = self.settles(&hash) => return payment,
        };
        let turn = match turn {
            Ok(turn) => turn,
            // Nobody knows of an earlier attempt.
            Err(error) => return Payment::unknown(error),
        };
        let is_first = turn.earlier().is_none() && self.begun.attempt(&hash) == Attempt::Unknown;
        let earlier = self.earlier(&hash, is_first);
        let earlier = tokio::time::timeout(request.deadline, earlier).await;
        let left = request.deadline.saturating_sub(begin.elapsed());
        match earlier {
            Ok(Some(payment)) => payment,
            Ok(None) if !left.is_zero() => self.send(&request, hash, left, turn).await,
            // The caller was told *unknown* at the deadline, and nothing is begun after it.
            _ => {
                let text = "no time was left to begin the payment";
                Payment::unknown(Error::new(ErrorKind::Timeout, text))
            }
        }
    }

    /// Returns the outcome of an earlier attempt, or `None` if there is none that may have cost
    /// anything. Waits while one is in flight.
    async fn earlier(&self, hash: &PaymentHash, is_first: bool) -> Option<Payment> {
        match self.end(hash).await {
            Ok(None | Some(Payment::Failed(_))) => None,
            Ok(Some(payment)) => Some(payment),
            // Nothing was sent now, so without an earlier attempt no money can have moved. A node
            // that was reached, and did not tell, may know of one.
            Err(failure) if is_first && !may_hide(&failure) => Some(Payment::failed(failure.error)),
            Err(failure) => Some(Payment::unknown(failure.error)),
        }
    }

    /// Asks the node to pay. No earlier attempt is under way.
    async fn send(
        &self,
        request: &PayRequest,
        hash: PaymentHash,
        left: Duration,
        mut turn: Turn,
    ) -> Payment {
        turn.close_earlier();
        let tries = left.saturating_sub(ANSWER).min(LONGEST_RETRY);
        let retry_for = tries.as_secs().max(1);
        let params = json!({
            "invstring": request.bolt11,
            "maxfee": msat(request.max_fee),
            "retry_for": retry_for,
        });
        let lasts = Duration::from_secs(retry_for).saturating_add(ON_THE_WAY);
        // Noted before it is sent: from here on this program may end, and the node go on.
        let note = self.note(lasts, request.max_fee);
        if let Err(error) = turn.begin(note).await {
            return Payment::failed(error);
        }
        turn.sends();
        self.begun.begin(hash, lasts, note.request_ends);
        // The answer is waited for longer than the caller may, so that it is seen.
        let limit = left.max(ANSWER.saturating_mul(2));
        let failure = match self.rpc.call(Method("/v1/xpay"), params, limit).await {
            Ok(paid) => {
                self.begun.end(hash);
                return turn.end(settled(&paid, &hash)).await;
            }
            Err(failure) => failure,
        };
        if !failure.sent {
            self.begun.end(hash);
            return turn.end(Payment::failed(failure.error)).await;
        }
        if failure.proof == Proof::None {
            // A proxy, a lost connection, or nothing that can be read: the node may go on.
            return Payment::unknown(failure.error);
        }
        self.begun.end(hash);
        let outcome = self.after_refusal(&hash, failure.error).await;
        turn.end(outcome).await
    }

    /// Returns the note of an `xpay` that ends by itself within `lasts`.
    fn note(&self, lasts: Duration, max_fee: Msat) -> Note {
        let ends = self.attempts.clock.wall().saturating_add(lasts);
        Note {
            request_ends: ends,
            invoice_ends: ends,
            had_failed: false,
            max_fee,
        }
    }

    /// Returns the end of a payment for which the node has answered with an error. The error alone
    /// is no proof: a part may be in flight, and an invoice that is paid is an error, too.
    async fn after_refusal(&self, hash: &PaymentHash, error: Error) -> Payment {
        let denied = |error: &Error| error.kind() == ErrorKind::Unauthorized;
        match self.end(hash).await {
            Ok(None | Some(Payment::Failed(_))) => Payment::failed(error),
            Ok(Some(payment)) => payment,
            // The rune permits neither call, so nothing can have begun.
            Err(second) if !may_hide(&second) && denied(&second.error) && denied(&error) => {
                Payment::failed(error)
            }
            Err(_) => Payment::unknown(error),
        }
    }

    /// Returns the end of a payment, or `None` if there is none; waits while it is in flight.
    async fn end(&self, hash: &PaymentHash) -> Result<Option<Payment>, Failure> {
        let decide = |state| match state {
            Ok(PaymentState::Ended(payment)) => Some(Ok(Some(payment))),
            Ok(PaymentState::Moving(_)) => None,
            Ok(PaymentState::Nothing) => Some(Ok(None)),
            Err(failure) => Some(Err(failure)),
        };
        self.follow(hash, decide).await
    }

    /// Returns the payment once the node lists it as settled.
    async fn settles(&self, hash: &PaymentHash) -> Payment {
        let decide = |state| match state {
            Ok(PaymentState::Ended(payment @ Payment::Settled { .. })) => Some(payment),
            _ => None,
        };
        self.follow(hash, decide).await
    }

    /// Asks for the state of a payment, ever more rarely, until that decides.
    async fn follow<T>(
        &self,
        hash: &PaymentHash,
        decide: impl Fn(Result<PaymentState, Failure>) -> Option<T>,
    ) -> T {
        let mut pause = FIRST_PAUSE;
        loop {
            if let Some(decided) = decide(self.state(hash).await) {
                return decided;
            }
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }

    /// Returns the state of a payment as it is now.
    async fn state(&self, hash: &PaymentHash) -> Result<PaymentState, Failure> {
        // Read before the node is asked: an attempt that ends meanwhile would make an older answer
        // look final.
        let (attempt, untold) = self.noted(hash).await.map_err(unasked)?;
        let params = json!({ "payment_hash": hash.to_string() });
        let call = self.rpc.call(Method("/v1/listpays"), params, TIME_LIMIT);
        let found: Pays = call.await?;
        let now = self.attempts.clock.wall().secs();
        let is_over = |created: u64| {
            let age = now.saturating_sub(created);
            attempt == Attempt::Over || attempt == Attempt::Unknown && age > SURELY_OVER.as_secs()
        };
        Ok(state(&found.pays, hash, attempt, untold, is_over))
    }

    /// Returns what this home folder knows of an `xpay`, and the fee to count if the node tells none.
    async fn noted(&self, hash: &PaymentHash) -> Result<(Attempt, Msat), Error> {
        let note = self.attempts.note(*hash).await?;
        let untold = note.map_or(Msat::ZERO, |note| note.max_fee);
        let now = self.attempts.clock.wall();
        let attempt = match (self.begun.attempt(hash), note) {
            // Another process has asked for it, or this one before it was started again.
            (Attempt::Unknown, Some(note)) if now <= note.request_ends => Attempt::Running,
            // Another process has asked after the attempt of this one was over.
            (Attempt::Over, Some(note))
                if now <= note.request_ends && !self.begun.is_own(hash, note.request_ends) =>
            {
                Attempt::Running
            }
            (attempt, _) => attempt,
        };
        Ok((attempt, untold))
    }
}

/// Returns the failure of a look-up that this machine itself could not begin.
fn unasked(error: Error) -> Failure {
    Failure {
        error,
        proof: Proof::None,
        status: None,
        // An earlier payment may hide behind it.
        sent: true,
    }
}

/// Returns true if a look-up that failed leaves open whether there is a payment.
fn may_hide(failure: &Failure) -> bool {
    let is_denied =
        failure.error.kind() == ErrorKind::Unauthorized && failure.proof == Proof::NotBegun;
    failure.sent && !is_denied
}

/// Returns the state that the records of the node stand for. There is one for each attempt.
fn state(
    pays: &[WirePay],
    hash: &PaymentHash,
    attempt: Attempt,
    untold: Msat,
    is_over: impl Fn(u64) -> bool,
) -> PaymentState {
    let in_flight = || {
        let text = "the payment is still in flight";
        PaymentState::Moving(Error::new(ErrorKind::Timeout, text))
    };
    let is = |status: &'static str| move |pay: &&WirePay| pay.status == status;
    if pays.iter().any(|pay| !is_hash(&pay.payment_hash, hash)) {
        // A record of another payment must neither settle nor fail this one.
        return PaymentState::Ended(Payment::unknown(garbled("another payment")));
    }
    if let Some(pay) = pays.iter().find(is("complete")) {
        return PaymentState::Ended(completed(pay, hash, untold));
    }
    let failed = pays.iter().filter(is("failed"));
    if failed.clone().count() < pays.len() || attempt == Attempt::Running {
        return in_flight();
    }
    match failed.map(|pay| pay.created_at).max() {
        None => PaymentState::Nothing,
        Some(last) if is_over(last) => {
            let text = "Core Lightning could not make the payment";
            PaymentState::Ended(Payment::failed(Error::new(ErrorKind::Rejected, text)))
        }
        // Another process may have asked for it a moment ago.
        Some(_) => in_flight(),
    }
}

/// Returns the outcome of a record that is complete.
fn completed(pay: &WirePay, hash: &PaymentHash, untold: Msat) -> Payment {
    let Some(amount_sent_msat) = pay.amount_sent_msat else {
        return Payment::unknown(garbled("a payment without an amount"));
    };
    let paid = Paid {
        payment_preimage: pay.preimage.clone().unwrap_or_default(),
        // Absent for an old payment: then the fee is not known either, and is the highest allowed.
        amount_msat: pay.amount_msat.unwrap_or_else(|| {
            let amount = amount_sent_msat.0.checked_sub(untold);
            WireMsat(amount.unwrap_or_default())
        }),
        amount_sent_msat,
    };
    settled(&paid, hash)
}

/// Returns the outcome of a payment that the node calls settled; only the preimage proves it.
fn settled(paid: &Paid, hash: &PaymentHash) -> Payment {
    let preimage: Option<Preimage> = paid.payment_preimage.parse().ok();
    let proof = preimage.filter(|preimage| preimage.proves(hash));
    let (amount, sent) = (paid.amount_msat.0, paid.amount_sent_msat.0);
    match (proof, sent.checked_sub(amount)) {
        (Some(preimage), Some(fee)) => Payment::Settled {
            preimage,
            paid: amount,
            fee,
        },
        (None, _) => Payment::unknown(garbled("a payment without its preimage")),
        (_, None) => Payment::unknown(garbled("less sent than paid")),
    }
}
