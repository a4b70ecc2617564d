//! An embedded LDK node: keys, channels and view of the chain are in this process and one folder.
//!
//! [`Ldk::start`] returns a node that implements [`Receive`](crate::Receive) and, with the feature
//! `pay`, `Pay`. An invoice is **stateless**: it is derived from the node's own seed and stored
//! nowhere, and LDK recognises its payment by the payment secret. So an unpaid challenge needs no
//! disk space, and an invoice can still be paid after a restart of the node.
//!
//! Stored in `l402.db` in the storage folder, each time before the node forgets its event: the
//! settlements, and the begin and end of each payment.
//!
//! Not here: opening channels, buying liquidity, watchtowers, backups. They are done through
//! [`Ldk::node`]. Without a channel that can receive, no invoice can be paid. A node holds keys by
//! nature: everybody who can read the storage folder can spend.
//!
//! ```no_run
//! # async fn run() -> Result<(), l402_lightning::Error> {
//! use std::sync::Arc;
//! use l402::Network;
//! use l402_host::SystemClock;
//! use l402_lightning::ldk::{ChainSource, Ldk, LdkConfig};
//!
//! let config = LdkConfig {
//!     storage: "/var/lib/l402/ldk".into(),
//!     network: Network::Signet,
//!     chain: ChainSource::Esplora { url: "https://esplora.example/api".to_owned() },
//!     listen: vec!["0.0.0.0:9735".parse().expect("an address")],
//!     alias: None,
//! };
//! let node = Ldk::start(config, Arc::new(SystemClock::default())).await?;
//! println!("the node is {}", node.node().node_id());
//! node.stop().await?;
//! # Ok(())
//! # }
//! ```

mod config;
mod event;
mod file;
mod folder;
mod hint;
mod key;
mod log;
mod node;
#[cfg(feature = "pay")]
mod pay;
mod receive;

pub use config::{ChainSource, LdkConfig};
pub use ldk_node;
pub use node::Ldk;

pub(crate) async fn receiver(_: crate::Open) -> Result<crate::Receiver, crate::Error> {
    Err(crate::Error::new(crate::ErrorKind::Local, "scaffold"))
}

pub(crate) fn check_receiver() -> Result<(), crate::Error> {
    Err(crate::Error::new(crate::ErrorKind::Local, "scaffold"))
}

#[cfg(feature = "pay")]
pub(crate) async fn wallet(_: crate::Open) -> Result<crate::Wallet, crate::Error> {
    Err(crate::Error::new(crate::ErrorKind::Local, "scaffold"))
}
