//! The paying side of the program: the wallet and the limits of its spending.
//!
//! ```text
//!   --wallet, L402_WALLET ─┐
//!   wallets/index.toml ────┴─▶ open ─▶ one wallet, or a preference over several ─▶ Pay
//!                                └─▶ failure: what went wrong, and what to do about it
//! ```

mod address;
mod args;
mod asked;
mod config;
mod failure;
mod hook;
mod late;
mod open;
mod preference;
mod sandbox;

pub(crate) use address::own_addresses;
pub(crate) use args::{SpendingArgs, WalletArg};
pub(crate) use config::ClientConfig;
#[cfg(feature = "mcp")]
pub(crate) use config::{RegistrySettings, RegistryShape};
pub(crate) use failure::{hint, no_wallet_hint, wallet_error, wrong_network_hint};
#[cfg(any(feature = "mcp", feature = "registry"))]
pub(crate) use hook::with_hook;
pub(crate) use late::{WalletFailure, with_late_wallet};
pub(crate) use open::{open_default, open_noting, open_wallet, resolve, with_wallet};
pub(crate) use sandbox::{open_sandbox, sandbox_error};
