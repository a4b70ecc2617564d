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
//! [`init`] makes the node of a home folder, as `l402 node init` does. [`Node::Ldk`](crate::Node)
//! opens it: through a socket of the program that runs it, or in this process. With the feature `pay`,
//! `NodeOperator` opens and closes its channels.
//!
//! Not here: buying liquidity, watchtowers. They are done through [`Ldk::node`]. Without a channel
//! that can receive, no invoice can be paid. A node holds keys by nature: everybody who can read the
//! storage folder can spend.
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

#[cfg(not(unix))]
compile_error!("the feature `ldk` needs Unix sockets");

#[cfg(feature = "pay")]
mod backup;
mod config;
mod event;
mod file;
mod folder;
mod hint;
mod key;
mod log;
mod node;
mod open;
#[cfg(feature = "pay")]
mod operator;
#[cfg(feature = "pay")]
mod pay;
mod receive;
#[cfg(feature = "pay")]
mod run;
mod settings;
mod setup;
mod sign;
mod socket;

#[cfg(feature = "pay")]
pub use backup::backup;
pub use config::{ChainSource, LdkConfig};
pub use ldk_node;
pub use node::Ldk;
pub(crate) use open::{check_receiver, receiver};
#[cfg(feature = "pay")]
pub use operator::{
    Channel, ChannelRequest, Claimable, NodeBalance, NodeOperator, NodePeer, NodeStatus,
};
#[cfg(feature = "pay")]
pub(crate) use run::wallet;
#[cfg(feature = "pay")]
pub use run::{RunningNode, serve};
pub use settings::{ChainServer, NodeSettings};
pub use setup::{NewNode, init};
pub(crate) use sign::signer;
