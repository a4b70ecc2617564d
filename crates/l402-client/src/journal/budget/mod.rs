//! Budgets: limits by name in the journal's file, held against the money in it.
//!
//! ```text
//!   call: flags, client.toml ─┐
//!                             ▼
//!   research ──parent──▶ default        a payment of `research` counts against both
//!      │ limits             │ limits
//!      ▼                    ▼
//!   sums of its rows     sums of its rows and of all budgets below it
//! ```
//!
//! All of it is read in the transaction that writes the intent, so that of two processes the second
//! sees what the first has reserved. What is settled is also summed by hour as it is written, by
//! triggers of the file: a sum over a window reads those hours and the rows of one more.

mod check;
mod name;
mod report;
mod schema;
mod spent;
#[cfg(test)]
mod tests;
mod totals;
mod tree;
mod wallet;

pub use name::{BudgetName, BudgetNameError};
pub use report::{BudgetReport, LimitReport};
pub use totals::SpentTotals;
pub use tree::Budget;

pub(super) use check::{Payment, allow};
pub(super) use schema::{budget_tables, budget_upgrade};
pub(super) use tree::{NOT_STOPPED, chain, change, refuse_stopped};
pub(super) use wallet::broken_limit;
