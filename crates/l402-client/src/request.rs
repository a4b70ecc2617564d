//! A request, the quote of its price, and the events on the way to its answer.

use std::time::Duration;

use bytes::Bytes;
use l402::{Msat, PaymentHash, UnixTime};

/// A request that can be sent twice: its body is in memory.
#[derive(Clone)]
pub struct Request {
    /// The method.
    pub method: http::Method,
    /// The URL.
    pub url: url::Url,
    /// Headers of the caller. A credential of L402 among them is refused.
    pub headers: http::HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Request {
    /// `GET url`.
    #[must_use]
    pub fn get(url: url::Url) -> Self {
        Self {
            method: http::Method::GET,
            url,
            headers: http::HeaderMap::new(),
            body: Bytes::new(),
        }
    }
}

/// Shows neither the values of headers nor the query: either may hold the caller's secrets.
impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("origin", &self.url.origin().ascii_serialization())
            .field("path", &self.url.path())
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("body_len", &self.body.len())
            .finish()
    }
}

/// The price that a server asks, checked, as a confirmation shows it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Quote {
    /// The server that asks: scheme, host, port.
    pub origin: String,
    /// The amount of the signature-checked invoice.
    pub amount: Msat,
    /// The most that routing may cost on top.
    pub max_fee: Msat,
    /// The payee's public key, hex.
    pub payee: String,
    /// The payment hash.
    pub payment_hash: PaymentHash,
    /// The invoice (BOLT 11).
    pub invoice: String,
    /// The invoice's words, control characters and bidi marks escaped, at most 200 characters.
    pub description: String,
    /// The end of the invoice.
    pub expires: UnixTime,
    /// The policy that the token names, if it names one (`request`, `uses=10`, …).
    pub policy: Option<l402::Policy>,
}

/// One step of a purchase, for progress displays. Never holds a secret.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A 402 came, and its quote is sound.
    Challenged(Quote),
    /// The wallet paid more for routing than it was allowed to; it is asked for nothing more for
    /// a day.
    FeeOverLimit {
        /// The cost of routing.
        fee: Msat,
        /// The most that it was allowed to cost.
        limit: Msat,
    },
    /// Paid.
    Paid {
        /// The amount that the payee got.
        paid: Msat,
        /// The cost of routing.
        fee: Msat,
    },
    /// The wallet has been asked to pay.
    Paying,
    /// Another purchase of the same origin and path is under way, here or in another program; this
    /// call waits for it.
    Queued,
    /// A purchase of an earlier run was found and goes on.
    Resuming(PaymentHash),
    /// Sending the request again, with the credential.
    Retrying,
    /// Still waiting for the wallet.
    Waiting(Duration),
}

/// Told of events, and asked before money moves.
pub trait Progress: Send + Sync {
    /// Something happened. Must not block.
    fn event(&self, _event: &Event) {}

    /// Returns true to pay. Asked within the limits only; the default says yes. Runs on a blocking
    /// thread.
    fn approve(&self, _quote: &Quote) -> bool {
        true
    }
}
