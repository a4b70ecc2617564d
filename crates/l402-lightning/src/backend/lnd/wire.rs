//! The JSON of lnd's REST interface, in which 64-bit numbers are strings and bytes are base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use l402::{Msat, Network, PaymentHash};
use serde::{Deserialize, Deserializer};

use crate::transport::Proof;
use crate::{Error, ErrorKind, Liquidity};

/// `lnrpc.AddInvoiceResponse`.
#[derive(Deserialize)]
pub(super) struct AddedInvoice {
    pub(super) r_hash: String,
    pub(super) payment_request: String,
}

/// `lnrpc.Invoice`, as far as it is read.
#[derive(Deserialize)]
pub(super) struct WireInvoice {
    pub(super) r_hash: String,
    pub(super) state: String,
    #[serde(default, deserialize_with = "number")]
    pub(super) amt_paid_msat: u64,
    #[serde(default, deserialize_with = "number")]
    pub(super) settle_index: u64,
}

/// `lnrpc.ListInvoiceResponse`.
#[derive(Deserialize)]
pub(super) struct WireInvoices {
    #[serde(default)]
    pub(super) invoices: Vec<WireInvoice>,
    #[serde(default, deserialize_with = "number")]
    pub(super) last_index_offset: u64,
}

/// `lnrpc.ChannelBalanceResponse`, as far as it is read.
#[derive(Deserialize)]
pub(super) struct ChannelBalance {
    #[serde(default)]
    pub(super) local_balance: Amount,
    #[serde(default)]
    pub(super) remote_balance: Amount,
}

#[derive(Default, Deserialize)]
pub(super) struct Amount {
    #[serde(default, deserialize_with = "number")]
    pub(super) msat: u64,
}

impl ChannelBalance {
    pub(super) fn liquidity(self) -> Liquidity {
        let spendable = Msat::new(self.local_balance.msat);
        Liquidity::new(Msat::new(self.remote_balance.msat)).with_spendable(spendable)
    }
}

/// `lnrpc.GetInfoResponse`, as far as it is read.
#[derive(Deserialize)]
pub(super) struct Info {
    chains: Vec<Chain>,
}

#[derive(Deserialize)]
struct Chain {
    network: String,
}

impl Info {
    /// Returns the network that lnd reports.
    pub(super) fn network(&self) -> Result<Network, Error> {
        let named = self
            .chains
            .first()
            .and_then(|chain| chain.network.parse().ok());
        named.ok_or_else(|| {
            let text = "lnd is on a network that is not known here; name one with &network=…";
            Error::new(ErrorKind::Protocol, text)
        })
    }
}

/// `google.rpc.Status`: alone in the body, or under `error`.
#[derive(Deserialize)]
pub(super) struct Status {
    /// The code of gRPC; `None` in an answer that is not lnd's.
    #[serde(default)]
    pub(super) code: Option<u32>,
    #[serde(default)]
    pub(super) message: String,
}

impl Status {
    /// Returns the proof that this error is about a payment, if it is one.
    pub(super) fn proof(&self) -> Proof {
        // https://grpc.io/docs/guides/status-codes/
        match self.code {
            Some(5) => Proof::NotFound,
            // Unknown, which lnd gives most of its own errors; an invalid argument; permission denied;
            // a failed precondition; out of range; not implemented; not authenticated.
            Some(2 | 3 | 7 | 9 | 11 | 12 | 16) => Proof::NotBegun,
            // Cancelled, too late, there already, exhausted, aborted, internal, unavailable, lost: lnd
            // may have begun what it was asked for, or still begin it.
            _ => Proof::None,
        }
    }
}

/// One line of a streamed answer.
#[derive(Deserialize)]
pub(super) struct StreamItem<T> {
    pub(super) result: Option<T>,
    pub(super) error: Option<Status>,
}

/// Reads a payment hash, which lnd writes in base64.
pub(super) fn hash(base64: &str) -> Result<PaymentHash, Error> {
    let bytes = STANDARD
        .decode(base64)
        .ok()
        .and_then(|bytes| bytes.try_into().ok());
    bytes
        .map(PaymentHash::from_bytes)
        .ok_or_else(|| garbled("a payment hash"))
}

/// Returns the error of an answer that lnd's interface does not allow.
pub(super) fn garbled(what: &str) -> Error {
    Error::new(
        ErrorKind::Protocol,
        format!("lnd's answer could not be read ({what})"),
    )
}

/// Reads a number that is written as a string or as a number.
pub(super) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Number {
        Plain(u64),
        Quoted(String),
    }
    match Number::deserialize(deserializer)? {
        Number::Plain(number) => Ok(number),
        Number::Quoted(text) => text.parse().map_err(serde::de::Error::custom),
    }
}

/// Reads such a number, which may be absent.
#[cfg(feature = "pay")]
pub(super) fn some_number<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u64>, D::Error> {
    number(deserializer).map(Some)
}
