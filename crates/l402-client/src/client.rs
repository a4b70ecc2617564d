//! One call: ask, check, pay, ask again.

use std::sync::Arc;
use std::time::Duration;

use l402_host::{Clock, SystemClock};
use l402_lightning::Pay;

use crate::http::{Http, Spool};
use crate::purchase::Buyer;
use crate::{Error, Journal, Limits, Progress, Quote, Request, Response};

/// The longest that the head of an answer may take, by default.
const ANSWER_TIME: Duration = Duration::from_secs(60);

/// A paying HTTP client. Cheap to clone.
///
/// Dropping a future of [`Client::send`] never loses a payment: one that has begun goes on in the
/// background and is recorded, and the next call uses what it bought.
#[derive(Clone)]
pub struct Client(Arc<Buyer>);

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("journal", &self.0.journal)
            .field("limits", &self.0.limits)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Starts a builder; the journal is what makes paying safe, so it comes first.
    #[must_use]
    pub fn builder(journal: Journal) -> ClientBuilder {
        ClientBuilder {
            journal,
            wallet: None,
            limits: Limits::default(),
            clock: None,
            progress: None,
            follow_redirects: false,
            keep_method: false,
            timeout: None,
            payment_deadline: Duration::from_secs(60),
            plain_http: false,
        }
    }

    /// Sends, pays at most once, sends again. Must be called inside a tokio runtime.
    ///
    /// If the day's limit says no while earlier purchases are open, it finds out what became of
    /// them as [`Client::reconcile`] does, and tries once more with what that left of the day.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn send(&self, request: Request) -> Result<Response, Error> {
        self.0.send(request).await
    }

    /// Asks the price and pays nothing; `None` if the answer is not a 402.
    ///
    /// # Errors
    /// As [`Client::send`], [`Error::Refused`] included.
    pub async fn quote(&self, request: Request) -> Result<Option<Quote>, Error> {
        self.0.quote(request).await
    }

    /// Looks up every purchase whose outcome is unknown; gives how many are still unknown. One
    /// that another task or process is paying at this moment counts as unknown, and so does one
    /// that only another wallet can tell of.
    ///
    /// Without a wallet too, what ended before a wallet was asked is marked as failed, and its
    /// amount is free again.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn reconcile(&self) -> Result<usize, Error> {
        self.0.reconcile().await
    }
}

/// Puts a [`Client`] together.
pub struct ClientBuilder {
    journal: Journal,
    wallet: Option<Arc<dyn Pay>>,
    limits: Limits,
    clock: Option<Arc<dyn Clock>>,
    progress: Option<Arc<dyn Progress>>,
    follow_redirects: bool,
    keep_method: bool,
    timeout: Option<Duration>,
    payment_deadline: Duration,
    plain_http: bool,
}

impl std::fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl ClientBuilder {
    /// The wallet; without one every 402 is [`Error::PaymentRequired`].
    #[must_use]
    pub fn wallet(mut self, wallet: Arc<dyn Pay>) -> Self {
        self.wallet = Some(wallet);
        self
    }

    /// Sets the limits of spending; see [`Limits::default`].
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The time; the machine's by default.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Progress and approval; by default nobody is told, and what is within the limits is paid.
    #[must_use]
    pub fn progress(mut self, progress: Arc<dyn Progress>) -> Self {
        self.progress = Some(progress);
        self
    }

    /// Follow redirects (at most 10); a credential never crosses origins. Off by default.
    #[must_use]
    pub fn follow_redirects(mut self, on: bool) -> Self {
        self.follow_redirects = on;
        self
    }

    /// Keeps the method if a redirect would change it to GET, and drops the body there: what
    /// curl does with a method that its user forced. Off by default.
    #[must_use]
    pub fn keep_method_on_redirect(mut self, on: bool) -> Self {
        self.keep_method = on;
        self
    }

    /// Time until the head of an answer, 60 s by default; and, if it is given, the time to wait
    /// for another purchase of the same origin and path, which else is as long as a payment may
    /// take and a minute more.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Time that the wallet has to pay; 60 s by default.
    #[must_use]
    pub fn payment_deadline(mut self, deadline: Duration) -> Self {
        self.payment_deadline = deadline;
        self
    }

    /// Sends credentials over plain HTTP to hosts that are not this machine: who listens can use
    /// them.
    #[must_use]
    pub fn danger_allow_plain_http(mut self, on: bool) -> Self {
        self.plain_http = on;
        self
    }

    /// Puts it together.
    ///
    /// # Errors
    /// [`Error::Transport`] when TLS cannot be set up.
    pub fn build(self) -> Result<Client, Error> {
        let clock = self
            .clock
            .unwrap_or_else(|| Arc::new(SystemClock::default()));
        let started = (clock.wall(), clock.monotonic());
        Ok(Client(Arc::new(Buyer {
            spool: Spool::new(self.journal.folder().join("spool")),
            journal: self.journal,
            http: Http::new(self.timeout.unwrap_or(ANSWER_TIME))?,
            wallet: self.wallet,
            limits: self.limits,
            clock,
            progress: self.progress,
            follow_redirects: self.follow_redirects,
            keep_method: self.keep_method,
            patience: self
                .timeout
                .unwrap_or(self.payment_deadline.saturating_add(ANSWER_TIME)),
            payment_deadline: self.payment_deadline,
            plain_http: self.plain_http,
            started,
        })))
    }
}
