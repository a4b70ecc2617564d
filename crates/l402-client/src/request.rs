//! A request, the quote of its price, and the events on the way to its answer.

use std::time::Duration;

use bytes::Bytes;
use l402::{Msat, PaymentHash, UnixTime};

/// A request that can be sent twice, since its body is in memory.
///
/// ```
/// use l402_client::Request;
///
/// let url = "https://api.example.com/joke?key=secret".parse()?;
/// let mut request = Request::get(url);
/// request.method = http::Method::POST;
/// request.body = "{}".into();
/// assert!(!format!("{request:?}").contains("secret"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Request {
    /// The method. A server may price each method by itself.
    pub method: http::Method,
    /// The URL, of the scheme http or https. `user:password@` in it becomes a header.
    pub url: url::Url,
    /// The caller's headers. An L402 credential among them is refused: the journal chooses it.
    pub headers: http::HeaderMap,
    /// The body, sent once without and once with the credential.
    pub body: Bytes,
}

impl Request {
    /// Returns a GET request without headers and body.
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

/// Leaves out the values of headers and the query, which may hold the caller's secrets.
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

/// A checked price, as a program shows it before the payment is confirmed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Quote {
    /// The server that asks: scheme, host, port.
    pub origin: String,
    /// The amount of the signature-checked invoice.
    pub amount: Msat,
    /// The most that routing may cost on top.
    pub max_fee: Msat,
    /// The public key of the node that will be paid, in hexadecimal.
    pub payee: String,
    /// The payment hash of the invoice.
    pub payment_hash: PaymentHash,
    /// The invoice in BOLT 11, as the server sent it.
    pub invoice: String,
    /// The description in the invoice, at most 200 characters, with control characters and marks
    /// of writing direction escaped.
    pub description: String,
    /// The time at which the invoice expires.
    pub expires: UnixTime,
    /// The policy that the token names, if it names one (`request`, `uses=10`, …).
    pub policy: Option<l402::Policy>,
}

/// One step of a purchase, for progress displays. Never holds a secret.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The answer is 402, and its challenge is sound.
    Challenged(Quote),
    /// The wallet paid more for routing than it was allowed to. It is not asked again for 24 hours.
    FeeOverLimit {
        /// The cost of routing.
        fee: Msat,
        /// The most that it was allowed to cost.
        limit: Msat,
    },
    /// The payment is proven and recorded.
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
    /// A paid purchase that was never served is used instead of a new one.
    Resuming(PaymentHash),
    /// The request is sent again, with the credential.
    Retrying,
    /// The wallet has not answered yet. Holds the time since it was asked, in whole seconds.
    Waiting(Duration),
}

/// A receiver of events that is also asked before money moves.
///
/// An implementation that returns true from [`Progress::approve`] without a look leaves the limits
/// as the only guard.
pub trait Progress: Send + Sync {
    /// Receives one event. Must not block: the purchase waits for it.
    fn event(&self, _event: &Event) {}

    /// Returns true to pay, as the default does. Called only for a price within the limits, on a
    /// thread that may block.
    fn approve(&self, _quote: &Quote) -> bool {
        true
    }
}
