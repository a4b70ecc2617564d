//! Paying: settled, failed, or unknown. There is no fourth outcome and no error beside them.

use core::fmt;
use core::time::Duration;

use l402::{Msat, Network, PaymentHash, Preimage};

use crate::{Error, ErrorKind};
use l402_host::BoxFuture;

/// A payment to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayRequest {
    /// BOLT 11, with an amount.
    pub bolt11: String,
    /// The most that routing may cost on top.
    pub max_fee: Msat,
    /// How long to wait for an outcome; after it the answer is [`Payment::Unknown`].
    pub deadline: Duration,
}

/// What became of a payment.
///
/// Saying [`Payment::Failed`] of a payment that is still in flight makes a buyer pay twice. When
/// in doubt it is [`Payment::Unknown`], which nobody retries.
#[derive(Clone, Debug)]
pub enum Payment {
    /// It will never settle; no money moved.
    Failed(PayFailure),
    /// It reached the payee.
    Settled {
        /// The proof. Whoever calls checks that it hashes to the payment hash.
        preimage: Preimage,
        /// What the payee got.
        paid: Msat,
        /// What routing cost.
        fee: Msat,
    },
    /// Nobody can say yet: in flight, or the node went away after it was asked.
    Unknown(Unknown),
}

impl Payment {
    /// Certainly failed, for this reason.
    #[must_use]
    pub const fn failed(error: Error) -> Self {
        Self::Failed(PayFailure { error })
    }

    /// Not known, because of this.
    #[must_use]
    pub const fn unknown(error: Error) -> Self {
        Self::Unknown(Unknown { error })
    }

    /// What an attempt says in time. After the deadline it is unknown, never failed: the attempt
    /// may have moved money. Needs a tokio runtime with time.
    pub async fn within(deadline: Duration, attempt: impl Future<Output = Self> + Send) -> Self {
        let answer = tokio::time::timeout(deadline, attempt).await;
        answer.unwrap_or_else(|_| {
            let text = format!("no outcome within {} ms", deadline.as_millis());
            Self::unknown(Error::new(ErrorKind::Timeout, text))
        })
    }
}

/// Why a payment certainly failed.
#[derive(Clone, Debug)]
pub struct PayFailure {
    /// The node's or our reason.
    pub error: Error,
}

/// Why the outcome is not known.
#[derive(Clone, Debug)]
pub struct Unknown {
    /// What happened instead of an answer.
    pub error: Error,
}

/// A node that can spend.
///
/// A wrong implementation pays twice, or calls paid what was not: see [`Payment`].
pub trait Pay: fmt::Debug + Send + Sync {
    /// The network that it pays on.
    fn network(&self) -> Network;

    /// Which wallet this is, in words that a person can find it by: the same at every start, of
    /// no other wallet, and no secret. A buyer writes it down with each payment, for only the
    /// wallet that was asked can say that it never began one.
    fn name(&self) -> String;

    /// Pays, at most once per payment hash however often it is asked: of an invoice that it
    /// already paid, or is paying, it reports that payment.
    fn pay(&self, request: PayRequest) -> BoxFuture<'_, Payment>;

    /// What became of the payment with this hash; `None` where this node never began one.
    fn lookup(&self, payment_hash: PaymentHash) -> BoxFuture<'_, Result<Option<Payment>, Error>>;

    /// What can be spent.
    fn balance(&self) -> BoxFuture<'_, Result<Msat, Error>>;
}
