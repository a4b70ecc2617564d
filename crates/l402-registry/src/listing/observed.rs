//! What a probe saw.

use l402::{Msat, Network, PaymentHash, UnixTime};
use serde::{Deserialize, Serialize};

/// What the last probe that found a 402 saw in it. Each value comes from the answer itself; the amount
/// from the signed invoice alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// The time of the probe.
    pub at: UnixTime,
    /// The amount of the invoice; `None` if it has none or cannot be read.
    pub price: Option<Msat>,
    /// The network of the invoice.
    pub network: Option<Network>,
    /// The seconds for which the invoice could be paid.
    pub expiry_secs: Option<u64>,
    /// The public key of the node that signed the invoice, 33 bytes compressed.
    pub node: Option<[u8; 33]>,
    /// The payment hash of the invoice.
    pub payment_hash: Option<PaymentHash>,
    /// True if the token names the same hash; `None` if the token cannot be read.
    pub hash_matches: Option<bool>,
    /// The forms that the challenge has.
    pub forms: Vec<Form>,
    /// The known clients that can pay it (`examine::READERS`).
    pub clients: Vec<String>,
    /// From the request to the head of the answer, in milliseconds.
    pub latency_ms: u32,
    /// The end of the server's certificate.
    pub tls_until: Option<UnixTime>,
    /// The answer itself, as far as it is shown.
    pub evidence: Evidence,
}

/// A form in which money can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Form {
    /// `WWW-Authenticate: L402 …`
    L402,
    /// `WWW-Authenticate: LSAT …`
    Lsat,
    /// `WWW-Authenticate: Payment …`, method lightning.
    Payment,
    /// A challenge in a JSON body alone.
    Body,
    /// x402, which is seen and not judged.
    X402,
}

impl Form {
    /// Every form, for lists and tests.
    pub const ALL: [Self; 5] = [
        Self::L402,
        Self::Lsat,
        Self::Payment,
        Self::Body,
        Self::X402,
    ];

    /// Returns the word of the API and the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::L402 => "l402",
            Self::Lsat => "lsat",
            Self::Payment => "payment",
            Self::Body => "body",
            Self::X402 => "x402",
        }
    }

    /// Returns the form with this word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.name() == name)
    }
}

/// The answer of a probe, as far as it is kept and shown. Strangers' text, not escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Evidence {
    /// The method with which the 402 was had.
    pub method: String,
    /// The address that answered, after redirects.
    pub url: String,
    /// The status.
    pub status: u16,
    /// The lines `WWW-Authenticate`, each cut to 400 bytes. No token is whole in it.
    pub challenges: Vec<String>,
    /// The invoice, whole: anybody may read and verify it.
    pub invoice: Option<String>,
    /// The rules of `l402_client::examine`, each with its verdict (`sound`, `remark`, `unsound`) and text.
    pub findings: Vec<(String, String, String)>,
}
