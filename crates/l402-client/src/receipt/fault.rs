//! The reasons why a receipt does not hold.

use std::fmt;

/// The reason why a receipt does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReceiptFault {
    /// The amount is not that of the invoice.
    Amount,
    /// The digest at its end is that of another text: a byte was changed.
    Digest,
    /// The text is not of the form that a receipt has, to the last space.
    Form,
    /// The payment hash is not that of the invoice.
    Hash,
    /// The invoice cannot be read, or its signature does not hold.
    Invoice,
    /// The network is not that of the invoice.
    Network,
    /// The node key is not the one that signed the invoice.
    Payee,
    /// The preimage does not prove the payment.
    Preimage,
    /// A time is none, or not that of the invoice, or the payment is dated before its invoice.
    Time,
    /// The receipt is of a version that this program does not know.
    Version,
}

impl ReceiptFault {
    /// Returns the stable name: `amount`, `digest`, `form`, `hash`, `invoice`, `network`, `payee`,
    /// `preimage`, `time`, `version`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Amount => "amount",
            Self::Digest => "digest",
            Self::Form => "form",
            Self::Hash => "hash",
            Self::Invoice => "invoice",
            Self::Network => "network",
            Self::Payee => "payee",
            Self::Preimage => "preimage",
            Self::Time => "time",
            Self::Version => "version",
        }
    }
}

impl fmt::Display for ReceiptFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Amount => "the amount is not that of the invoice",
            Self::Digest => "it was changed: its digest is that of another text",
            Self::Form => "it is not of the form of a receipt, or was changed",
            Self::Hash => "the payment hash is not that of the invoice",
            Self::Invoice => "the invoice cannot be read, or its signature does not hold",
            Self::Network => "the network is not that of the invoice",
            Self::Payee => "the node key is not the one that signed the invoice",
            Self::Preimage => "the preimage does not prove the payment",
            Self::Time => "a time in it is not possible, or not that of the invoice",
            Self::Version => "it is of a version that this program does not know",
        })
    }
}

impl std::error::Error for ReceiptFault {}
