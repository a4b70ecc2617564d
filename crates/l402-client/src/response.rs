//! An answer whose end, once read, marks the purchase behind it as served.

use std::time::Duration;

use bytes::Bytes;
use l402::UnixTime;
use url::Url;

use crate::http::{error_chain, retry_after};
use crate::journal::Delivery;
use crate::{Error, Receipt};

/// An answer. Its body should be read to the end: only then is the purchase marked as served, and a
/// token for one answer put away.
///
/// An answer of status 4xx is no delivery: the purchase stays paid, and the next call presents
/// its credential again.
pub struct Response {
    answer: reqwest::Response,
    url: Url,
    receipt: Option<Receipt>,
    delivery: Option<Delivery>,
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
            delivery: None,
        }
    }

    pub(crate) fn bought(answer: reqwest::Response, delivery: Delivery, reused: bool) -> Self {
        let receipt = Some(delivery.purchase.row().receipt(reused));
        let delivered = answer.status().is_success() || answer.status().is_redirection();
        let delivery = delivered.then_some(delivery);
        Self {
            url: answer.url().clone(),
            answer,
            receipt,
            delivery,
        }
    }

    /// Marks a paid redirect as served and returns its receipt.
    pub(crate) async fn into_receipt(mut self) -> Option<Receipt> {
        if let Some(delivery) = self.delivery.take() {
            delivery.finish().await;
        }
        self.receipt
    }

    /// Adds the receipt of a purchase of the same call that came before this answer.
    pub(crate) fn with_receipt(mut self, earlier: Option<Receipt>) -> Self {
        let own = self.receipt.take();
        // The earlier one of the same payment knows that this call has paid it.
        let is_of_another = |own: &Receipt| {
            let earlier = earlier.as_ref();
            earlier.is_none_or(|earlier| earlier.payment_hash != own.payment_hash)
        };
        self.receipt = own.filter(is_of_another).or(earlier);
        self
    }

    /// Returns the time that the server asks to wait before the next request, if it does. `now` is
    /// the wall clock's time, for a server that names a date.
    #[must_use]
    pub fn retry_after(&self, now: UnixTime) -> Option<Duration> {
        retry_after(self.headers(), now)
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
    /// try. [`Error::Transport`] if a free answer breaks off.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        match self.answer.chunk().await {
            Ok(Some(piece)) => Ok(Some(piece)),
            Ok(None) => {
                // Not at the head: an answer that breaks off would then have used up its token.
                if let Some(delivery) = self.delivery.take() {
                    delivery.finish().await;
                }
                Ok(None)
            }
            Err(error) => Err(self.broken(error_chain(&error.without_url()))),
        }
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

    fn broken(&self, reason: String) -> Error {
        match &self.receipt {
            Some(receipt) => Error::PaidButFailed {
                payment_hash: receipt.payment_hash,
                status: Some(self.answer.status().as_u16()),
                reason,
                retry_same_token: true,
            },
            None => Error::Transport { detail: reason },
        }
    }
}
