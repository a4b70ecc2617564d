//! An answer whose end, once read, marks the purchase behind it as served.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use l402::{PaymentHash, UnixTime};
use l402_host::Clock;
use url::Url;

use crate::http::{Head, Hop, error_chain, head_of, response, retry_after};
use crate::journal::{Delivery, FileName, Journal, KeptAnswer, Vault};
use crate::receipt::{Exchange, UseOutcome, UseReport};
use crate::recording::{self, Recording, SharedDigest};
use crate::tee::Tee;
use crate::{Error, Receipt};

/// An answer. Its body should be read to the end: only then is the purchase marked as served, and a
/// token for one answer put away.
///
/// An answer of status 4xx is no delivery: the purchase stays paid, and the next call presents
/// its credential again.
pub struct Response {
    pub(super) answer: reqwest::Response,
    url: Url,
    receipt: Option<Receipt>,
    pub(super) purchase: Purchased,
    /// See [`Response::is_used_up`].
    is_used_up: bool,
    redirects: Vec<Head>,
    /// The caller's own request, under whose name a paid answer can be kept.
    pub(super) asked: Option<Box<Hop>>,
    /// See [`Response::record`].
    digest: Option<SharedDigest>,
    /// See [`Response::kept_while_read`].
    pub(super) tee: Option<Tee>,
}

/// The purchase behind an answer.
pub(super) enum Purchased {
    /// None, or one that is recorded as served already.
    Nothing,
    /// Its answer is on its way. `counts` is false for an answer that leaves the purchase unused.
    Open {
        delivery: Box<Delivery>,
        counts: bool,
    },
    /// Served, and kept in a file of this name until it is delivered.
    Kept { vault: Vault, name: FileName },
    /// A redirect to this answer has used it up, so that the same request again would pay again.
    UsedUp(Box<UsedUp>),
}

/// A purchase whose answer was a redirect.
pub(crate) struct UsedUp {
    pub(super) journal: Journal,
    pub(super) clock: Arc<dyn Clock>,
    pub(crate) receipt: Receipt,
    /// The name of its seller.
    pub(crate) seller: String,
    /// True if the credential is good for nothing more, so that the same request again would pay.
    pub(crate) pays_again: bool,
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.answer.status())
            .field("receipt", &self.receipt)
            .finish_non_exhaustive()
    }
}

impl Response {
    pub(crate) fn free(answer: reqwest::Response) -> Self {
        Self {
            url: answer.url().clone(),
            answer,
            receipt: None,
            purchase: Purchased::Nothing,
            is_used_up: false,
            redirects: Vec::new(),
            asked: None,
            digest: None,
            tee: None,
        }
    }

    pub(crate) fn bought(answer: reqwest::Response, delivery: Delivery, reused: bool) -> Self {
        let use_report = UseReport::of(answer.headers());
        let receipt = Receipt {
            use_report,
            ..delivery.purchase.row().receipt(reused)
        };
        let is_delivery = answer.status().is_success() || answer.status().is_redirection();
        let counts = match use_report.map(|report| report.outcome) {
            Some(UseOutcome::Spent) => true,
            // What is sold by time is kept by every answer, and was had all the same.
            Some(UseOutcome::Kept) => is_delivery && !delivery.purchase.row().is_single_use(),
            Some(UseOutcome::Pending) | None => is_delivery,
        };
        // The receipt of a `Payment` server says that the credential is used up, at whatever status.
        let is_charge = delivery.purchase.row().is_charge();
        let is_receipt = |hash| hash == receipt.payment_hash;
        let counts =
            counts || (is_charge && charge_receipt(answer.headers()).is_some_and(is_receipt));
        Self {
            url: answer.url().clone(),
            answer,
            receipt: Some(receipt),
            purchase: Purchased::Open {
                delivery: Box::new(delivery),
                counts,
            },
            is_used_up: false,
            redirects: Vec::new(),
            asked: None,
            digest: None,
            tee: None,
        }
    }

    /// An answer that an earlier call had and could not deliver.
    pub(crate) fn kept(answer: KeptAnswer, receipt: Receipt, vault: Vault, name: FileName) -> Self {
        let (mut parts, ()) = http::Response::new(()).into_parts();
        parts.status = answer.head.status;
        parts.version = answer.head.version;
        parts.headers = answer.head.headers;
        let url = answer.head.url;
        Self {
            answer: response(parts, answer.body.into(), url.clone()),
            url,
            receipt: Some(receipt),
            purchase: Purchased::Kept { vault, name },
            is_used_up: false,
            redirects: Vec::new(),
            asked: None,
            digest: None,
            tee: None,
        }
    }

    /// Adds the caller's own request to what was paid for.
    pub(crate) fn to(mut self, hop: Hop) -> Self {
        self.asked = self.receipt.is_some().then(|| Box::new(hop));
        self
    }

    /// Begins to write the exchange down for its receipt, from the next piece of the body on. Returns
    /// `None` if the answer was free.
    pub async fn record(&mut self) -> Option<Recording> {
        let receipt = self.receipt.clone()?;
        let asked = self.asked.as_deref()?;
        let digest = SharedDigest::default();
        let exchange = Exchange {
            method: asked.method.to_string(),
            url: without_query(&asked.url),
            // A body that cannot be read again is no reason to have no receipt.
            request_sha256: asked.fingerprint().await.ok(),
            status: self.answer.status().as_u16(),
            answer_url: without_query(&self.url),
            answer: None,
            answered_at: receipt.paid_at,
        };
        self.digest = Some(Arc::clone(&digest));
        Some(Recording {
            receipt,
            exchange,
            digest,
        })
    }

    /// Returns true if the credential behind this answer may go along on a redirect: it has a use
    /// left, as far as the server says.
    pub(crate) fn may_go_along(&self) -> bool {
        let is_spent = self.receipt.as_ref().and_then(|receipt| receipt.use_report);
        let is_spent = is_spent.is_some_and(|report| report.outcome == UseOutcome::Spent);
        match &self.purchase {
            Purchased::Open { delivery, .. } => {
                !is_spent || !delivery.purchase.row().is_single_use()
            }
            _ => false,
        }
    }

    /// Returns the purchase behind a redirect, for its credential to go along, and the receipt.
    pub(crate) fn into_delivery(self) -> Option<(Delivery, Receipt)> {
        match (self.purchase, self.receipt) {
            (Purchased::Open { delivery, .. }, Some(receipt)) => Some((*delivery, receipt)),
            _ => None,
        }
    }

    /// Marks a paid redirect as served, if it counts, and returns what is left of its purchase.
    pub(crate) async fn into_used_up(mut self) -> Option<UsedUp> {
        let used_up = match (&self.purchase, &self.receipt) {
            (
                Purchased::Open {
                    delivery, counts, ..
                },
                Some(receipt),
            ) => {
                let row = delivery.purchase.row();
                let is_last = receipt.use_report.is_some_and(|report| report.is_last());
                Some(UsedUp {
                    journal: delivery.journal.clone(),
                    clock: Arc::clone(&delivery.clock),
                    receipt: receipt.clone(),
                    seller: row.scope.seller(),
                    pays_again: *counts && (is_last || row.is_single_use()),
                })
            }
            _ => None,
        };
        self.finish().await;
        used_up
    }

    /// Returns true if the end of this answer makes its purchase a served one.
    pub(crate) fn counts(&self) -> bool {
        matches!(self.purchase, Purchased::Open { counts, .. } if counts)
    }

    /// Records that the answer was read to its end.
    pub(crate) async fn finish(&mut self) {
        let report = self.receipt.as_ref().and_then(|receipt| receipt.use_report);
        match std::mem::replace(&mut self.purchase, Purchased::Nothing) {
            Purchased::Open {
                delivery, counts, ..
            } => match report {
                report if counts => delivery.finish(report).await,
                Some(report) => delivery.note(report).await,
                None => {}
            },
            Purchased::Kept { vault, name } => vault.delivered(&name),
            used_up @ Purchased::UsedUp(_) => self.purchase = used_up,
            Purchased::Nothing => {}
        }
    }

    /// Adds a purchase that redirected to this answer. The receipt is that of what this call has paid.
    pub(crate) fn behind_used_up(mut self, earlier: Option<UsedUp>) -> Self {
        let Some(redirect) = earlier else {
            return self;
        };
        self.is_used_up = redirect.pays_again;
        if let Some(own) = self.receipt.take() {
            let is_new = own.reused && !redirect.receipt.reused;
            // The report is on the credential behind this answer, whichever payment is named.
            let use_report = own.use_report;
            let receipt = if is_new { redirect.receipt } else { own };
            self.receipt = Some(Receipt {
                use_report,
                ..receipt
            });
            return self;
        }
        self.receipt = Some(redirect.receipt.clone());
        if redirect.pays_again {
            self.purchase = Purchased::UsedUp(Box::new(redirect));
        }
        self
    }

    /// Returns true if the same request again would pay again, whatever becomes of this answer: a
    /// redirect to it has used the payment up.
    #[must_use]
    pub fn is_used_up(&self) -> bool {
        self.is_used_up
    }

    /// Returns the time that the server asks to wait before the next request, if it does. `now` is
    /// the wall clock's time, for a server that names a date.
    #[must_use]
    pub fn retry_after(&self, now: UnixTime) -> Option<Duration> {
        retry_after(self.headers(), now)
    }

    /// Adds the heads of the redirects that led to this answer.
    pub(crate) fn behind(mut self, redirects: Vec<Head>) -> Self {
        self.redirects = redirects;
        self
    }

    /// Returns the heads of the redirects that were followed to this answer, the first one first.
    #[must_use]
    pub fn redirects(&self) -> &[Head] {
        &self.redirects
    }

    /// Returns the head.
    #[must_use]
    pub fn head(&self) -> Head {
        head_of(&self.answer)
    }

    /// Returns the status.
    #[must_use]
    pub fn status(&self) -> http::StatusCode {
        self.answer.status()
    }

    /// Returns the headers.
    #[must_use]
    pub fn headers(&self) -> &http::HeaderMap {
        self.answer.headers()
    }

    /// Returns the version of HTTP that was spoken.
    #[must_use]
    pub fn version(&self) -> http::Version {
        self.answer.version()
    }

    /// Returns the URL that answered, after redirects.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Returns the receipt, or `None` if this answer was free.
    #[must_use]
    pub fn receipt(&self) -> Option<&Receipt> {
        self.receipt.as_ref()
    }

    /// Returns the next piece of the body, or `None` at its end.
    ///
    /// # Errors
    /// [`Error::PaidButFailed`] if a paid answer breaks off; the credential stays good for another
    /// try, unless a redirect to the answer has used it up. [`Error::Transport`] if a free answer breaks
    /// off.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        match self.answer.chunk().await {
            Ok(Some(piece)) => {
                if let Some(digest) = &self.digest {
                    recording::add(digest, Some(&piece));
                }
                if let Some(tee) = self.tee.take() {
                    self.tee = tee.add(&piece).await.then_some(tee);
                }
                Ok(Some(piece))
            }
            Ok(None) => {
                if let Some(digest) = &self.digest {
                    recording::add(digest, None);
                }
                if let Some(tee) = self.tee.take() {
                    tee.finish().await;
                }
                // Not at the head: an answer that breaks off would then have used up its token.
                self.finish().await;
                Ok(None)
            }
            Err(error) => Err(self.break_off(error_chain(&error.without_url())).await),
        }
    }

    /// Notes that the answer broke off, and returns the error that says so.
    pub(crate) async fn break_off(&mut self, reason: String) -> Error {
        if let Purchased::Open { delivery, .. } = &self.purchase {
            delivery.broke_off(&reason).await;
        }
        self.broken(reason)
    }

    /// Returns the rest of the body, at most `max` bytes.
    ///
    /// # Errors
    /// As [`Response::chunk`], or over `max`.
    pub async fn bytes(mut self, max: usize) -> Result<Bytes, Error> {
        let mut body = Vec::new();
        while let Some(piece) = self.chunk().await? {
            // Before the piece is kept: the server chooses the length, and the memory is ours.
            if body.len() + piece.len() > max {
                return Err(self.broken(format!("the body is longer than {max} bytes")));
            }
            body.extend_from_slice(&piece);
        }
        Ok(body.into())
    }

    /// Takes the body out, for a caller who reads it by itself, and calls [`Response::finish`] at its end.
    #[cfg(any(feature = "reqwest-middleware", feature = "tower"))]
    pub(crate) fn split(mut self) -> (http::response::Parts, reqwest::Body, Self) {
        let (mut left, ()) = http::Response::new(()).into_parts();
        left.status = self.answer.status();
        // The pieces do not pass here any more, and it would hold a thread for as long as they take.
        self.tee = None;
        let left = response(left, reqwest::Body::default(), self.url.clone());
        let answer = std::mem::replace(&mut self.answer, left);
        let (parts, body) = http::Response::<reqwest::Body>::from(answer).into_parts();
        (parts, body, self)
    }

    pub(crate) fn broken(&self, reason: String) -> Error {
        match &self.receipt {
            Some(receipt) => Error::PaidButFailed {
                payment_hash: receipt.payment_hash,
                status: Some(self.answer.status().as_u16()),
                reason,
                retry_same_token: !self.is_used_up,
            },
            None => Error::Transport { detail: reason },
        }
    }
}

/// Returns the payment hash in the header `Payment-Receipt` of an answer, if it says success.
fn charge_receipt(headers: &http::HeaderMap) -> Option<PaymentHash> {
    let receipt = headers.get("payment-receipt")?.to_str().ok()?;
    let receipt = l402::mpp::decode_object(receipt).ok()?;
    let text = |name: &str| receipt.get(name).and_then(serde_json::Value::as_str);
    let is_success = text("status") == Some("success") && text("method") == Some("lightning");
    text("reference").filter(|_| is_success)?.parse().ok()
}

/// Returns a URL without what may be secret in it: user, query and fragment.
fn without_query(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}
