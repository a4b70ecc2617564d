//! Receiving and making payments over Lightning, through one of several backends.
//!
//! [`Receive`] makes invoices and reports their settlement. `Pay` (feature `pay`) pays invoices,
//! and reports each payment as *settled*, *failed* or *unknown*. [`Sign`] signs messages, and
//! [`recover_signer`] tells who signed one. [`Node`] parses the text that
//! names a backend in a configuration, and opens that backend.
//!
//! This crate knows nothing of HTTP 402, prices or tokens. It never retries a payment. It holds no
//! channel and no key of a real node; the one exception is the feature `ldk`, which runs a node
//! inside the process. A seller needs `Receive` alone, with a credential that cannot spend, so the
//! feature `pay` is off by default.
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
//!     .create_invoice(InvoiceRequest::new("50 sat".parse()?, Duration::from_secs(600), "a joke".to_owned()))
//!     .await?;
//! assert!(invoice.bolt11().starts_with("lnbcrt"));
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "sandbox"))]
//! # fn main() {}
//! ```
//!
//! Features: `sandbox` and `lnd` (both default) add a backend each; `pay` adds the spending half of
//! every backend; `ldk` runs a node inside the process; `sandbox-api` serves the sandbox over HTTP
//! to programs in other languages. `docs/design/backends.md` says how to add a backend.
#![warn(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::cast_sign_loss
)]

mod backend;
#[cfg(any(feature = "ldk", feature = "remote", feature = "sandbox"))]
mod check;
mod connect;
mod error;
mod message;
mod node;
#[cfg(feature = "pay")]
mod pay;
mod receive;
mod sign;
#[cfg(feature = "http")]
mod transport;
mod zbase32;

#[cfg(feature = "ldk")]
pub use backend::ldk;
#[cfg(feature = "sandbox")]
pub use backend::sandbox;
pub use error::{Error, ErrorKind};
pub use message::recover_signer;
#[cfg(feature = "pay")]
pub use node::Wallet;
pub use node::{
    AddedWallet, ClnNode, ClnRestNode, Lifecycle, LnbitsNode, LndNode, LnurlNode, Node, NodeError,
    NodeErrorKind, NodeForm, NwcNode, Open, PhoenixdNode, Receiver, SandboxHttpNode, Signer,
    StoredWallet, StoredWallets, WalletName, WalletNameError,
};
#[cfg(feature = "pay")]
pub use pay::{Pay, PayFailure, PayRequest, Payment, Unknown};
pub use receive::{
    InvoiceLimits, InvoiceRequest, InvoiceState, Liquidity, NewInvoice, Receive, Settlement,
    SettlementIndex,
};
pub use sign::Sign;
