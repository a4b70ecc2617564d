//! The agent's side of the wallet: its limits, its journal, its wallets.

mod agent;

pub(crate) use agent::Purse;
