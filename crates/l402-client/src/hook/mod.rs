//! The hook: a program or service of the buyer that may deny a payment which the limits allow.
//!
//! ```text
//!   limits ─▶ intent ─▶ hook ─▶ approval by a person ─▶ wallet
//!                        └─ deny, an error, or no answer in time: the intent is given up, unasked
//! ```

mod answer;
mod command;
mod decision;
mod post;
mod proposal;

pub use crate::journal::SpentTotals;
pub use command::CommandHook;
pub use decision::{Decision, PaymentHook};
pub use post::HttpHook;
pub use proposal::Proposal;
