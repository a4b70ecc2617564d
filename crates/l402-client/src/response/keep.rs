//! A paid answer on its way into the vault: while it is read, or because it cannot be delivered.

use std::time::Duration;

use http::header::CONTENT_TYPE;
use l402::UnixTime;

use super::{Purchased, Response};
use crate::http::Hop;
use crate::journal::{ANSWER_MAX, AnswerHead, AnswerId, KeptAnswer, Vault};
use crate::tee::Tee;

/// The longest wait for the rest of an answer that is kept.
const REST_TIME: Duration = Duration::from_secs(60);

impl Response {
    /// Reads the rest of a paid answer that cannot be delivered, and keeps all of it for the same
    /// request within a day: a call of [`Client::send`](crate::Client::send) then returns it, and
    /// asks nobody. `begun` is the part of the body that was read before.
    ///
    /// Returns true if the answer is kept. It is not if it is free, is a stream of events, has more
    /// than 16 MiB, does not end within a minute or breaks off, or if the file cannot be written.
    /// Then the purchase stays paid, and the next call presents its credential, unless the answer
    /// [is used up](Response::is_used_up).
    pub async fn keep_rest(mut self, begun: Vec<u8>) -> bool {
        let (request, mut body) = match (&self.purchase, &self.asked) {
            (Purchased::Kept { .. }, _) => return true,
            (Purchased::Open { counts: true, .. } | Purchased::UsedUp(_), Some(request)) => {
                (request.clone(), begun)
            }
            _ => return false,
        };
        if self.is_event_stream() {
            return false;
        }
        // Kept as an answer that is owed, and not as one that was had.
        self.tee = None;
        let rest = tokio::time::timeout(REST_TIME, read_rest(&mut self.answer, &mut body)).await;
        if !rest.unwrap_or(false) {
            return false;
        }
        let kept = self.keep(&request, body).await;
        // Only now: a crash before the file is whole leaves the purchase paid.
        if kept {
            self.finish().await;
        }
        kept
    }

    async fn keep(&self, request: &Hop, body: Vec<u8>) -> bool {
        let Some((id, vault, now)) = self.place(request).await else {
            return false;
        };
        let answer = KeptAnswer {
            head: self.kept_head(),
            body,
        };
        // On a thread that may block: the file is synced before the purchase counts as served.
        let write = move || vault.owe(&id, &answer, now);
        match tokio::task::spawn_blocking(write).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::warn!(%error, "a paid answer cannot be kept");
                false
            }
            Err(_) => false,
        }
    }

    /// Returns the name of the answer in the vault, the vault, and the time.
    async fn place(&self, request: &Hop) -> Option<(AnswerId, Vault, UnixTime)> {
        let (receipt, journal, clock) = match &self.purchase {
            Purchased::Open { delivery, .. } => {
                let receipt = delivery.purchase.row().receipt(false);
                (receipt, &delivery.journal, &delivery.clock)
            }
            Purchased::UsedUp(redirect) => {
                let receipt = redirect.receipt.clone();
                (receipt, &redirect.journal, &redirect.clock)
            }
            Purchased::Nothing | Purchased::Kept { .. } => return None,
        };
        let id = AnswerId {
            payment_hash: receipt.payment_hash,
            request: request.name().await.ok()?,
            receipt: receipt.digest(),
        };
        Some((id, journal.vault().clone(), clock.wall()))
    }

    fn kept_head(&self) -> AnswerHead {
        AnswerHead {
            status: self.answer.status(),
            version: self.answer.version(),
            headers: self.answer.headers().clone(),
            url: self.url().clone(),
        }
    }

    /// Lets a paid answer go into the vault while it is read, if such are kept and it is not too long
    /// for that.
    pub(crate) async fn kept_while_read(mut self) -> Self {
        self.tee = self.tee().await;
        self
    }

    async fn tee(&self) -> Option<Tee> {
        let counts = match &self.purchase {
            Purchased::Open { counts, .. } => *counts,
            Purchased::UsedUp(_) => true,
            Purchased::Nothing | Purchased::Kept { .. } => false,
        };
        let request = self.asked.as_deref()?;
        // An error is no answer to have again, and neither is a head without its body.
        if !counts || !self.status().is_success() || request.method == http::Method::HEAD {
            return None;
        }
        let (id, vault, now) = self.place(request).await?;
        // Of a length that is not told it shows at the end.
        if !vault.takes(self.answer.content_length().unwrap_or(0)) {
            return None;
        }
        let head = self.kept_head();
        let begun = tokio::task::spawn_blocking(move || vault.begin(&id, &head, now));
        match begun.await {
            Ok(Ok(keeping)) => keeping.map(Tee::start),
            Ok(Err(error)) => {
                tracing::warn!(%error, "a paid answer cannot be kept");
                None
            }
            Err(_) => None,
        }
    }

    fn is_event_stream(&self) -> bool {
        let kind = self.answer.headers().get(CONTENT_TYPE);
        kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
    }
}

/// Adds the rest of a body. Returns false if it breaks off or is too long to be kept.
async fn read_rest(answer: &mut reqwest::Response, body: &mut Vec<u8>) -> bool {
    loop {
        match answer.chunk().await {
            Ok(None) => return true,
            Ok(Some(piece)) if body.len() + piece.len() <= ANSWER_MAX => {
                body.extend_from_slice(&piece);
            }
            Ok(Some(_)) | Err(_) => return false,
        }
    }
}
