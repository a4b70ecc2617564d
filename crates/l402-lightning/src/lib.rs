//! Getting paid over Lightning, and paying.
//!
//! Two small traits, and every backend behind them: [`Receive`] makes invoices and learns that
//! they are settled; `Pay` (feature `pay`) pays them, and says *settled*, *failed* or *unknown*,
//! never a fourth thing. [`Node`] turns what people write in a configuration into one of them.
//!
//! This crate knows nothing of HTTP 402, prices or tokens, and retries nothing. It holds no channel
//! and no key of a real node, except where the feature `ldk` embeds one. Who sells needs the first
//! trait alone, and credentials that cannot spend; the feature `pay` is off by default.
//!
//! ```text
//!   seller ── Receive ──┐                      ┌── Pay ── buyer
//!                       ├─ sandbox: one file ──┤
//!                       ├─ lnd: REST ──────────┤
//!                       └─ ldk: embedded ──────┘
//! ```
//!
//! ```
//! # #[cfg(feature = "sandbox")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::{sync::Arc, time::Duration};
//! use l402_host::SystemClock;
//! use l402_lightning::{InvoiceRequest, Node, Open};
//!
//! # let home = tempfile::tempdir()?;
//! # let home = home.path();
//! let node: Node = "sandbox".parse()?;
//! let open = Open::new(home, Arc::new(SystemClock::default()));
//! let receiver = node.receiver(open).await?;
//! let invoice = receiver
//!     .receive
//!     .create_invoice(InvoiceRequest {
//!         amount: "50 sat".parse()?,
//!         expiry: Duration::from_secs(600),
//!         memo: "a joke".to_owned(),
//!     })
//!     .await?;
//! assert!(invoice.bolt11().starts_with("lnbcrt"));
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "sandbox"))]
//! # fn main() {}
//! ```
//!
//! Features: `sandbox` and `lnd` (default) make a backend available; `pay` adds the spending half
//! of each; `ldk` embeds a node in the process; `sandbox-api` serves the sandbox over HTTP for
//! programs in other languages.
#![warn(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::cast_sign_loss
)]

mod backend;
#[cfg(any(feature = "ldk", feature = "lnd", feature = "sandbox"))]
mod check;
mod connect;
mod error;
mod node;
#[cfg(feature = "pay")]
mod pay;
mod receive;
#[cfg(any(feature = "lnd", feature = "pay"))]
mod transport;

#[cfg(feature = "ldk")]
pub use backend::ldk;
#[cfg(feature = "sandbox")]
pub use backend::sandbox;
pub use error::{Error, ErrorKind};
#[cfg(feature = "pay")]
pub use node::Wallet;
pub use node::{Lifecycle, LndNode, Node, NodeError, NodeForm, Open, Receiver, SandboxHttpNode};
#[cfg(feature = "pay")]
pub use pay::{Pay, PayFailure, PayRequest, Payment, Unknown};
pub use receive::{InvoiceRequest, InvoiceState, NewInvoice, Receive, Settlement, SettlementIndex};
