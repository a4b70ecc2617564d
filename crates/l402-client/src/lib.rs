//! Fetches a URL, pays what it asks within a budget, and keeps the credential.
//!
//! This crate pays nothing over a limit, nothing twice, and nothing while the outcome of an earlier
//! payment is unknown. It believes no amount but the one in a signature-checked invoice, and sends a
//! preimage only after the preimage has been checked against the payment hash.
//!
//! It is no browser: it follows no redirect unless told to, keeps no cookie ([`Cookies`] does), takes no proxy from the
//! environment ([`Outgoing`] names one), and decompresses nothing.
//!
//! ```text
//!   request ──▶ journal: bought before? ──▶ present the credential ──────────┐
//!                  │ no                                                      ▼
//!                  └─▶ ask ──▶ 402 ──▶ check ──▶ intent ──▶ wallet ──▶ proof ─▶ answer
//!                                     (no money)  (synced)  (once)   (synced)
//! ```
//!
//! After a crash, a lost answer or a dropped future, the next call for the same origin and path first
//! finds out what became of the purchase whose intent is on disk.
//!
//! ```no_run
//! use std::path::Path;
//! use std::sync::Arc;
//!
//! use l402_client::{Client, Error, Journal, Request};
//! use l402_lightning::Pay;
//!
//! async fn joke(wallet: Arc<dyn Pay>) -> Result<(), Error> {
//!     let client = Client::builder(Journal::open(Path::new("state"))?).wallet(wallet).build()?;
//!     let url = "http://127.0.0.1:8402/api/l402/joke".parse().expect("a url");
//!     let answer = client.send(Request::get(url)).await?;
//!     if let Some(receipt) = answer.receipt() {
//!         eprintln!("paid {} and {} for routing", receipt.paid, receipt.fee);
//!     }
//!     let joke = answer.bytes(64 * 1024).await?;
//!     eprintln!("{}", String::from_utf8_lossy(&joke));
//!     Ok(())
//! }
//! ```
//!
//! [`examine`] has the rules that a challenge must keep before it is paid, for programs that judge
//! challenges and buy nothing.
//!
//! The file of the [`Journal`] is the only place that holds tokens and preimages. It also has the limits by name, and
//! the agents: [`Journal::consent`] says whether a payment of an [`Agent`] may be made, or waits for a person.
//!
//! Features: `reqwest-middleware` has a middleware for the crate of that name, and `tower` a layer for
//! clients that are a `tower::Service`, tonic's among them. `failpoints` lets test builds die at a step of
//! a purchase, and is in nothing that is shipped.

mod builder;
mod client;
mod coverage;
mod error;
pub mod examine;
#[cfg(feature = "failpoints")]
pub mod failpoint;
#[cfg(not(feature = "failpoints"))]
mod failpoint;
pub mod hook;
mod http;
mod journal;
#[cfg(any(feature = "reqwest-middleware", feature = "tower"))]
mod layers;
mod limits;
mod narrow;
mod offer;
mod origin;
mod purchase;
mod receipt;
mod recording;
mod request;
mod response;
mod scheme;
mod tee;

pub use crate::http::{
    AddressCheck, AddressError, AllowedAddress, AllowedAddressError, Head, Outgoing, RequestHead,
    Watch, is_head_too_large, retry_after,
};
pub use builder::ClientBuilder;
pub use client::Client;
pub use error::{Error, Refused};
#[doc(hidden)]
pub use journal::step;
pub use journal::{
    Agent, AgentName, Approval, ApprovalState, Consent, ConsentRequest, HostRule, HostRuleError,
    Mandate, ToolCall,
};
pub use journal::{
    Budget, BudgetName, BudgetNameError, BudgetReport, Cursor, DayTotal, Entry, EntryQuery,
    Journal, LimitReport, OriginTotal, Page, ReplayError, ReplayedAnswer, State, StoredCredential,
    StoredToken, VaultLimits,
};
#[cfg(any(feature = "reqwest-middleware", feature = "tower"))]
pub use layers::PaidBody;
#[cfg(feature = "reqwest-middleware")]
pub use layers::PayingMiddleware;
#[cfg(feature = "tower")]
pub use layers::{Paying, PayingLayer};
pub use limits::{BudgetLimit, BudgetLimits, Limits};
pub use narrow::{Narrowing, NarrowingError};
pub use purchase::{InvoicePayment, PaidInvoice, Unrelayed, WalletSource};
pub use receipt::{
    AnswerDigest, Exchange, PaymentProof, Receipt, ReceiptDocument, ReceiptFault, UseOutcome,
    UseReport,
};
pub use recording::Recording;
pub use request::{Body, Cookies, Event, Price, Progress, Quote, Request};
pub use response::Response;
pub use scheme::CredentialScheme;
