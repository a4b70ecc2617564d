//! Puts a price on an HTTP service: a paywall for tower services, axum programs and proxies.
//!
//! A request without payment is answered with `402`, an invoice and a token. The same request with
//! the token and the preimage of the payment is passed on to the service. Each use is counted
//! once, across threads, processes and crashes. A use is spent only if the service has answered:
//! if it fails, the same credential works again.
//!
//! # What this crate does not do
//!
//! It opens no socket, reads no configuration and spends no money: invoices come from an
//! `Arc<dyn Receive>` of `l402-lightning`, a trait that cannot pay. A path that no route names is
//! refused, never passed on. Nothing is stored for a request that nobody paid for.
//!
//! # The decision
//!
//! ```text
//!  CanonicalRequest                      one reading of path, host and credential, or 400
//!        |
//!     decide                             no I/O, no clock, no lock
//!        |
//!        |-- Free      an explicit free route --------------.
//!        |-- Granted   paid, and nothing is counted --------|    (*)
//!        |-- Reserve   paid, counted: Ledger::reserve -- ok-+--> Granted
//!        |               | spent       | in use, no ledger  |      |  forward
//!        |               v             |                    |      v
//!        |-- Challenge   limits, node, token ---.           |    Granted::settle
//!        |-- Preflight   CORS, 204 -------------|           |      commit   the answer has ended
//!        '-- Refuse      401, 404, 405, 421 ----+--> Refusal       release  it failed
//! ```
//!
//! (*) If a third party makes the invoices, so that a preimage proves nothing, the node itself has to
//! say *settled* before either of the two.
//!
//! [`decide()`] is the first step, [`Paywall::admit`] everything up to [`Granted`] or [`Refusal`].
//! [`PaywallLayer`] calls both around a tower service; a proxy calls them in its own loop.
//!
//! A [`Paywall`] tells an observer, if it has one, of each of these steps: see [`observe`].
//!
//! # The shortest paid service
//!
#![cfg_attr(feature = "axum", doc = "```")]
#![cfg_attr(not(feature = "axum"), doc = "```ignore")]
//! use std::sync::Arc;
//! use axum::{Router, routing::get};
//! use l402::{KeyNumber, KeyRing, MasterKey, Network};
//! use l402_lightning::Receive;
//! use l402_server::{Paid, Paywall, PaywallLayer, Route, Snapshot};
//!
//! fn app(node: Arc<dyn Receive>, key: MasterKey) -> Result<Router, Box<dyn std::error::Error>> {
//!     let routes = vec![
//!         Route::free("/"),
//!         Route::priced("/joke", "joke".parse()?, "50 sat".parse()?),
//!     ];
//!     let keys = KeyRing::new("my-service", KeyNumber(1), key);
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
//! `ledger::SqliteLedger`, so that a token that is spent stays spent after a restart.
//!
//! `Snapshot::check_sellable` compares the routes with `Receive::limits` of the node, for one that does not take
//! every price or chooses how long its invoices live, as a Lightning address does.
//!
//! # Features
//!
//! - `sqlite` (default): [`ledger::SqliteLedger`], the ledger in a file.
//! - `axum` (default): [`Paid`] as an extractor, and the peer's address from `ConnectInfo`.
//! - `tower` (part of `axum`): [`PaywallLayer`].

mod admit;
mod answer;
pub mod books;
mod challenge;
mod decide;
mod granted;
pub mod ledger;
pub mod observe;
mod pass;
mod request;
pub mod revoked;
mod settled;
mod table;
#[cfg(feature = "tower")]
mod tower;

pub use admit::{Pass, Paywall, PaywallBuilder, Receipt, Unlock, Unlocked};
pub use answer::{Blame, Refusal, SettleBody, UseReport, is_event_stream, take_body};
pub use challenge::{Caller, ChallengeLimits, LimitHits, OfferView, Rate};
pub use decide::{Decision, Proof, decide};
pub use granted::Granted;
pub use ledger::Ledger;
pub use observe::Observe;
pub use request::{
    CanonicalRequest, PassCookies, Presented, TraceContext, Withheld, canonical_authority,
    canonical_host, canonical_origin,
};
pub use table::{
    Access, Charge, MAX_INVOICE_EXPIRY, Matched, Place, Priced, Route, Snapshot, SnapshotError,
    UnsellableError,
};
#[cfg(feature = "axum")]
pub use tower::NotPaid;
#[cfg(feature = "tower")]
pub use tower::{Paid, PaywallBody, PaywallLayer, PaywallService};
