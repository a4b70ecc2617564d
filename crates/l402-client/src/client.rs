//! The client that a program builds once and calls for each request.

use std::sync::Arc;

use l402::PaymentHash;

use crate::builder::ClientBuilder;
use crate::http::Guard;
use crate::purchase::{Buyer, InvoicePayment, PaidInvoice, Unrelayed};
use crate::{Error, Journal, Price, Quote, ReplayError, ReplayedAnswer, Request, Response};

/// A paying HTTP client. Cheap to clone.
///
/// Dropping a future of [`Client::send`] never loses a payment: one that has begun goes on in the
/// background and is recorded, and the next call uses what it bought.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let home = tempfile::tempdir()?;
/// # let home = home.path();
/// # let (url, wallet) = l402_testkit::joke_stall(home);
/// use l402::Msat;
/// use l402_client::{Client, Journal, Request};
///
/// let client = Client::builder(Journal::open(&home.join("client"))?)
///     .wallet(wallet)
///     .build()?;
/// let answer = client.send(Request::get(url.parse()?)).await?;
/// assert_eq!(answer.receipt().map(|receipt| receipt.paid), Some(Msat::from_sat(50)));
/// assert_eq!(answer.bytes(64 * 1024).await?, "a joke");
///
/// // What was bought is used until it ends.
/// let again = client.send(Request::get(url.parse()?)).await?;
/// assert!(again.receipt().is_some_and(|receipt| receipt.reused));
/// # Ok(())
/// # }
/// ```
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
    pub(crate) fn new(buyer: Buyer) -> Self {
        Self(Arc::new(buyer))
    }

    /// Starts a builder. The journal is no option: without one, a crash could pay twice.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use l402::Msat;
    /// use l402_client::{Client, Journal, Limits};
    /// use l402_host::SystemClock;
    /// use l402_lightning::sandbox::{Sandbox, SandboxWallet};
    ///
    /// # let home = tempfile::tempdir()?;
    /// # let home = home.path();
    /// let sandbox = Sandbox::open(home, Arc::new(SystemClock::default()))?;
    /// let wallet = SandboxWallet::open(&sandbox, "default")?;
    /// let client = Client::builder(Journal::open(&home.join("client"))?)
    ///     .wallet(Arc::new(wallet))
    ///     .limits(Limits::default().with_per_request(Msat::from_sat(100)))
    ///     .build()?;
    /// # drop(client);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn builder(journal: Journal) -> ClientBuilder {
        ClientBuilder::new(journal)
    }

    /// Sends a request, pays at most once, and returns the answer. Must be called inside a tokio
    /// runtime.
    ///
    /// If the day's limit says no while earlier purchases are open, it finds out what became of
    /// them as [`Client::reconcile`] does, and tries once more with what that left of the day.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let home = tempfile::tempdir()?;
    /// # let home = home.path();
    /// # let (url, wallet) = l402_testkit::joke_stall(home);
    /// use l402::Msat;
    /// use l402_client::{Client, Error, Journal, Limits, Request};
    ///
    /// let client = Client::builder(Journal::open(&home.join("client"))?)
    ///     .wallet(wallet)
    ///     .limits(Limits::default().with_per_request(Msat::from_sat(49)))
    ///     .build()?;
    /// match client.send(Request::get(url.parse()?)).await {
    ///     Err(Error::OverBudget { limit, .. }) => assert_eq!(limit, Msat::from_sat(49)),
    ///     other => panic!("{other:?}"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn send(&self, request: Request) -> Result<Response, Error> {
        self.0.send(request).await
    }

    /// Pays an invoice that no challenge brought, at most once, by the same rules and limits as a
    /// purchase. Must be called inside a tokio runtime.
    ///
    /// An invoice that the journal knows is never paid again: what became of it is told, and looked up
    /// first if it is open. Only a payment that has failed for certain is begun anew, by the next call.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let home = tempfile::tempdir()?;
    /// # let home = home.path();
    /// # let (url, wallet) = l402_testkit::joke_stall(home);
    /// use l402::Msat;
    /// use l402_client::{Client, InvoicePayment, Journal, Request};
    ///
    /// let client = Client::builder(Journal::open(&home.join("client"))?).wallet(wallet).build()?;
    /// # let quote = client.quote(Request::get(url.parse()?)).await?.expect("a price");
    /// # let invoice = quote.invoice;
    /// let paid = client.pay_invoice(InvoicePayment::new(invoice.clone())).await?;
    /// assert_eq!((paid.paid, paid.paid_before), (Msat::from_sat(50), false));
    /// assert!(paid.preimage.is_some_and(|preimage| preimage.proves(&paid.payment_hash)));
    ///
    /// let again = client.pay_invoice(InvoicePayment::new(invoice)).await?;
    /// assert!(again.paid_before);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Refused`] for an invoice that is not sound, and those of [`Client::send`] that are about
    /// a payment.
    pub async fn pay_invoice(&self, payment: InvoicePayment) -> Result<PaidInvoice, Error> {
        self.0.pay_invoice(payment).await
    }

    /// Asks the price and pays nothing.
    ///
    /// # Errors
    /// As [`Client::send`], [`Error::Refused`] included.
    pub async fn price(&self, request: Request) -> Result<Price, Error> {
        self.0.price(request).await
    }

    /// Asks the price and pays nothing. Returns `None` if the answer is not a 402, which need not
    /// mean that it is free: [`Client::price`] tells the two apart.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let home = tempfile::tempdir()?;
    /// # let home = home.path();
    /// # let (url, wallet) = l402_testkit::joke_stall(home);
    /// use l402::Msat;
    /// use l402_client::{Client, Journal, Request};
    ///
    /// // Without a wallet nothing can be paid.
    /// let client = Client::builder(Journal::open(&home.join("client"))?).build()?;
    /// let quote = client.quote(Request::get(url.parse()?)).await?.expect("a price");
    /// assert_eq!(quote.amount, Msat::from_sat(50));
    /// assert_eq!(quote.description, "one joke");
    /// # drop(wallet);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Client::send`], [`Error::Refused`] included.
    pub async fn quote(&self, request: Request) -> Result<Option<Quote>, Error> {
        Ok(match self.price(request).await? {
            Price::Asked(quote) => Some(*quote),
            Price::Free | Price::Unknown { .. } => None,
        })
    }

    /// Sends a request as [`Client::send`] does, for a program that hands on what the server says: if
    /// nothing was paid for a 402, the error brings that 402 with it, whole.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let home = tempfile::tempdir()?;
    /// # let home = home.path();
    /// # let (url, wallet) = l402_testkit::joke_stall(home);
    /// use l402_client::{Client, Journal, Request};
    ///
    /// let client = Client::builder(Journal::open(&home.join("client"))?).build()?;
    /// let unrelayed = client.relay(Request::get(url.parse()?)).await.expect_err("no wallet");
    /// assert_eq!(unrelayed.error.code(), "payment_required");
    /// let answer = unrelayed.payment_required.expect("the seller's own words");
    /// assert_eq!(answer.status(), 402);
    /// assert_eq!(answer.bytes(1024).await?, "it costs 50 sat");
    /// # drop(wallet);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Unrelayed`], which holds the error of [`Client::send`].
    pub async fn relay(&self, request: Request) -> Result<Response, Unrelayed> {
        self.0.relay(request).await
    }

    /// Returns the same client with other connections.
    #[cfg(any(feature = "reqwest-middleware", feature = "tower"))]
    pub(crate) fn over(&self, transport: Arc<dyn crate::http::Transport>) -> Self {
        Self(Arc::new(Buyer {
            http: self.0.http.over(transport),
            ..Buyer::clone(&self.0)
        }))
    }

    /// Checks that a URL leads to none of the addresses that are never asked, nor to one of `own`,
    /// which may have come up after the client was built; see [`ClientBuilder::own_addresses`]. With
    /// `is_typed`, an address in it counts as named by a person, as one in a [`Request`] does; else a
    /// private one must be [allowed](ClientBuilder::allow_addresses). Asks nobody.
    ///
    /// # Errors
    /// [`Error::Refused`] if it does.
    pub async fn check_address(
        &self,
        url: &url::Url,
        own: Vec<(String, u16)>,
        is_typed: bool,
    ) -> Result<(), Error> {
        self.0.http.check(url, &Guard::new(own), is_typed).await
    }

    /// Returns the addresses that a URL leads to, for a program that opens a connection of its own, to
    /// one of them and to nothing else. They are checked as those of a [`Request`] are; for `own` and
    /// `is_typed` see [`Client::check_address`].
    ///
    /// # Errors
    /// [`Error::Refused`] if one of them may not be asked; [`Error::Transient`] if the name has none.
    pub async fn addresses(
        &self,
        url: &url::Url,
        own: Vec<(String, u16)>,
        is_typed: bool,
    ) -> Result<Vec<std::net::SocketAddr>, Error> {
        self.0.http.addresses(url, &Guard::new(own), is_typed).await
    }

    /// Waits until every payment that this client has begun is recorded. No other payment begins
    /// meanwhile. For the end of a program: a payment that is cut off is looked up by the next run.
    pub async fn finish_payments(&self) {
        self.0.finish_payments().await;
    }

    /// Looks up every purchase whose outcome is unknown, and returns how many still are. A purchase
    /// that another task or process is paying at this moment counts as unknown, and so does one that
    /// was begun with another wallet.
    ///
    /// A purchase that ended before its wallet was asked is marked as failed, and its amount is free
    /// again. This needs no wallet.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let home = tempfile::tempdir()?;
    /// # let home = home.path();
    /// # let (url, wallet) = l402_testkit::joke_stall(home);
    /// use l402_client::{Client, Error, Journal, Request};
    /// use l402_lightning::sandbox::{Fault, Sandbox};
    ///
    /// # let sandbox = Sandbox::open(home, std::sync::Arc::new(l402_host::SystemClock::default()))?;
    /// let client = Client::builder(Journal::open(&home.join("client"))?)
    ///     .wallet(wallet)
    ///     .build()?;
    /// // The money moves, and the wallet's answer is lost.
    /// sandbox.set_fault(Fault::EndsMidPayment)?;
    /// let lost = client.send(Request::get(url.parse()?)).await;
    /// assert!(matches!(lost, Err(Error::PaymentUnknown { .. })));
    ///
    /// sandbox.set_fault(Fault::None)?;
    /// assert_eq!(client.reconcile().await?, 0, "the wallet knows");
    /// let answer = client.send(Request::get(url.parse()?)).await?;
    /// assert!(answer.receipt().is_some_and(|receipt| receipt.reused));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn reconcile(&self) -> Result<usize, Error> {
        self.0.reconcile().await
    }

    /// Returns the newest answer to this very request that one payment bought, if it is kept; of any other
    /// request that the payment served, none. Asks nobody and pays nothing.
    ///
    /// # Errors
    /// See [`ReplayError`].
    pub async fn replay(
        &self,
        purchase: PaymentHash,
        request: Request,
    ) -> Result<Option<ReplayedAnswer>, ReplayError> {
        self.0.replay(purchase, request).await
    }

    /// Presents a purchase that was paid and never answered once more, whether or not there is a wallet:
    /// nothing is paid. Redirects are not followed.
    ///
    /// Returns `None` if the purchase is not paid, was answered or is put away, if it was made for
    /// another request (method, URL and body), or if somebody else is presenting it at this moment.
    ///
    /// # Errors
    /// [`Error::PaidButFailed`] if the server does not answer or refuses; see [`Client::send`] for the
    /// others.
    pub async fn resume(
        &self,
        purchase: PaymentHash,
        request: Request,
    ) -> Result<Option<Response>, Error> {
        self.0.resume(purchase, request).await
    }
}
