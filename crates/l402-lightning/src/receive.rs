//! Getting paid: make an invoice, learn whether it is settled.

use core::fmt;
use core::time::Duration;

use l402::{Msat, Network, PaymentHash, UnixTime};

use crate::{BoxFuture, BoxStream, Error};

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

/// An invoice that was made, checked against its request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewInvoice {
    /// BOLT 11.
    pub bolt11: String,
    /// Its payment hash.
    pub payment_hash: PaymentHash,
    /// When it can no longer be paid.
    pub expires: UnixTime,
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

    /// Settlements after `from`, oldest first, then as they come. The stream ends with an error
    /// when the node goes away; start again after the last index seen.
    fn settlements(&self, from: SettlementIndex) -> BoxStream<'_, Result<Settlement, Error>>;
}
