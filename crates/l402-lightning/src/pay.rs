//! Making payments: each is settled, failed or unknown, and there is no error beside these three.

use core::fmt;
use core::time::Duration;

use l402::text::bare_invoice;
use l402::{Msat, Network, PaymentHash, Preimage};

use crate::{Error, ErrorKind};
use l402_host::BoxFuture;

/// An invoice to pay, and the limits on its fee and on the time to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PayRequest {
    /// The invoice as BOLT 11 text, which must state an amount. Nodes take it without a `lightning:`.
    pub bolt11: String,
    /// The highest routing fee allowed, on top of the amount.
    pub max_fee: Msat,
    /// The longest time to wait for an outcome; after it the answer is [`Payment::Unknown`].
    pub deadline: Duration,
}

impl PayRequest {
    /// A request to pay `bolt11` for a fee of at most `max_fee`, with an outcome within `deadline`.
    /// Takes off one `lightning:` before the invoice.
    #[must_use]
    pub fn new(bolt11: impl Into<String>, max_fee: Msat, deadline: Duration) -> Self {
        Self {
            bolt11: bare_invoice(&bolt11.into()).to_owned(),
            max_fee,
            deadline,
        }
    }
}

/// The outcome of a payment.
///
/// Reporting [`Payment::Failed`] while a payment is still in flight makes a buyer pay twice. In
/// doubt the outcome is [`Payment::Unknown`], and no code retries that.
///
/// ```text
///   pay ─┬─> Failed     final: no money moved
///        ├─> Settled    final: the preimage proves it
///        └─> Unknown ── lookup ──> Failed, Settled, or still Unknown
/// ```
#[derive(Clone, Debug)]
pub enum Payment {
    /// The payment will never settle; no money moved.
    Failed(PayFailure),
    /// The payment reached the payee.
    Settled {
        /// The proof of payment. The caller compares its hash with the payment hash.
        preimage: Preimage,
        /// The amount that the payee received.
        paid: Msat,
        /// The routing fee that was paid on top.
        fee: Msat,
    },
    /// The outcome is not known yet: the payment is in flight, or the connection to the node was
    /// lost after the request was sent.
    Unknown(Unknown),
}

impl Payment {
    /// Returns the outcome of a payment that certainly failed.
    #[must_use]
    pub const fn failed(error: Error) -> Self {
        Self::Failed(PayFailure { error })
    }

    /// Returns the outcome of a payment that may have settled, may be in flight, or may have
    /// failed.
    #[must_use]
    pub const fn unknown(error: Error) -> Self {
        Self::Unknown(Unknown { error })
    }

    /// Waits for the outcome of `attempt`, up to the deadline. After the deadline the outcome is
    /// unknown, never failed, because the attempt may have moved money. Needs a tokio runtime with
    /// its timer enabled.
    pub async fn within(deadline: Duration, attempt: impl Future<Output = Self> + Send) -> Self {
        let answer = tokio::time::timeout(deadline, attempt).await;
        answer.unwrap_or_else(|_| {
            let text = format!("no outcome within {} ms", deadline.as_millis());
            Self::unknown(Error::new(ErrorKind::Timeout, text))
        })
    }
}

/// The reason of a payment that certainly failed.
#[derive(Clone, Debug)]
pub struct PayFailure {
    /// The reason, as the node or this crate states it.
    pub error: Error,
}

/// The reason of an outcome that is not known.
#[derive(Clone, Debug)]
pub struct Unknown {
    /// The event that came instead of an answer, such as a lost connection.
    pub error: Error,
}

/// A node that can spend.
///
/// A wrong implementation pays twice, or reports an unpaid invoice as paid: see [`Payment`].
///
/// ```
/// # #[cfg(all(feature = "pay", feature = "sandbox"))]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::{sync::Arc, time::Duration};
/// use l402::Msat;
/// use l402_host::SystemClock;
/// use l402_lightning::{InvoiceRequest, Node, Open, PayRequest, Payment};
///
/// # let home = tempfile::tempdir()?;
/// # let home = home.path();
/// let node: Node = "sandbox".parse()?;
/// let wallet = node.wallet(Open::new(home, Arc::new(SystemClock::default()))).await?;
///
/// let seller = wallet.receive.expect("the sandbox receives, too");
/// let request = InvoiceRequest::new(Msat::from_sat(50), Duration::from_secs(600), "a joke".to_owned());
/// let invoice = seller.create_invoice(request).await?;
/// let payment = PayRequest::new(invoice.bolt11().to_owned(), Msat::from_sat(1), Duration::from_secs(10));
/// match wallet.pay.pay(payment).await {
///     Payment::Settled { preimage, .. } => assert!(preimage.proves(&invoice.payment_hash())),
///     Payment::Failed(failure) => println!("no money moved: {}", failure.error),
///     // Paying again could pay twice: only `lookup` may tell how this one ends.
///     Payment::Unknown(unknown) => println!("ask again later: {}", unknown.error),
/// }
/// # Ok(())
/// # }
/// # #[cfg(not(all(feature = "pay", feature = "sandbox")))]
/// # fn main() {}
/// ```
pub trait Pay: fmt::Debug + Send + Sync {
    /// Returns the network on which this node pays.
    fn network(&self) -> Network;

    /// Returns a name by which a person recognises this wallet: the same at every start, different
    /// for every wallet, and without secrets. A buyer stores the name with each payment, because
    /// only the wallet that was asked to pay can tell that it never began.
    fn name(&self) -> String;

    /// Returns true if this wallet can say what became of every payment that a wallet of this name
    /// was asked for. A wallet that pays through several others knows the payments of each.
    fn answers_for(&self, name: &str) -> bool {
        self.name() == name
    }

    /// Pays an invoice, at most once per payment hash, however often this method is called. For an
    /// invoice that is already paid or in flight, returns the outcome of that payment.
    fn pay(&self, request: PayRequest) -> BoxFuture<'_, Payment>;

    /// Returns the outcome of the payment with this hash, or `None` if this node never began one.
    ///
    /// The record of a failure may be that of an earlier attempt: see [`Pay::failure_is_last`].
    fn lookup(&self, payment_hash: PaymentHash) -> BoxFuture<'_, Result<Option<Payment>, Error>>;

    /// Returns true if a [`Payment::Failed`] of [`Pay::lookup`] is about the last attempt at the
    /// payment, also one that somebody else asked for. Some nodes keep the record of an attempt that failed while a
    /// later one begins, and a buyer that believes the record pays twice.
    ///
    /// False unless a wallet says otherwise: then a buyer waits until nothing can begin any more. All
    /// wallets of this crate say true.
    fn failure_is_last(&self) -> bool {
        false
    }

    /// Returns the amount that can be spent now.
    fn balance(&self) -> BoxFuture<'_, Result<Msat, Error>>;
}
