//! What was bought: the payments of the journal, the tokens that came of them, and receipts.

mod find;
mod list;
mod outcome;
mod receipt;
mod replay;
mod token;
mod total;

pub(crate) use find::{find, id};
pub(crate) use list::{RowCount, list};
pub(crate) use outcome::resolve;
pub(crate) use receipt::verify;
pub(crate) use replay::replay;
pub(crate) use token::{Destination, attenuate, export, forget, list as list_tokens, show};
pub(crate) use total::totals;
