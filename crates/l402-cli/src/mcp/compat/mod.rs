//! The names of other wallets, for agents and prompts that were written for them.
//!
//! ```text
//!   serve ─▶ tool ─▶ arguments ─▶ the default tool ─▶ fields, form ─▶ the keys of the other wallet
//!     └─▶ table/  one row a tool: parameters, what does the work, keys of the result
//!     └─▶ absent  the names that are not served, and why
//! ```
//!
//! Nothing here decides about money: each tool asks one of the default tools, whose limits, approvals and
//! records are the only ones.

mod absent;
mod address;
mod arguments;
mod fields;
mod form;
mod narrow;
#[cfg(test)]
mod page;
mod profile;
mod row;
mod run_limits;
mod serve;
mod table;
#[cfg(test)]
mod tests;
mod tool;

pub(crate) use profile::Profile;
pub(crate) use serve::{Means, absent, tools};
