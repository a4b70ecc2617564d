//! Receiving payments: invoices, their states, and settlements.

use core::fmt;
use core::time::Duration;

use l402::{InvoiceError, InvoiceTerms, Msat, Network, PaymentHash, UnixTime};

use crate::Error;
use l402_host::{BoxFuture, BoxStream};

/// The terms of an invoice that a node is asked to make.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct InvoiceRequest {
    /// The amount; never zero, because the payer chooses the amount of an amountless invoice
    /// (ATTACKS P-11).
    pub amount: Msat,
    /// The time during which the invoice can be paid, in whole seconds: one second to ten years.
    pub expiry: Duration,
    /// The text that the payer's wallet shows, at most 639 bytes.
    pub memo: String,
}

impl InvoiceRequest {
    /// A request for an invoice over `amount` that can be paid for `expiry` and shows `memo`.
    #[must_use]
    pub fn new(amount: Msat, expiry: Duration, memo: impl Into<String>) -> Self {
        Self {
            amount,
            expiry,
            memo: memo.into(),
        }
    }

    /// Returns the request over whole satoshi, rounded up, and their number, for a node that knows
    /// nothing finer.
    #[cfg(any(feature = "lnbits", feature = "phoenixd"))]
    pub(crate) fn in_whole_sat(self) -> (Self, u64) {
        let sat = self.amount.ceil_sat();
        let amount = Msat::from_sat(sat);
        (Self { amount, ..self }, sat)
    }
}

/// The invoices that a node makes, as far as this is known without asking. By default all of them.
///
/// A route whose price or time lies outside sells nothing, so a seller compares both at the start:
/// see [`Receive::limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvoiceLimits {
    /// The smallest amount of an invoice, 1 msat by default.
    pub least: Msat,
    /// The largest amount of an invoice, [`Msat::MAX`] by default.
    pub most: Msat,
    /// The time for which an invoice can be paid, if the node chooses it and ignores
    /// [`InvoiceRequest::expiry`]. `None` by default.
    pub life: Option<Duration>,
}

impl Default for InvoiceLimits {
    fn default() -> Self {
        Self {
            least: Msat::new(1),
            most: Msat::MAX,
            life: None,
        }
    }
}

/// A new invoice together with its terms, which are read once from its BOLT 11 text.
///
/// This type does not compare the terms with the request: the caller that sells by the invoice
/// does.
///
/// ```
/// use l402::{Msat, Network};
/// use l402_lightning::NewInvoice;
///
/// // The example "please send $3 for a cup of coffee" of BOLT 11.
/// let text = "lnbc2500u1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5\
///             rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpu9qrsgquk0rl77n\
///             j30yxdy8j9vdx85fkpmdla2087ne0xh8nhedh8w27kyke0lp53ut353s06fv3qfegext0eh0ymjpf39tuven\
///             09sam30g4vgpfna3rh";
/// let invoice = NewInvoice::read(text.to_owned())?;
/// assert_eq!(invoice.terms().network, Network::Bitcoin);
/// assert_eq!(invoice.terms().amount, Some(Msat::from_sat(250_000)));
/// # Ok::<(), l402::InvoiceError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewInvoice {
    bolt11: String,
    terms: InvoiceTerms,
    reference: Option<String>,
}

impl NewInvoice {
    /// Reads a BOLT 11 invoice without verifying its signature. A backend whose node also reports
    /// the payment hash, or signs outside this process, compares and verifies first.
    ///
    /// # Errors
    /// If the text is not a BOLT 11 invoice.
    pub fn read(bolt11: String) -> Result<Self, InvoiceError> {
        // The text is the only source: terms that a node reports beside it could differ from what
        // the payer's wallet reads (ATTACKS P-13).
        let terms = InvoiceTerms::read(&bolt11)?;
        Ok(Self {
            bolt11,
            terms,
            reference: None,
        })
    }

    /// Adds the node's own reference of the invoice: see [`NewInvoice::reference`].
    #[must_use]
    pub fn with_reference(mut self, reference: String) -> Self {
        self.reference = Some(reference);
        self
    }

    /// Returns the reference by which the node is asked about this invoice, if the payment hash
    /// is not enough for it. Visible ASCII. The seller writes it into the token, so buyers can read
    /// it, and hands it to [`Receive::lookup_by`]: so nothing has to be stored for an invoice.
    #[must_use]
    pub fn reference(&self) -> Option<&str> {
        self.reference.as_deref()
    }

    /// Returns the invoice as BOLT 11 text.
    #[must_use]
    pub fn bolt11(&self) -> &str {
        &self.bolt11
    }

    /// Returns the terms that the invoice states.
    #[must_use]
    pub fn terms(&self) -> &InvoiceTerms {
        &self.terms
    }

    /// Returns the payment hash of the invoice.
    #[must_use]
    pub fn payment_hash(&self) -> PaymentHash {
        self.terms.payment_hash
    }

    /// Returns the time from which the invoice can no longer be paid.
    #[must_use]
    pub fn expires(&self) -> UnixTime {
        self.terms.expires
    }
}

/// The state of an invoice at its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvoiceState {
    /// Cancelled at the node, or expired without a payment.
    Cancelled,
    /// A payment is held at the node. It counts as unpaid, because it can still go back.
    Held,
    /// Not paid yet, and not expired.
    Open,
    /// The payment was received for good.
    Settled {
        /// The amount received, which may be higher than the amount of the invoice.
        paid: Msat,
    },
    /// Unknown to the node. A stateless invoice is recorded nowhere until a payment arrives.
    Unseen,
}

/// A position in the sequence of settlements: the backend's own counter, 0 for the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SettlementIndex(pub u64);

impl SettlementIndex {
    /// Begins with the first settlement after the stream has been polled and the node has heard of
    /// it. Nothing of the past is read.
    pub const NEWEST: Self = Self(u64::MAX);
}

/// A payment that reached us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// The payment hash of the invoice that was paid.
    pub payment_hash: PaymentHash,
    /// The amount received.
    pub paid: Msat,
    /// The position of this settlement. A stream that starts from this position continues after it.
    pub index: SettlementIndex,
}

/// The money that a node's open channels can move, as the node last said. Either amount is an upper
/// bound: what one payment can carry is less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Liquidity {
    /// The amount that others can pay to the node.
    pub receivable: Msat,
    /// The amount that the node can pay; `None` if the credential or the node does not tell it.
    pub spendable: Option<Msat>,
}

impl Liquidity {
    /// The liquidity of a node that can receive `receivable`, and does not tell what it can pay.
    #[must_use]
    pub const fn new(receivable: Msat) -> Self {
        Self {
            receivable,
            spendable: None,
        }
    }

    /// Adds the amount that the node can pay.
    #[must_use]
    pub const fn with_spendable(mut self, spendable: Msat) -> Self {
        self.spendable = Some(spendable);
        self
    }
}

/// A node that can be paid. No method can spend.
///
/// A wrong implementation costs the seller money:
///
/// - an invoice of a smaller amount sells below the price;
/// - a payment hash whose preimage others know admits buyers who have not paid;
/// - a payment reported as settled while it is only held can still be taken back.
///
/// ```
/// # #[cfg(feature = "sandbox")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::{sync::Arc, time::Duration};
/// use l402_host::SystemClock;
/// use l402_lightning::{InvoiceRequest, InvoiceState, Receive, sandbox::Sandbox};
///
/// # let home = tempfile::tempdir()?;
/// # let home = home.path();
/// let node: Arc<dyn Receive> = Arc::new(Sandbox::open(home, Arc::new(SystemClock::default()))?);
/// let request = InvoiceRequest::new("50 sat".parse()?, Duration::from_secs(600), "a joke".to_owned());
/// let invoice = node.create_invoice(request).await?;
/// // The sandbox's invoices are stateless: nothing is stored before a payment.
/// assert_eq!(node.lookup(invoice.payment_hash()).await?, InvoiceState::Unseen);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "sandbox"))]
/// # fn main() {}
/// ```
pub trait Receive: fmt::Debug + Send + Sync {
    /// Returns the network of the node's invoices.
    fn network(&self) -> Network;

    /// Returns true if nobody but a payer can learn the preimage of an invoice of this node before it
    /// is paid. Where a third party makes the invoice, its preimage alone proves nothing: who asks
    /// for a credential's worth looks the invoice up, too.
    ///
    /// There is no default: a wrong *true* lets buyers in who have not paid.
    fn preimage_is_proof(&self) -> bool;

    /// Returns true if this process signs the invoices itself, without asking another one. The
    /// caller may then request an invoice on any thread and any runtime.
    fn signs_here(&self) -> bool {
        false
    }

    /// Returns the invoices that the node makes, as it last said. Asks nobody. A node before another
    /// one passes that one's limits on.
    fn limits(&self) -> InvoiceLimits {
        InvoiceLimits::default()
    }

    /// Makes an invoice, different at every call, and checks that the result states what was
    /// requested: amount, network, payment hash, expiry and signature (ATTACKS P-13). Only if the
    /// service chooses the expiry, as a Lightning address does, the result may have another one.
    fn create_invoice(&self, request: InvoiceRequest) -> BoxFuture<'_, Result<NewInvoice, Error>>;

    /// Returns the current state of the invoice with this payment hash.
    fn lookup(&self, payment_hash: PaymentHash) -> BoxFuture<'_, Result<InvoiceState, Error>>;

    /// Returns the current state of an invoice of this amount by the reference that it was made with,
    /// also after a restart and if another process made it. Only for a reference that the caller has
    /// from [`NewInvoice::reference`] and that nobody could change since: the service that it leads to says
    /// that the payment has arrived.
    ///
    /// By default the reference is not needed, and this is [`Receive::lookup`].
    fn lookup_by(
        &self,
        _reference: String,
        payment_hash: PaymentHash,
        _amount: Msat,
    ) -> BoxFuture<'_, Result<InvoiceState, Error>> {
        self.lookup(payment_hash)
    }

    /// Returns a position before which no settlement is of interest to a seller who begins now: that of
    /// the newest settlement, or an earlier one. Reading on from there loses nothing that is paid after
    /// this call.
    ///
    /// By default the beginning, so that the whole history is read once: for nodes that tell no
    /// position without a settlement, and for those that remember nothing from before their start.
    fn newest_settlement(&self) -> BoxFuture<'_, Result<SettlementIndex, Error>> {
        Box::pin(core::future::ready(Ok(SettlementIndex::default())))
    }

    /// Returns what the node's channels can move. `None` if the node does not tell, or not with this
    /// credential: a seller needs no right to know. By default `None`.
    fn liquidity(&self) -> BoxFuture<'_, Result<Option<Liquidity>, Error>> {
        Box::pin(core::future::ready(Ok(None)))
    }

    /// Settlements after `from`, oldest first, then as they come; from [`SettlementIndex::NEWEST`]
    /// those alone that come later. The stream ends with an error
    /// when the node goes away; start again after the last index seen.
    fn settlements(&self, from: SettlementIndex) -> BoxStream<'_, Result<Settlement, Error>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text alone says what an invoice is (ATTACKS P-13).
    #[test]
    fn what_an_invoice_says_is_read_from_its_text() {
        // BOLT 11's own example of a coffee: 2,500 uBTC, one minute.
        let text = "lnbc2500u1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqc\
                    yq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpu9qrsgquk0\
                    rl77nj30yxdy8j9vdx85fkpmdla2087ne0xh8nhedh8w27kyke0lp53ut353s06fv3qfegext0eh0ymj\
                    pf39tuven09sam30g4vgpfna3rh";
        let made = NewInvoice::read(text.to_owned()).unwrap();
        assert_eq!(made.bolt11(), text);
        assert_eq!(made.terms().amount, Some(Msat::from_sat(250_000)));
        assert_eq!(made.terms().network, Network::Bitcoin);
        assert_eq!(made.expires().secs(), 1_496_314_658 + 60);
        assert_eq!(
            made.payment_hash().to_string(),
            "0001020304050607080900010203040506070809000102030405060708090102"
        );
        let broken = format!("{}!", &text[..text.len() - 1]);
        assert!(NewInvoice::read(broken).is_err());
    }
}
