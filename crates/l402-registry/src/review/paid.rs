//! The proof that a node was paid.

use std::time::Duration;

use l402::{Invoice, Msat, Network, PaymentHash, Preimage, UnixTime};

use crate::listing::{NewReview, NewReviewError};

/// The age up to which an invoice may be reviewed.
const AGE_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

/// The time by which the clock of a seller may be ahead.
const CLOCK_SKEW: Duration = Duration::from_secs(600);

/// A paid invoice, as a review needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Paid {
    /// The payment hash.
    pub(crate) payment_hash: PaymentHash,
    /// The amount, not zero.
    pub(crate) amount: Msat,
    /// The time of the invoice.
    pub(crate) at: UnixTime,
    /// The network.
    pub(crate) network: Network,
    /// The node that signed it.
    pub(crate) node: [u8; 33],
}

impl Paid {
    /// Checks invoice and preimage against each other, and the age of the invoice.
    pub(crate) fn check(review: &NewReview, now: UnixTime) -> Result<Self, NewReviewError> {
        let unreadable =
            |error: l402::InvoiceError| NewReviewError::new("invoice", &error.to_string());
        let invoice = Invoice::decode(review.invoice.trim()).map_err(unreadable)?;
        let amount = invoice.required_amount().map_err(unreadable)?;
        if amount == Msat::ZERO {
            return Err(NewReviewError::new(
                "invoice",
                "its amount is zero, so nothing was paid",
            ));
        }
        // Apart from the age: `since` is zero for a later time, so the age would never be too high.
        if invoice.created > now.saturating_add(CLOCK_SKEW) {
            return Err(NewReviewError::new("invoice", "it was made in the future"));
        }
        if now.since(invoice.created) > AGE_MAX {
            return Err(NewReviewError::new("invoice", "it is older than 30 days"));
        }
        let preimage = review.preimage.trim().parse::<Preimage>();
        let preimage =
            preimage.map_err(|_| NewReviewError::new("preimage", "write 64 hex digits"))?;
        if !preimage.proves(&invoice.payment_hash) {
            return Err(NewReviewError::new(
                "preimage",
                "it is not that of the invoice",
            ));
        }
        Ok(Self {
            payment_hash: invoice.payment_hash,
            amount,
            at: invoice.created,
            network: invoice.network,
            node: invoice.payee,
        })
    }
}
