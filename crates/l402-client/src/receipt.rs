//! The receipt of a purchase, for people, files and accounting. Holds no preimage and no token.

use l402::{Msat, PaymentHash, UnixTime};

/// A receipt.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Receipt {
    /// The URL.
    pub url: String,
    /// The price asked.
    pub price: Msat,
    /// The amount that the payee got.
    pub paid: Msat,
    /// The cost of routing.
    pub fee: Msat,
    /// The payment hash.
    pub payment_hash: PaymentHash,
    /// The time of the payment.
    pub paid_at: UnixTime,
    /// An earlier purchase was used; `false` if this call paid.
    pub reused: bool,
}

impl Receipt {
    /// `{"url","price_msat","paid_msat","fee_msat","payment_hash","paid_at","reused"}`.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
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
