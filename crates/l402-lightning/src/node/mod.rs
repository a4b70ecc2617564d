//! The written forms of backends, and the types of an opened backend.
//!
//! [`NodeForm`] is the table of all forms. Each backend parses and prints its own form in a file of
//! its own.

mod address;
mod advice;
mod cln;
mod error;
mod kind;
mod least;
mod lifecycle;
mod lnbits;
mod lnd;
mod lnurl;
mod nwc;
mod open;
mod phoenixd;
mod sandbox_http;
mod stored;
mod table;
#[cfg(feature = "pay")]
mod wallet;

#[cfg(any(feature = "lnurl", feature = "nwc"))]
pub(crate) use address::is_loopback;
pub use cln::{ClnNode, ClnRestNode};
pub use error::{NodeError, NodeErrorKind};
pub use kind::Node;
#[cfg(all(feature = "cln", feature = "pay"))]
pub(crate) use least::CLN_PAYING;
#[cfg(all(feature = "lnd", feature = "pay"))]
pub(crate) use least::LND_PAYING;
#[cfg(feature = "lnd")]
pub(crate) use least::LND_RECEIVING;
#[cfg(feature = "cln")]
pub(crate) use least::{CLN_RECEIVING, CLN_SIGNING, rune_recipe};
pub use lifecycle::Lifecycle;
pub use lnbits::LnbitsNode;
pub use lnd::LndNode;
pub use lnurl::LnurlNode;
pub use nwc::NwcNode;
pub use open::{Open, Receiver, Signer};
pub use phoenixd::PhoenixdNode;
pub use sandbox_http::SandboxHttpNode;
pub use stored::{AddedWallet, StoredWallet, StoredWallets, WalletName, WalletNameError};
pub use table::NodeForm;
#[cfg(feature = "pay")]
pub use wallet::Wallet;
