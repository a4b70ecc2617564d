//! Getting paid: make an invoice, learn whether it is settled.

use core::fmt;
use core::time::Duration;

use l402::{InvoiceError, InvoiceTerms, Msat, Network, PaymentHash, UnixTime};

use crate::Error;
use l402_host::{BoxFuture, BoxStream};

/// An invoice to be made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InvoiceRequest {
    /// The amount, never zero: an amountless invoice lets the payer choose (ATTACKS P-11).
    pub amount: Msat,
    /// How long it can be paid, whole seconds.
    pub expiry: Duration,
    /// What the payer reads, at most 639 bytes.
    pub memo: String,
}

/// An invoice that was made, and what it says: read from its text, once.
///
/// That it says what was asked is for whoever sells by it to compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewInvoice {
    bolt11: String,
    terms: InvoiceTerms,
}

impl NewInvoice {
    /// Reads a BOLT 11 invoice, its signature not looked at. A backend whose node also names the
    /// payment hash, or signs elsewhere, compares and verifies before.
    ///
    /// # Errors
    /// Where it is none.
    pub fn read(bolt11: String) -> Result<Self, InvoiceError> {
        let terms = InvoiceTerms::read(&bolt11)?;
        Ok(Self { bolt11, terms })
    }

    /// BOLT 11.
    #[must_use]
    pub fn bolt11(&self) -> &str {
        &self.bolt11
    }

    /// What it says.
    #[must_use]
    pub fn terms(&self) -> &InvoiceTerms {
        &self.terms
    }

    /// Its payment hash.
    #[must_use]
    pub fn payment_hash(&self) -> PaymentHash {
        self.terms.payment_hash
    }

    /// When it can no longer be paid.
    #[must_use]
    pub fn expires(&self) -> UnixTime {
        self.terms.expires
    }
}

/// What has become of an invoice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvoiceState {
    /// Withdrawn, or expired without payment.
    Cancelled,
    /// A payment is held and not yet ours: not paid.
    Held,
    /// Can still be paid.
    Open,
    /// Paid.
    Settled {
        /// What arrived; may be above the invoice's amount.
        paid: Msat,
    },
    /// The node does not know it. A stateless invoice exists nowhere until it is paid.
    Unseen,
}

/// Where a stream of settlements goes on: the backend's own counter, 0 for the beginning.
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
    /// Which invoice.
    pub payment_hash: PaymentHash,
    /// What arrived.
    pub paid: Msat,
    /// Its place in the order of settlements; pass it to go on after it.
    pub index: SettlementIndex,
}

/// A node that can be paid. No method here can spend.
///
/// A wrong implementation costs money: an invoice of a smaller amount sells below the price,
/// a payment hash whose preimage others know lets them in unpaid, "settled" of a payment that
/// is only held gives away what can still be taken back.
pub trait Receive: fmt::Debug + Send + Sync {
    /// The network that its invoices are on.
    fn network(&self) -> Network;

    /// Whether invoices are signed in this process, at once and without asking anybody. Then a
    /// host may ask for one on any thread and runtime.
    fn signs_here(&self) -> bool {
        false
    }

    /// Makes an invoice, never the same twice, and checks that it says what was asked
    /// (amount, network, hash, expiry, signature; ATTACKS P-13).
    fn create_invoice(&self, request: InvoiceRequest) -> BoxFuture<'_, Result<NewInvoice, Error>>;

    /// What has become of an invoice.
    fn lookup(&self, payment_hash: PaymentHash) -> BoxFuture<'_, Result<InvoiceState, Error>>;

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
