//! The codec of NIP-47, without I/O and without a clock: the connection's URI, the events, and
//! what is said inside them.
//!
//! ```text
//!   client                                relay                               wallet service
//!     | <- 13194 info: methods, encryption  |  <- 13194 info, replaceable       |
//!     | 23194 request, e.g. make_invoice -> |  ->                               |
//!     |                                  <- |  <- 23195 response, tag e: request |
//!     |                                  <- |  <- 23197 notification (nip44)     |
//!     |                                  <- |  <- 23196 notification (nip04)     |
//! ```
//!
//! Both sides are here: the client of this crate writes requests and reads answers, and the
//! sandbox's wallet service reads requests and writes answers ([`service`]). The types of payments
//! are in [`pay`], which exists only with the feature `pay`.

mod encryption;
mod event;
mod info;
#[cfg(feature = "pay")]
mod pay;
mod payload;
#[cfg(any(test, feature = "sandbox-nwc"))]
mod service;
mod uri;

pub(crate) use encryption::Encryption;
pub(crate) use event::{
    Addressed, EventError, kind, new_request, open_notification, open_response,
};
pub(crate) use info::Info;
#[cfg(feature = "pay")]
pub(crate) use pay::{Paid, PayInvoice};
#[cfg(feature = "pay")]
pub(crate) use payload::Balance;
pub(crate) use payload::{
    Direction, ErrorCode, ListTransactions, LookupInvoice, MakeInvoice, NodeInfo, Notification,
    Request, Response, Transaction, TransactionState, Transactions, WalletError,
};
#[cfg(any(test, feature = "sandbox-nwc"))]
pub(crate) use service::{
    IncomingRequest, new_info, new_notification, new_response, open_request, write_uri,
};
pub(crate) use uri::{Connection, Relay, UriError};

#[cfg(test)]
mod tests;
