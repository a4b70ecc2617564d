//! Put a price on an HTTP service.
//!
//! A request without payment gets `402`, an invoice and a token; the same request with the token
//! and the preimage of the payment is passed on. What is counted is counted once, across threads,
//! processes and crashes; and paid means served: if the service behind fails, the same credential
//! works again.
//!
//! # What this crate does not do
//!
//! It opens no socket, reads no configuration and spends no money: invoices come from an
//! `Arc<dyn Receive>` of `l402-lightning`, which has no word for paying. What no route names is
//! refused, never passed on. Nothing is stored for a request that nobody paid for.
//!
//! # The way of a request
//!
//! ```text
//! CanonicalRequest   one reading of path, host and credential, or 400
//!   decide           Free · Granted · Reserve · Challenge · Refuse; no I/O, no clock
//!   Paywall::admit   Reserve → Ledger, durable; Challenge → limits, node, token
//! Granted | Refusal  the right to be forwarded, or an answer ready to send
//!   Granted::settle  the use is spent when the answer has ended, given back if it failed
//! ```
//!
//! [`PaywallLayer`] does all of that around a tower service. A proxy does the same in its own
//! loop: two functions, [`decide()`] and [`Paywall::admit`], whoever is the host.
//!
//! # A shop
//!
#![cfg_attr(feature = "axum", doc = "```")]
#![cfg_attr(not(feature = "axum"), doc = "```ignore")]
//! use std::sync::Arc;
//! use axum::{Router, routing::get};
//! use l402::{KeyNumber, KeyRing, MasterKey, Network};
//! use l402_lightning::Receive;
//! use l402_server::{Paid, Paywall, PaywallLayer, Route, Snapshot};
//!
//! fn shop(node: Arc<dyn Receive>, key: MasterKey) -> Result<Router, Box<dyn std::error::Error>> {
//!     let routes = vec![
//!         Route::free("/"),
//!         Route::priced("/joke", "joke".parse()?, "50 sat".parse()?),
//!     ];
//!     let keys = KeyRing::new("my-shop", KeyNumber(1), key);
//!     let snapshot = Snapshot::new(routes, vec![], keys, Network::Regtest)?;
//!     let paywall = Paywall::builder(node).build();
//!     Ok(Router::new()
//!         .route("/", get(|| async { "Jokes are at /joke" }))
//!         .route("/joke", get(|_: Paid| async { "Two bits walk into a bar." }))
//!         .layer(PaywallLayer::new(paywall, Arc::new(snapshot))))
//! }
//! ```
//!
//! Uses are counted in memory here. A program that takes money gives the builder a
//! `ledger::SqliteLedger`, so that a restart forgets nothing.
//!
//! # Features
//!
//! - `sqlite` (default): the ledger in a file.
//! - `axum` (default): [`Paid`] as an extractor, and the peer's address from `ConnectInfo`.
//! - `tower` (part of `axum`): the layer.

mod admit;
mod answer;
mod challenge;
mod decide;
mod granted;
pub mod ledger;
mod request;
mod table;
#[cfg(feature = "tower")]
mod tower;

pub use admit::{Paywall, PaywallBuilder};
pub use answer::{Blame, Refusal, SettleBody, is_event_stream};
pub use challenge::{ChallengeLimits, Rate};
pub use decide::{Decision, Proof, decide};
pub use granted::Granted;
pub use ledger::Ledger;
pub use request::{CanonicalRequest, HOP_BY_HOP, Presented, Withheld};
pub use table::{Access, Charge, Matched, Priced, Route, Snapshot, SnapshotError};
#[cfg(feature = "axum")]
pub use tower::NotPaid;
#[cfg(feature = "tower")]
pub use tower::{Paid, PaywallBody, PaywallLayer, PaywallService};
