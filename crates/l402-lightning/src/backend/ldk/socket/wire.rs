//! The messages on the sockets.

use core::time::Duration;

use l402::{Msat, Network, PaymentHash};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Error, ErrorKind, InvoiceRequest, InvoiceState, Liquidity, Settlement, SettlementIndex,
};

/// A request on `receive.sock`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(super) enum ReceiveRequest {
    /// Answered with [`Status`].
    Status,
    /// Answered with the invoice.
    CreateInvoice(InvoiceTermsAsked),
    /// Answered with [`State`].
    Lookup { payment_hash: String },
    /// Answered with [`Movable`], or null if it is not known.
    Liquidity,
    /// Answered with one [`Settled`] a line, until the connection is closed.
    Settlements { from: u64 },
}

/// A request on `pay.sock`.
#[cfg(feature = "pay")]
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(in super::super) enum SpendRequest {
    /// Answered with [`Status`].
    Status,
    /// Answered with [`Paid`].
    Pay {
        bolt11: String,
        max_fee_msat: u64,
        deadline_ms: u64,
    },
    /// Answered with [`Paid`], or null if the payment was never begun.
    Payment { payment_hash: String },
    /// Answered with the amount that can be sent, in millisatoshi.
    Spendable,
    /// Answered as each command of the operator is.
    Node { command: Value },
}

/// An answer: a value, or the error.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    Ok(Value),
    Failed(Failed),
}

/// An error of the node.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Failed {
    kind: String,
    text: String,
}

/// The node behind a socket.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in super::super) struct Status {
    pub(in super::super) node_id: String,
    network: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct InvoiceTermsAsked {
    amount_msat: u64,
    expiry_secs: u64,
    memo: String,
}

/// The state of an invoice. Stateless invoices have two.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct State {
    paid_msat: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Settled {
    payment_hash: String,
    paid_msat: u64,
    index: u64,
}

/// The money that the channels can move.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Movable {
    receivable_msat: u64,
    spendable_msat: Option<u64>,
}

impl From<Liquidity> for Movable {
    fn from(liquidity: Liquidity) -> Self {
        Self {
            receivable_msat: liquidity.receivable.msat(),
            spendable_msat: liquidity.spendable.map(Msat::msat),
        }
    }
}

impl From<Movable> for Liquidity {
    fn from(told: Movable) -> Self {
        let liquidity = Self::new(Msat::new(told.receivable_msat));
        match told.spendable_msat {
            Some(spendable) => liquidity.with_spendable(Msat::new(spendable)),
            None => liquidity,
        }
    }
}

/// The outcome of a payment.
#[cfg(feature = "pay")]
#[derive(Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub(super) enum Paid {
    Settled {
        preimage: String,
        paid_msat: u64,
        fee_msat: u64,
    },
    Failed(Failed),
    Unknown(Failed),
}

const KINDS: [(ErrorKind, &str); 6] = [
    (ErrorKind::Local, "local"),
    (ErrorKind::Protocol, "protocol"),
    (ErrorKind::Rejected, "rejected"),
    (ErrorKind::Timeout, "timeout"),
    (ErrorKind::Unauthorized, "unauthorized"),
    (ErrorKind::Unavailable, "unavailable"),
];

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        let name = KINDS.iter().find(|(kind, _)| *kind == error.kind());
        Self {
            kind: name.map_or("local", |(_, name)| name).to_owned(),
            text: error.to_string(),
        }
    }
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        let kind = KINDS.iter().find(|(_, name)| *name == failed.kind);
        let kind = kind.map_or(ErrorKind::Protocol, |(kind, _)| *kind);
        // Escaped like every text that comes from outside of this process.
        Self::new(kind, l402::text::escape_within(&failed.text, 400))
    }
}

impl From<Result<Value, Error>> for Answer {
    fn from(done: Result<Value, Error>) -> Self {
        done.map_or_else(|error| Self::Failed(error.into()), Self::Ok)
    }
}

impl Status {
    pub(in super::super) fn new(node_id: String, network: Network) -> Self {
        let network = network.name().to_owned();
        Self { node_id, network }
    }

    pub(in super::super) fn network(&self) -> Result<Network, Error> {
        self.network.parse().map_err(|_| garbled())
    }
}

impl From<&InvoiceRequest> for InvoiceTermsAsked {
    fn from(request: &InvoiceRequest) -> Self {
        Self {
            amount_msat: request.amount.msat(),
            expiry_secs: request.expiry.as_secs(),
            memo: request.memo.clone(),
        }
    }
}

impl From<InvoiceTermsAsked> for InvoiceRequest {
    fn from(asked: InvoiceTermsAsked) -> Self {
        let expiry = Duration::from_secs(asked.expiry_secs);
        Self::new(Msat::new(asked.amount_msat), expiry, asked.memo)
    }
}

impl From<InvoiceState> for State {
    fn from(state: InvoiceState) -> Self {
        Self {
            paid_msat: match state {
                InvoiceState::Settled { paid } => Some(paid.msat()),
                _ => None,
            },
        }
    }
}

impl From<State> for InvoiceState {
    fn from(state: State) -> Self {
        let paid = state.paid_msat.map(Msat::new);
        paid.map_or(Self::Unseen, |paid| Self::Settled { paid })
    }
}

impl From<Settlement> for Settled {
    fn from(settlement: Settlement) -> Self {
        Self {
            payment_hash: settlement.payment_hash.to_string(),
            paid_msat: settlement.paid.msat(),
            index: settlement.index.0,
        }
    }
}

impl TryFrom<Settled> for Settlement {
    type Error = Error;

    fn try_from(settled: Settled) -> Result<Self, Error> {
        Ok(Self {
            payment_hash: hash(&settled.payment_hash)?,
            paid: Msat::new(settled.paid_msat),
            index: SettlementIndex(settled.index),
        })
    }
}

/// Reads a payment hash.
pub(super) fn hash(text: &str) -> Result<PaymentHash, Error> {
    text.parse().map_err(|_| garbled())
}

/// Returns the error of a message that is not understood, as after an update of one program alone.
pub(super) fn garbled() -> Error {
    let text = "the node's socket speaks another language: run the same version of this program on \
                both sides";
    Error::new(ErrorKind::Protocol, text)
}
