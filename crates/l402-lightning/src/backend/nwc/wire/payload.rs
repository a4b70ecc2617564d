//! The contents of events: requests, answers, notifications. Amounts are in millisatoshi, times
//! in seconds since 1970.

use l402::{PaymentHash, Preimage};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// A request: the method and its parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", content = "params", rename_all = "snake_case")]
pub(crate) enum Request {
    /// Asks for the amount that can be spent.
    GetBalance {},
    /// Asks what the wallet is and can do.
    GetInfo {},
    /// Asks for payments of the past.
    ListTransactions(ListTransactions),
    /// Asks for one invoice or payment.
    LookupInvoice(LookupInvoice),
    /// Asks for an invoice.
    MakeInvoice(MakeInvoice),
    /// Asks the wallet to pay.
    #[cfg(feature = "pay")]
    PayInvoice(super::pay::PayInvoice),
}

impl Request {
    /// Returns the name of the method.
    pub(crate) const fn method(&self) -> &'static str {
        match self {
            Self::GetBalance {} => "get_balance",
            Self::GetInfo {} => "get_info",
            Self::ListTransactions(_) => "list_transactions",
            Self::LookupInvoice(_) => "lookup_invoice",
            Self::MakeInvoice(_) => "make_invoice",
            #[cfg(feature = "pay")]
            Self::PayInvoice(_) => "pay_invoice",
        }
    }
}

/// The parameters of `make_invoice`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MakeInvoice {
    /// The amount in millisatoshi.
    pub(crate) amount: u64,
    /// The text that the payer sees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    /// The seconds during which the invoice can be paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expiry: Option<u64>,
}

/// The parameters of `lookup_invoice`: the payment hash, or the invoice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LookupInvoice {
    /// The payment hash in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) payment_hash: Option<String>,
    /// The invoice as BOLT 11 text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) invoice: Option<String>,
}

/// The parameters of `list_transactions`. The newest come first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ListTransactions {
    /// The first second that counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<u64>,
    /// The last second that counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<u64>,
    /// The largest number of transactions to return.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<u64>,
    /// The number of transactions to skip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) offset: Option<u64>,
    /// True to see invoices that are not paid, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) unpaid: Option<bool>,
    /// The direction of payments to return; both if `None`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub(crate) direction: Option<Direction>,
}

/// An answer: a result or an error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Response {
    /// The method that is answered.
    #[serde(default)]
    pub(crate) result_type: String,
    /// The error; `None` for success.
    #[serde(default)]
    pub(crate) error: Option<WalletError>,
    /// The result; `None` after an error.
    #[serde(default)]
    pub(crate) result: Option<Secret>,
}

impl Response {
    /// Reads the result as that of a method.
    pub(crate) fn result<T: DeserializeOwned>(&self) -> Option<T> {
        let Secret(value) = self.result.as_ref()?;
        T::deserialize(value).ok()
    }
}

/// JSON that may hold a preimage, so that `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Secret(pub(crate) Value);

impl core::fmt::Debug for Secret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// An error that a wallet reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WalletError {
    /// The code, for programs.
    pub(crate) code: ErrorCode,
    /// The text, for people. Comes from somebody else: show it by `text::plain` only.
    #[serde(default)]
    pub(crate) message: String,
}

/// The codes of errors of NIP-47.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ErrorCode {
    /// The wallet has not enough for amount and fee reserve.
    InsufficientBalance,
    /// An error inside the wallet.
    Internal,
    /// No such invoice.
    NotFound,
    /// The method is not known to the wallet.
    NotImplemented,
    /// The payment failed.
    PaymentFailed,
    /// The budget of the connection is used up.
    QuotaExceeded,
    /// Too many requests.
    RateLimited,
    /// The connection may not do this.
    Restricted,
    /// The connection belongs to no wallet.
    Unauthorized,
    /// The wallet does not read this encryption.
    UnsupportedEncryption,
    /// `OTHER`, and every code that is not known here.
    #[serde(other)]
    Other,
}

/// The direction of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Direction {
    /// A payment to the wallet.
    Incoming,
    /// A payment from the wallet.
    Outgoing,
}

/// The state of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TransactionState {
    /// A payment is held, and can still go back.
    Accepted,
    /// Not paid in time.
    Expired,
    /// The payment failed.
    Failed,
    /// Not paid yet, or in flight.
    Pending,
    /// Paid for good.
    Settled,
    /// A state that is not known here.
    #[serde(other)]
    Unknown,
}

/// An invoice or a payment, as `make_invoice`, `lookup_invoice`, `list_transactions` and the
/// notifications tell it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Transaction {
    /// The direction; older wallets leave it out.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub(crate) direction: Option<Direction>,
    /// The state; older wallets leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) state: Option<TransactionState>,
    /// The invoice as BOLT 11 text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) invoice: Option<String>,
    /// The text that the payer sees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    /// The proof of payment; `None` if there is none, or none that can be read.
    #[serde(default, with = "secret_hex", skip_serializing_if = "Option::is_none")]
    pub(crate) preimage: Option<Preimage>,
    /// The payment hash; `None` if there is none, or none that can be read.
    #[serde(default, with = "hash_hex", skip_serializing_if = "Option::is_none")]
    pub(crate) payment_hash: Option<PaymentHash>,
    /// The amount in millisatoshi.
    #[serde(default)]
    pub(crate) amount: u64,
    /// The routing fee in millisatoshi.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fees_paid: Option<u64>,
    /// The second at which it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) created_at: Option<u64>,
    /// The second from which it can no longer be paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<u64>,
    /// The second at which it was paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) settled_at: Option<u64>,
}

/// The result of `list_transactions`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Transactions {
    /// The transactions, the newest first.
    #[serde(default)]
    pub(crate) transactions: Vec<Transaction>,
}

/// The result of `get_balance`.
#[cfg(feature = "pay")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Balance {
    /// The amount in millisatoshi.
    pub(crate) balance: u64,
}

/// The result of `get_info`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NodeInfo {
    /// The wallet's name for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) alias: Option<String>,
    /// The network: `mainnet`, `testnet`, `signet` or `regtest`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) network: Option<String>,
    /// The methods that this connection may call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) methods: Option<Vec<String>>,
    /// The notifications that the wallet sends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) notifications: Option<Vec<String>>,
}

/// A notification.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Notification {
    /// The event, such as `payment_received`.
    pub(crate) notification_type: String,
    /// The payment that it is about.
    pub(crate) notification: Transaction,
}

impl Notification {
    /// The type of a notification that an invoice was paid.
    pub(crate) const RECEIVED: &'static str = "payment_received";
}

/// Reads and writes a preimage in hex. Some wallets write an empty text for none.
pub(super) mod secret_hex {
    use super::{Deserialize, Deserializer, Preimage, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        preimage: &Option<Preimage>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match preimage {
            Some(preimage) => serializer.serialize_str(&preimage.to_hex()),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Preimage>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        Ok(text.and_then(|text| text.parse().ok()))
    }
}

/// Reads and writes a payment hash in hex.
mod hash_hex {
    use super::{Deserialize, Deserializer, PaymentHash, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        hash: &Option<PaymentHash>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match hash {
            Some(hash) => serializer.collect_str(hash),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<PaymentHash>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        Ok(text.and_then(|text| text.parse().ok()))
    }
}
