//! Wallets and nodes that are stored under a name in the home folder.
//!
//! ```text
//!   HOME/wallets/NAME.toml      the written form of the node, and what was found out about it
//!   HOME/wallets/NAME.secret    its credential, if it has one; NAME.toml names this file
//!   HOME/wallets/NAME.lock      held while the wallet is stored or removed
//!   HOME/wallets/index.toml     the names to pay with if a command names none, in their order
//! ```
//!
//! The folder has mode 0700 and each file 0600; a file that is open to others is not read.

mod adding;
mod file;
mod name;
mod store;

pub use adding::AddedWallet;
pub use file::StoredWallet;
pub(crate) use name::kind_of;
pub use name::{WalletName, WalletNameError};
pub use store::StoredWallets;
