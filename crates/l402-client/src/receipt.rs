//! The receipt of a purchase, for people, files and accounting. Holds no preimage and no token.

use l402::{Msat, PaymentHash, UnixTime};

/// The receipt of one answer that was paid for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Receipt {
    /// The URL without its query, which may hold the caller's own secrets.
    pub url: String,
    /// The amount of the invoice.
    pub price: Msat,
    /// The amount that the payee got.
    pub paid: Msat,
    /// The cost of routing.
    pub fee: Msat,
    /// The payment hash, under which the seller's node knows the payment.
    pub payment_hash: PaymentHash,
    /// The time at which the payment was recorded.
    pub paid_at: UnixTime,
    /// True if the credential was bought by an earlier call, false if this call paid.
    pub reused: bool,
}

impl Receipt {
    /// Returns the receipt as JSON:
    /// `{"url","price_msat","paid_msat","fee_msat","payment_hash","paid_at","reused"}`.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        // The names carry the units: a bare number has none outside Rust.
        serde_json::json!({
            "url": self.url,
            "price_msat": self.price.msat(),
            "paid_msat": self.paid.msat(),
            "fee_msat": self.fee.msat(),
            "payment_hash": self.payment_hash.to_string(),
            "paid_at": self.paid_at.secs(),
            "reused": self.reused,
        })
    }
}
