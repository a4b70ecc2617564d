//! The work of `l402 wallet`: stored wallets, balances, play money, and an invoice paid by hand.

mod add;
mod balance;
mod check;
mod fund;
mod kind;
mod list;
mod pay;
mod secret;

pub(crate) use add::{NewWallet, SecretFrom, add};
pub(crate) use balance::{all as all_balances, one as one_balance};
pub(crate) use fund::fund;
pub(crate) use kind::{all_words, kind};
pub(crate) use list::{list, prefer, remove, test};
pub(crate) use pay::{Bill, pay};
