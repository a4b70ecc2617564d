//! The receipt of a purchase, for people and accounting. Holds no preimage and no token: the file that
//! proves a payment is [`ReceiptDocument`](super::ReceiptDocument).

use http::HeaderMap;
use l402::{Msat, PaymentHash, UnixTime};
use sha2::{Digest as _, Sha256};

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
    /// The server's word on the use, or `None` if it says nothing.
    pub use_report: Option<UseReport>,
}

/// The word of an answer on the use of a credential, from the headers `L402-Use`, `L402-Uses-Left` and
/// `L402-Expires`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UseReport {
    /// The fate of the use.
    pub outcome: UseOutcome,
    /// The uses that are left, for a token that counts them.
    pub uses_left: Option<u64>,
    /// The end of the token.
    pub expires: Option<UnixTime>,
}

/// The fate of a use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UseOutcome {
    /// The same credential can be used again.
    Kept,
    /// Decided at the end of the body.
    Pending,
    /// Used up.
    Spent,
}

impl UseOutcome {
    const ALL: [Self; 3] = [Self::Kept, Self::Pending, Self::Spent];

    /// Returns the word of the header: `kept`, `pending`, `spent`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Pending => "pending",
            Self::Spent => "spent",
        }
    }
}

impl UseReport {
    /// Reads the headers of an answer. `None` without a known word in `L402-Use`.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
        let word = text("l402-use")?;
        let outcome = UseOutcome::ALL.into_iter().find(|it| it.name() == word)?;
        let number = |name: &str| text(name).and_then(|text| text.parse().ok());
        Some(Self {
            outcome,
            uses_left: number("l402-uses-left"),
            expires: number("l402-expires").map(UnixTime::from_secs),
        })
    }

    /// Returns the end of the token.
    pub(super) fn end(self) -> Option<UnixTime> {
        self.expires
    }

    /// Returns true if the token has no use left.
    pub(crate) fn is_last(&self) -> bool {
        self.outcome == UseOutcome::Spent && self.uses_left == Some(0)
    }
}

impl Receipt {
    /// Returns a digest of the facts of the payment, which is the same for every answer to it.
    pub(crate) fn digest(&self) -> [u8; 32] {
        let facts = format!(
            "{}\n{}\n{}\n{}\n{}\n{}",
            self.payment_hash,
            self.price.msat(),
            self.paid.msat(),
            self.fee.msat(),
            self.paid_at.secs(),
            self.url
        );
        Sha256::digest(facts).into()
    }

    /// Returns the receipt as JSON:
    /// `{"url","price_msat","paid_msat","fee_msat","payment_hash","paid_at","reused","use",
    /// "uses_left","expires"}`. The last three are null if the server says nothing of them.
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
            "use": self.use_report.map(|report| report.outcome.name()),
            "uses_left": self.use_report.and_then(|report| report.uses_left),
            "expires": self.use_report.and_then(|report| report.expires).map(UnixTime::secs),
        })
    }
}
