//! Looks a payment up and gets what it bought. Nothing here can pay.

use std::sync::Arc;
use std::time::Duration;

use l402::PaymentHash;
use l402_client::{Entry, Error, State};
use serde_json::Value;

use super::buying::{Bought, had, kept, lost, not_ready, payment_of_entry, replayed, unfinished};
use super::reading::{ReadAnswer, read, read_kept};
use super::result::{Outcome, PayingResult, fault};
use super::showing::{secrets_at, show};
use crate::mcp::purse::{CallId, CallProgress, HttpCall, NotReady, Purse, Waited, Wish};
use crate::text::when;

/// A payment that is to be resumed.
pub(super) struct Resumption {
    pub(super) hash: PaymentHash,
    /// The request of the first call, if the model repeats it.
    pub(super) http: Option<HttpCall>,
    /// The digest of the call.
    pub(super) arguments: [u8; 32],
    pub(super) patience: Duration,
}

/// Looks a payment up and gets what it bought.
pub(super) async fn resume(purse: &Arc<Purse>, resumption: Resumption) -> Bought {
    let entry = match settled(purse, &resumption.hash).await {
        Ok(Some(entry)) => entry,
        Ok(None) => return unknown_payment().into(),
        Err(why) => return not_ready(why).into(),
    };
    match entry.state {
        State::Intent | State::Unknown => {
            PayingResult::pending(entry.payment_hash, "l402_resume").into()
        }
        State::Failed => not_paid(&entry).into(),
        // The answer came, and a crash was faster than its record.
        State::Paid | State::Refused if is_kept(purse, entry.payment_hash).await => {
            replay(purse, &entry, None).await
        }
        State::Paid => present(purse, &entry, resumption).await,
        State::Served if entry.is_invoice => {
            let note = "an invoice alone buys no answer".to_owned();
            replayed(purse, &entry, Outcome::Paid, note).into()
        }
        State::Served => replay(purse, &entry, resumption.http).await,
        _ => lost(purse, &entry).into(),
    }
}

/// Returns a payment of the agent as the wallet knows it now: one whose outcome is open is looked up.
///
/// # Errors
/// If the journal cannot be read.
pub(super) async fn settled(
    purse: &Arc<Purse>,
    hash: &PaymentHash,
) -> Result<Option<Entry>, NotReady> {
    let entry = purse.entry(hash)?;
    let is_open = |entry: &Entry| matches!(entry.state, State::Intent | State::Unknown);
    if !entry.as_ref().is_some_and(is_open) {
        return Ok(entry);
    }
    // Without the wallet nobody knows more than the journal.
    let Ok(wallet) = purse.wallet().await else {
        return Ok(entry);
    };
    let id = CallId {
        tool: "l402_resume",
        arguments: *hash.as_bytes(),
        key: None,
    };
    let wish = Wish {
        wallet: Some(wallet),
        progress: Some(CallProgress::new(purse, id, None)),
        ..Wish::default()
    };
    purse.client(wish).await?.reconcile().await?;
    Ok(purse.entry(hash)?)
}

/// Presents what was paid for and never answered.
async fn present(purse: &Arc<Purse>, entry: &Entry, resumption: Resumption) -> Bought {
    let remembered = purse.request_of(&entry.payment_hash);
    let is_certain = remembered.is_some();
    let http = remembered
        .or(resumption.http)
        .or_else(|| request_by_journal(entry));
    let Some(http) = http else {
        return request_unknown(purse, entry).into();
    };
    let wish = Wish {
        url: Some(&http.url),
        ..Wish::default()
    };
    let client = match purse.client(wish).await {
        Ok(client) => client,
        Err(why) => return not_ready(why).into(),
    };
    let id = CallId {
        tool: "l402_resume",
        arguments: resumption.arguments,
        key: None,
    };
    let progress = CallProgress::new(purse, id, None);
    // It counts as paid from here on: a slow answer ends as `pending`, not as a failed call.
    progress.resumes(entry.payment_hash);
    let (hash, request, is_kept) = (
        entry.payment_hash,
        http.to_request(),
        purse.config().vault.enabled,
    );
    let work_progress = Arc::clone(&progress);
    let work = async move {
        match client.resume(hash, request).await? {
            Some(response) => read(response, &work_progress, is_kept).await.map(Some),
            None => Ok::<Option<ReadAnswer>, Error>(None),
        }
    };
    match purse.wait_for(&progress, resumption.patience, work).await {
        Waited::Done(Ok(Some(read))) => had(purse, read),
        // The request is the right one, so that somebody else is presenting it at this moment.
        Waited::Done(Ok(None)) if is_certain => PayingResult::pending(hash, "l402_resume").into(),
        Waited::Done(Ok(None)) => request_unknown(purse, entry).into(),
        Waited::Done(Err(error)) => PayingResult::of_error(&error).into(),
        waited => unfinished(&waited, &progress, "l402_resume").into(),
    }
}

/// Returns the request as far as the journal knows it: a GET without a query.
fn request_by_journal(entry: &Entry) -> Option<HttpCall> {
    let url = format!("{}{}", entry.origin, entry.path).parse().ok()?;
    Some(HttpCall::get(url))
}

/// Returns the kept answer that a payment bought.
async fn replay(purse: &Arc<Purse>, entry: &Entry, given: Option<HttpCall>) -> Bought {
    let hash = entry.payment_hash;
    // By the request, if it is known: one token may have bought answers to several requests.
    let found = match given.or_else(|| purse.request_of(&hash)) {
        Some(http) => {
            let wish = Wish {
                url: Some(&http.url),
                ..Wish::default()
            };
            match purse.client(wish).await {
                Ok(client) => kept(&client, entry, &http).await,
                Err(why) => return not_ready(why).into(),
            }
        }
        None => newest(purse, hash).await,
    };
    match found {
        Ok(Some((read, kept_at))) => {
            let secrets = secrets_at(purse, &read.url, Some(&hash));
            let shown = show(read, &secrets, Some(&hash));
            let at = when::utc(kept_at);
            let note = format!("this is the kept answer of {at} UTC, and nothing was paid now");
            Bought::shown(replayed(purse, entry, Outcome::Served, note), shown)
        }
        Ok(None) => {
            let note = "the answer was had before and is not kept; nothing was paid now";
            replayed(purse, entry, Outcome::Paid, note.to_owned()).into()
        }
        Err(error) => {
            let note = format!("the kept answer cannot be read: {error}");
            replayed(purse, entry, Outcome::Paid, note).into()
        }
    }
}

/// Returns true if an answer that a payment of the agent bought is kept.
async fn is_kept(purse: &Arc<Purse>, hash: PaymentHash) -> bool {
    matches!(newest(purse, hash).await, Ok(Some(_)))
}

/// Reads the newest answer that a payment of the agent bought, whatever the request was.
async fn newest(
    purse: &Arc<Purse>,
    hash: PaymentHash,
) -> Result<Option<(ReadAnswer, l402::UnixTime)>, l402_client::ReplayError> {
    let purse = Arc::clone(purse);
    let found = tokio::task::spawn_blocking(move || {
        let answer = purse.journal().replay_of_budget(purse.agent(), &hash)?;
        let Some(answer) = answer else {
            return Ok(None);
        };
        let kept_at = answer.kept_at;
        Ok(Some((read_kept(answer)?, kept_at)))
    });
    found.await.unwrap_or_else(|error| {
        let detail = error.to_string();
        Err(l402_client::ReplayError::File { detail })
    })
}

fn unknown_payment() -> PayingResult {
    PayingResult::refused(
        "unknown_payment",
        "no payment of yours has this payment_hash",
        "receipts lists your payments",
    )
}

fn not_paid(entry: &Entry) -> PayingResult {
    let message = "the payment failed for certain; nothing was paid";
    PayingResult {
        payment_hash: Some(entry.payment_hash),
        error: Some(fault(
            "payment_failed",
            message,
            Some("call the tool again if you still want it"),
        )),
        ..PayingResult::new(Outcome::Failed, message)
    }
}

fn request_unknown(purse: &Purse, entry: &Entry) -> PayingResult {
    let message = "it is paid, and the request that it was paid for is not remembered";
    let hint = "call l402_resume again with payment_hash and the url, method, headers and body of the \
                first call; nothing is paid";
    let mut error = fault("request_unknown", message, Some(hint));
    error["limit"] = Value::Null;
    PayingResult {
        payment: Some(payment_of_entry(purse, entry)),
        error: Some(error),
        is_error: true,
        ..PayingResult::new(Outcome::Paid, format!("{message}; {hint}"))
    }
}
