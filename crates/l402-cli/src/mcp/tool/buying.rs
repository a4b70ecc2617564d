//! One call that may buy: found among what is known, or made once.
//!
//! ```text
//!   turn of the call ─▶ known? ── over ──▶ the kept answer, nothing is paid
//!                          │ no, or open
//!                          └─▶ client.send in a task of its own ─▶ answer
//!                                   └─ longer than the patience ─▶ pending; the task goes on
//! ```

use std::sync::Arc;
use std::time::Duration;

use l402::{Msat, PaymentHash};
use l402_client::{Client, Entry, Error, Receipt, ReplayError, State};
use serde_json::{Value, json};

use super::answer::{Part, ToolAnswer, Waiting};
use super::reading::{ReadAnswer, read, read_kept};
use super::result::{Outcome, PayingResult, Payment, fault};
use super::resuming::settled;
use super::showing::{Shown, secrets_at, show};
use crate::mcp::purse::{
    CallId, CallProgress, Earlier, HttpCall, NotPaid, NotReady, Purse, Waited, Wish,
};
use crate::text::when;

/// A call that may buy.
pub(super) struct BuyingCall {
    pub(super) id: CallId,
    pub(super) http: HttpCall,
    pub(super) max_cost: Option<Msat>,
    pub(super) patience: Duration,
}

/// The result of a call that may have an answer over HTTP.
pub(super) struct Bought {
    pub(super) result: PayingResult,
    pub(super) answer: Value,
    pub(super) part: Option<Part>,
}

impl From<PayingResult> for Bought {
    fn from(result: PayingResult) -> Self {
        Self {
            result,
            answer: Value::Null,
            part: None,
        }
    }
}

impl Bought {
    /// Returns the answer of the tool, with notes on its arguments.
    pub(super) fn answer(mut self, mut notes: Vec<String>) -> ToolAnswer {
        notes.append(&mut self.result.notes);
        self.result.notes = notes;
        let mut answer = self.result.answer(json!({ "answer": self.answer }));
        answer.parts.extend(self.part);
        answer
    }

    /// Returns a result together with an answer as it is shown.
    pub(super) fn shown(mut result: PayingResult, shown: Shown) -> Self {
        result.notes.extend(shown.notes);
        result.line = if result.line.is_empty() {
            shown.line
        } else {
            format!("{}; {}", shown.line, result.line)
        };
        Self {
            result,
            answer: shown.answer,
            part: shown.part,
        }
    }
}

/// Makes a call that may buy, or finds what the same call has bought.
pub(super) async fn buy(purse: &Arc<Purse>, call: BuyingCall) -> Bought {
    let BuyingCall {
        id,
        http,
        max_cost,
        patience,
    } = call;
    let turn = match purse.turn(&id, patience).await {
        Ok(Some(turn)) => turn,
        Ok(None) => return under_way(purse, &id).into(),
        Err(error) => return PayingResult::of_error(&error.into()).into(),
    };
    let unserved = match before(purse, &id, &http, patience).await {
        Ok(unserved) => unserved,
        Err(ended) => return *ended,
    };
    let progress = CallProgress::new(purse, id, Some(http.clone()));
    // What is free needs no wallet, so one that is away is told only if it is needed.
    let wallet = purse.wallet().await;
    let wish = Wish {
        url: Some(&http.url),
        max_cost,
        // Somebody else may be presenting what was paid for, and it looks then as if there were nothing.
        wallet: wallet.as_ref().ok().cloned().filter(|_| unserved.is_none()),
        progress: Some(Arc::clone(&progress)),
    };
    if let Some(entry) = &unserved {
        progress.resumes(entry.payment_hash);
    }
    let client = match purse.client(wish).await {
        Ok(client) => client,
        Err(why) => return not_ready(why).into(),
    };
    let is_kept = purse.config().vault.enabled;
    let (work_progress, request) = (Arc::clone(&progress), http.to_request());
    let work = async move {
        let answer = client.send(request).await;
        let answer = match answer {
            Ok(response) => read(response, &work_progress, is_kept).await,
            Err(error) => Err(error),
        };
        if let Ok(Some(receipt)) = answer.as_ref().map(|read| read.receipt.as_ref())
            && receipt.reused
        {
            work_progress.note_reused(receipt.payment_hash);
        }
        // Only now may the same call go on: it finds this payment and its answer.
        drop(turn);
        answer
    };
    match purse.wait_for(&progress, patience, work).await {
        Waited::Done(Ok(read)) => had(purse, read),
        Waited::Done(Err(error @ Error::PaymentRequired(_))) => match (unserved, wallet) {
            (Some(entry), _) => being_answered(purse, &entry).into(),
            (None, Err(error)) => PayingResult::of_cli(&error).into(),
            (None, Ok(_)) => failed(purse, &error, progress.not_paid()).into(),
        },
        Waited::Done(Err(error)) => failed(purse, &error, progress.not_paid()).into(),
        waited => unfinished(&waited, &progress, "l402_resume").into(),
    }
}

/// Returns the payment of the same call whose answer was not had yet, `None` if the call may pay.
///
/// # Errors
/// The result, if the call is over already.
async fn before(
    purse: &Arc<Purse>,
    id: &CallId,
    http: &HttpCall,
    patience: Duration,
) -> Result<Option<Box<Entry>>, Box<Bought>> {
    let entry = match purse.earlier(id) {
        Ok(Earlier::Nothing) => return Ok(None),
        Ok(Earlier::OtherArguments) => return Err(Box::new(other_arguments().into())),
        Ok(Earlier::Over(entry) | Earlier::Open(entry)) => entry,
        Err(error) => return Err(Box::new(PayingResult::of_error(&error).into())),
    };
    let hash = entry.payment_hash;
    let entry = match tokio::time::timeout(patience, settled(purse, &hash)).await {
        Ok(Ok(found)) => found.map_or(entry, Box::new),
        Ok(Err(why)) => return Err(Box::new(not_ready(why).into())),
        // The wallet does not answer, and what the journal says holds.
        Err(_) => entry,
    };
    match entry.state {
        State::Failed => Ok(None),
        // A program that ended just then may have kept the answer, and not noted that it had it.
        State::Paid => match had_before(purse, &entry, http).await {
            Some(bought) => Err(Box::new(bought)),
            None => Ok(Some(entry)),
        },
        State::Intent | State::Unknown => {
            Err(Box::new(PayingResult::pending(hash, "l402_resume").into()))
        }
        _ => Err(Box::new(over(purse, &entry, http).await)),
    }
}

/// Returns the result of a call whose paid answer somebody else is getting at this moment.
fn being_answered(purse: &Purse, entry: &Entry) -> PayingResult {
    let message = "it is paid, and its answer is being had elsewhere";
    let hint = "repeat the very same call, or call l402_resume with the payment_hash, in a minute; \
                neither pays again";
    PayingResult {
        payment: Some(payment_of_entry(purse, entry)),
        error: Some(fault("busy", message, Some(hint))),
        ..PayingResult::new(Outcome::Paid, format!("{message}; {hint}"))
    }
}

/// Returns the result of an answer that has come.
pub(super) fn had(purse: &Purse, read: ReadAnswer) -> Bought {
    let receipt = read.receipt.clone();
    let hash = receipt.as_ref().map(|receipt| receipt.payment_hash);
    let is_delivery = read.status < 400;
    let shown = show_of(purse, read, hash);
    let Some(receipt) = receipt else {
        return Bought::shown(
            PayingResult::new(Outcome::Free, "free, nothing was paid"),
            shown,
        );
    };
    // `paid` and not `served` behind an error: l402_resume may still get what was bought.
    let outcome = if is_delivery {
        Outcome::Served
    } else {
        Outcome::Paid
    };
    let line = if is_delivery {
        ""
    } else {
        "the server did not serve what was paid for; l402_resume tries again and pays nothing"
    };
    let result = PayingResult {
        payment: Some(payment_of(purse, &receipt)),
        paid_at: Some(receipt.paid_at),
        ..PayingResult::new(outcome, line)
    };
    Bought::shown(result, shown)
}

fn show_of(purse: &Purse, read: ReadAnswer, hash: Option<PaymentHash>) -> Shown {
    let secrets = secrets_at(purse, &read.url, hash.as_ref());
    show(read, &secrets, hash.as_ref())
}

fn payment_of(purse: &Purse, receipt: &Receipt) -> Payment {
    Payment {
        hash: receipt.payment_hash,
        amount: receipt.paid,
        fee: receipt.fee,
        reused: receipt.reused,
        preimage: preimage(purse, &receipt.payment_hash),
    }
}

/// Returns the preimage of a payment in hexadecimal, if the operator shows secrets.
pub(super) fn preimage(purse: &Purse, hash: &PaymentHash) -> Option<String> {
    let credential = purse
        .shows_secrets()
        .then(|| purse.journal().credential(hash))?;
    Some(credential.ok()??.preimage().to_hex())
}

/// Returns the payment of a row that is over.
pub(super) fn payment_of_entry(purse: &Purse, entry: &Entry) -> Payment {
    Payment {
        hash: entry.payment_hash,
        amount: entry.amount.max(entry.paid),
        fee: entry.fee,
        reused: true,
        preimage: preimage(purse, &entry.payment_hash),
    }
}

/// Returns the result of a call that is known and over: the kept answer, and nothing is paid.
async fn over(purse: &Arc<Purse>, entry: &Entry, http: &HttpCall) -> Bought {
    if entry.state != State::Served {
        return lost(purse, entry).into();
    }
    let wish = Wish {
        url: Some(&http.url),
        ..Wish::default()
    };
    let client = match purse.client(wish).await {
        Ok(client) => client,
        Err(why) => return not_ready(why).into(),
    };
    match kept(&client, entry, http).await {
        Ok(Some(found)) => again(purse, entry, found),
        Ok(None) => {
            let why = if purse.config().vault.enabled {
                "is not kept (it was too long, or too long ago)"
            } else {
                "is not kept: client.toml says `[vault] enabled = false`"
            };
            not_kept(purse, entry, why)
        }
        Err(error) => not_kept(purse, entry, &format!("cannot be read: {error}")),
    }
}

/// Returns the result of a kept answer to a request.
fn again(purse: &Purse, entry: &Entry, (read, kept_at): (ReadAnswer, l402::UnixTime)) -> Bought {
    let note = format!(
        "this is the kept answer of {} UTC, and nothing was paid now; pass a new idempotency_key to buy \
         again",
        when::utc(kept_at)
    );
    let shown = show_of(purse, read, Some(entry.payment_hash));
    Bought::shown(replayed(purse, entry, Outcome::Served, note), shown)
}

/// Returns the kept answer of a payment that was never noted as served, if there is one.
async fn had_before(purse: &Arc<Purse>, entry: &Entry, http: &HttpCall) -> Option<Bought> {
    let wish = Wish {
        url: Some(&http.url),
        ..Wish::default()
    };
    let client = purse.client(wish).await.ok()?;
    let found = kept(&client, entry, http).await.ok()??;
    Some(again(purse, entry, found))
}

fn not_kept(purse: &Purse, entry: &Entry, why: &str) -> Bought {
    let note = format!(
        "the answer was had before and {why}; nothing was paid now; pass a new idempotency_key to buy again"
    );
    replayed(purse, entry, Outcome::Paid, note).into()
}

/// Returns the result of an earlier call.
pub(super) fn replayed(
    purse: &Purse,
    entry: &Entry,
    outcome: Outcome,
    note: String,
) -> PayingResult {
    let token = purse.journal().token(&entry.payment_hash).ok().flatten();
    PayingResult {
        payment: Some(payment_of_entry(purse, entry)),
        replayed: true,
        paid_at: Some(token.map_or(entry.created, |token| token.paid_at)),
        notes: vec![note],
        ..PayingResult::new(outcome, "")
    }
}

/// Reads the kept answer to a request that a payment bought, and the time at which it was kept.
pub(super) async fn kept(
    client: &Client,
    entry: &Entry,
    http: &HttpCall,
) -> Result<Option<(ReadAnswer, l402::UnixTime)>, ReplayError> {
    let Some(answer) = client.replay(entry.payment_hash, http.to_request()).await? else {
        return Ok(None);
    };
    let kept_at = answer.kept_at;
    let read = tokio::task::spawn_blocking(move || read_kept(answer)).await;
    let read = read.unwrap_or_else(|error| {
        let detail = error.to_string();
        Err(ReplayError::File { detail })
    })?;
    Ok(Some((read, kept_at)))
}

/// Returns the result of a payment that the seller gave nothing for.
pub(super) fn lost(purse: &Purse, entry: &Entry) -> PayingResult {
    let message = "it was paid, and the seller did not serve it";
    let hint = "do not buy there again; tell your user the payment_hash";
    PayingResult {
        payment: Some(payment_of_entry(purse, entry)),
        error: Some(fault("paid_but_refused", message, Some(hint))),
        is_error: true,
        ..PayingResult::new(Outcome::Paid, format!("{message}; {hint}"))
    }
}

/// Returns the result of a call that ended in an error.
pub(super) fn failed(purse: &Purse, error: &Error, denied: Option<NotPaid>) -> PayingResult {
    match (error, denied) {
        (Error::Declined, Some(NotPaid::Waiting(id, quote))) => waiting(purse, id, &quote),
        (Error::Declined, Some(NotPaid::No(why))) => PayingResult::refused(
            "not_approved",
            &format!("not paid: {why}"),
            "ask your user; no argument approves a payment",
        ),
        (Error::Declined, Some(NotPaid::GivenUp)) => given_up(),
        _ => PayingResult::of_error(error),
    }
}

/// Returns the result of a payment that a person has to approve.
fn waiting(purse: &Purse, id: i64, quote: &l402_client::Quote) -> PayingResult {
    let most = quote.amount.saturating_add(quote.max_fee);
    let place = l402::text::escape_within(&quote.origin, 200);
    let question = format!(
        "Pay {} and up to {} for routing, {most} at most, to the node {} for {place}? The agent {} asks.",
        quote.amount,
        quote.max_fee,
        quote.payee,
        purse.agent(),
    );
    let line = format!(
        "waiting for approval, id {id}: a person has to allow {most} for {place} within ten minutes, with \
         `l402 approve {id}`; then repeat the very same call. Nothing was paid"
    );
    PayingResult {
        payment_hash: Some(quote.payment_hash),
        waiting: Some(Waiting {
            approval: id,
            // The server knows its own.
            page: None,
            question,
        }),
        ..PayingResult::new(Outcome::WaitingForApproval, line)
    }
}

fn given_up() -> PayingResult {
    let message = "the call took too long before anything was paid";
    PayingResult {
        error: Some(fault("timeout", message, Some("repeat the call"))),
        is_error: true,
        ..PayingResult::new(Outcome::Failed, format!("{message}; nothing was paid"))
    }
}

/// Returns the result of work that was not waited for to its end. `by` names the tool that looks it up.
pub(super) fn unfinished<T>(waited: &Waited<T>, progress: &CallProgress, by: &str) -> PayingResult {
    let pending = match waited {
        Waited::Pending(hash) => Some(*hash),
        _ => progress.begun(),
    };
    match pending {
        Some(hash) => PayingResult::pending(hash, by),
        None => given_up(),
    }
}

/// Returns the result of a call while another one that is the same takes long.
pub(super) fn under_way(purse: &Purse, id: &CallId) -> PayingResult {
    if let Ok(Earlier::Open(entry)) = purse.earlier(id) {
        return PayingResult::pending(entry.payment_hash, "l402_resume");
    }
    let message = "the same call is under way";
    let hint = "repeat the very same call in a minute; it does not pay twice";
    PayingResult {
        error: Some(fault("busy", message, Some(hint))),
        ..PayingResult::new(Outcome::Pending, format!("{message}; {hint}"))
    }
}

pub(super) fn other_arguments() -> PayingResult {
    PayingResult {
        is_error: true,
        ..PayingResult::refused(
            "idempotency_conflict",
            "this idempotency_key belongs to a call with other arguments",
            "pass a new key for another call",
        )
    }
}

/// Returns the result of a call that cannot begin.
pub(super) fn not_ready(why: NotReady) -> PayingResult {
    match why {
        NotReady::Host(host) => PayingResult::refused(
            "host_not_allowed",
            &format!("{host} is none of the hosts that a person has allowed"),
            "budget_status lists the hosts",
        ),
        NotReady::Client(error) => PayingResult::of_error(&error),
        NotReady::Program(error) => PayingResult::of_cli(&error),
    }
}
