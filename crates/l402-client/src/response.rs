//! An answer whose end, once read, marks the purchase behind it as served.

use bytes::Bytes;
use hyper::ext::ReasonPhrase;
use url::Url;

use crate::http::error_chain;
use crate::journal::Delivery;
use crate::{Error, Receipt};

/// The head of an answer, as it came. HTTP has no case in the names of headers; they are in lower
/// case here.
#[derive(Clone)]
#[non_exhaustive]
pub struct Head {
    /// The version of HTTP that was spoken.
    pub version: http::Version,
    /// The status.
    pub status: http::StatusCode,
    /// The words behind the status, as the server wrote them. Empty in HTTP/2.
    pub reason: Vec<u8>,
    /// The headers.
    pub headers: http::HeaderMap,
}

impl std::fmt::Debug for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Head")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

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
    redirects: Vec<Head>,
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
            redirects: Vec::new(),
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
            redirects: Vec::new(),
        }
    }

    /// Marks a paid redirect as served and returns its receipt.
    pub(crate) async fn into_receipt(mut self) -> Option<Receipt> {
        if let Some(delivery) = self.delivery.take() {
            delivery.finish().await;
        }
        self.receipt
    }

    /// Adds the receipt of a purchase that redirected to this answer.
    pub(crate) fn with_receipt(mut self, earlier: Option<Receipt>) -> Self {
        self.receipt = self.receipt.or(earlier);
        self
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
        let (status, version) = (self.answer.status(), self.answer.version());
        // hyper keeps the words only if they are not the usual ones.
        let unusual = self.answer.extensions().get::<ReasonPhrase>();
        let usual = status
            .canonical_reason()
            .filter(|_| version < http::Version::HTTP_2);
        let reason = unusual.map(|reason| reason.as_bytes());
        Head {
            version,
            status,
            reason: reason
                .or(usual.map(str::as_bytes))
                .unwrap_or_default()
                .to_vec(),
            headers: self.answer.headers().clone(),
        }
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
