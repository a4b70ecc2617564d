//! The request to pay, and its result.

use l402::Preimage;
use serde::{Deserialize, Serialize};

use super::payload::secret_hex;

/// The parameters of `pay_invoice`. The amount is that of the invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PayInvoice {
    /// The invoice as BOLT 11 text.
    pub(crate) invoice: String,
    /// Another amount in millisatoshi, for an invoice without one. We never send it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) amount: Option<u64>,
}

/// The result of `pay_invoice`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Paid {
    /// The proof of payment; `None` if the wallet gives none, or none that can be read.
    #[serde(default, with = "secret_hex")]
    pub(crate) preimage: Option<Preimage>,
    /// The routing fee in millisatoshi; optional in NIP-47.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fees_paid: Option<u64>,
}
