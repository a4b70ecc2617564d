//! What was bought: for people, files and accounting. Holds no preimage and no token.

use l402::{Msat, PaymentHash, UnixTime};

/// A receipt.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Receipt {
    /// The URL.
    pub url: String,
    /// The price asked.
    pub price: Msat,
    /// What the payee got.
    pub paid: Msat,
    /// What routing cost.
    pub fee: Msat,
    /// The payment hash.
    pub payment_hash: PaymentHash,
    /// When it was paid.
    pub paid_at: UnixTime,
    /// Whether a purchase of before was used; `false` where this call paid.
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
