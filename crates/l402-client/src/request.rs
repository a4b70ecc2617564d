//! A request, the quote of its price, and the events on the way to its answer.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use http::HeaderName;
use l402::{Msat, PaymentHash, UnixTime};
use tokio::io::AsyncRead;

/// A request. It is sent up to twice, without and with a credential; see [`Body`] for what that
/// means to its body.
pub struct Request {
    /// The method. A server may price each method by itself.
    pub method: http::Method,
    /// The URL, of the scheme http or https. `user:password@` in it becomes a header.
    pub url: url::Url,
    /// The caller's headers. An L402 credential among them is refused: the journal chooses it. Any
    /// other `Authorization` stays, and a server is paid only if its 402 says `L402-Credential:
    /// accepted`, so that the credential can go beside it
    /// ([`Refused::AuthorizationTaken`](crate::Refused::AuthorizationTaken)).
    pub headers: http::HeaderMap,
    /// The headers that this library would add and the caller does not want.
    pub(crate) left_out: Vec<HeaderName>,
    /// The body.
    pub(crate) body: Body,
}

impl Request {
    /// Returns a GET request without headers and body.
    #[must_use]
    pub fn get(url: url::Url) -> Self {
        Self::new(http::Method::GET, url)
    }

    /// A request without headers and body.
    #[must_use]
    pub fn new(method: http::Method, url: url::Url) -> Self {
        Self {
            method,
            url,
            headers: http::HeaderMap::new(),
            left_out: Vec::new(),
            body: Body::default(),
        }
    }

    /// The body.
    #[must_use]
    pub const fn body(&self) -> &Body {
        &self.body
    }

    /// Sets the body: bytes, or one of the sources of [`Body`].
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends no such header, unless the caller sets it: neither `user-agent` nor
    /// `accept-authenticate`, which are added otherwise. `accept: */*` is sent in any case; it means
    /// the same as no such header (RFC 9110, section 12.5.1).
    #[must_use]
    pub fn without_header(mut self, name: HeaderName) -> Self {
        self.left_out.push(name);
        self
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
            .field("body", &self.body)
            .finish()
    }
}

/// The body of a request: bytes, or a source of any length, which is read once.
///
/// A source is read to its end before anything is sent, and kept until the call ends, since it is
/// sent twice: up to 1 MiB in memory, more in a file of the client's folder that has no name and
/// that nobody else can read. Its length goes out as `content-length`.
///
/// A file of more than 1 MiB is not copied, on Unix, if it has not changed for two seconds: it is read
/// whenever it is sent. If it changes meanwhile, the call ends with [`Error::Body`](crate::Error::Body)
/// before anything is paid; and what is sent after a payment is what it was made for, or is broken off.
///
/// ```
/// use http::Method;
/// use l402_client::{Body, Request};
/// let url = "https://api.example.com/upload".parse().expect("a url");
/// let request = Request::new(Method::POST, url).with_body(Body::file("film.mp4"));
/// ```
#[derive(Default)]
pub struct Body(pub(crate) Source);

/// The origin of a body.
pub(crate) enum Source {
    Blocking(Box<dyn Read + Send>),
    Bytes(Bytes),
    File(PathBuf),
    Open(OpenFile),
    Reader(Pin<Box<dyn AsyncRead + Send>>),
    Stream(Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>),
}

/// An open file of the caller's, with its name for errors.
pub(crate) struct OpenFile {
    pub(crate) name: String,
    pub(crate) file: File,
}

impl Read for OpenFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer);
        read.map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            _ => io::Error::other(format!("{} cannot be read: {error}", self.name)),
        })
    }
}

impl Default for Source {
    fn default() -> Self {
        Self::Bytes(Bytes::new())
    }
}

impl Body {
    /// Reads from something that blocks, such as stdin, on a thread for that.
    pub fn blocking(source: impl Read + Send + 'static) -> Self {
        Self(Source::Blocking(Box::new(source)))
    }

    /// Reads a file, which is opened when the request is sent.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Source::File(path.into()))
    }

    /// Reads a file that is open already, from its beginning. `name` stands for it in errors.
    pub fn open_file(name: impl Into<String>, file: File) -> Self {
        let name = name.into();
        Self(Source::Open(OpenFile { name, file }))
    }

    /// Reads from an asynchronous reader.
    pub fn reader(source: impl AsyncRead + Send + 'static) -> Self {
        Self(Source::Reader(Box::pin(source)))
    }

    /// Reads a stream of pieces. One piece is held at a time, besides what is kept.
    pub fn stream(source: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Self {
        Self(Source::Stream(Box::pin(source)))
    }

    /// The bytes, if it is in memory already.
    #[must_use]
    pub const fn as_bytes(&self) -> Option<&Bytes> {
        match &self.0 {
            Source::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(bytes: T) -> Self {
        Self(Source::Bytes(bytes.into()))
    }
}

/// Shows the length, if it is known, and nothing of the content.
impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.as_bytes() {
            Some(bytes) => write!(f, "Body({} bytes)", bytes.len()),
            None => f.write_str("Body(..)"),
        }
    }
}

/// The cookies of a call: sent along, and taken from its answers.
///
/// The first request carries what the caller has put into its header `Cookie`; from the first answer
/// on, each request carries what [`Cookies::header`] gives. None goes to another host than that of
/// the request, nor to it once a redirect has led away.
pub trait Cookies: Send + Sync {
    /// Returns the value of `Cookie` for a URL, `None` if it gets none.
    fn header(&self, url: &url::Url) -> Option<http::HeaderValue>;

    /// Takes the cookies of an answer, which a stranger wrote: of each `Set-Cookie`, what may be kept.
    fn take(&self, url: &url::Url, headers: &http::HeaderMap);
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
    /// The public key of the node that will be paid, in hexadecimal.
    pub payee: String,
    /// The node that was paid at this server before, in hexadecimal, if `payee` is none of those that are
    /// known of it. `None` for a known one, and before the first payment.
    pub payee_before: Option<String>,
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

/// The answer to the question what a request costs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Price {
    /// The server asks for this, and its challenge is sound.
    Asked(Box<Quote>),
    /// The server answers without payment: the status is 2xx.
    Free,
    /// The server does neither, so nobody knows the price: an error, a refusal, or a redirect that is
    /// not followed.
    Unknown {
        /// The status of the answer.
        status: u16,
        /// The time after which the server wants to be asked again, if it says so.
        retry_after: Option<Duration>,
    },
}

/// One step of a purchase, for progress displays. Never holds a secret.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The wallet paid more than the invoice asked. It is not asked again for 24 hours.
    AmountOverInvoice {
        /// The amount of the invoice.
        asked: Msat,
        /// The amount that the wallet says it paid.
        paid: Msat,
    },
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
        /// The payment hash.
        payment_hash: PaymentHash,
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
    /// An earlier call has paid for the answer to this very request, had it, and could not deliver
    /// it. It is handed out from the file that it was kept in; nobody is asked.
    Redelivered(PaymentHash),
    /// The server answers 429. It is asked again after this time; nothing is paid by that.
    RateLimited(Duration),
    /// A paid purchase that was never served is used instead of a new one.
    Resuming(PaymentHash),
    /// The request is sent again, with the credential.
    Retrying,
    /// A redirect has used the payment up, and its credential is good for nothing more. The same request
    /// again would pay again, whatever becomes of the answer behind the redirect.
    UsedUp(PaymentHash),
    /// The wallet has not answered yet. Holds the time since it was asked, in whole seconds.
    Waiting(Duration),
}

/// A receiver of events that is also asked before money moves.
///
/// An implementation that returns true from [`Progress::approve`] without a look leaves the limits
/// as the only guard.
pub trait Progress: Send + Sync {
    /// Receives one event. Must not block: the purchase waits for it. A panic is caught and logged.
    fn event(&self, _event: &Event) {}

    /// Returns true if a person answers [`Progress::approve`]. The default returns false: then a
    /// payment to another node than before is refused without a question.
    fn has_person(&self) -> bool {
        false
    }

    /// Returns true to pay, as the default does. Called only for a price within the limits, on a
    /// thread that may block. A person must be asked about a quote with `payee_before`, whatever its
    /// price.
    fn approve(&self, _quote: &Quote) -> bool {
        true
    }
}
