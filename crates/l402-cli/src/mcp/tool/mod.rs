//! The tools that a model may call.
//!
//! ```text
//!   arguments ─▶ argument: held against the schema of the card
//!       └─▶ one file a tool ─▶ purse: limits, consent, one payment a call
//!              └─▶ result, stranger, redact: what a model may read of it
//!
//!   shared by the tools that ask a URL:
//!   buying ─▶ reading ─▶ showing     the call, its answer, and what is shown of that
//!   resuming                         what an earlier payment bought; never pays
//! ```

mod answer;
mod argument;
mod budget_status;
mod buying;
mod card;
mod check;
mod create_invoice;
mod decode_invoice;
mod digest;
mod fetch;
mod get_balance;
mod interface;
mod list;
mod lookup_payment;
mod pay_invoice;
mod preview;
mod reading;
mod receipts;
mod redact;
mod result;
mod resume;
mod resuming;
mod schema;
mod search_services;
mod showing;
mod stranger;
#[cfg(test)]
mod tests;

pub(crate) use answer::{Part, ToolAnswer, Waiting};
pub(in crate::mcp) use argument::says_yes;
pub(crate) use card::{Card, Hints};
pub(crate) use digest::digest;
pub(crate) use interface::{Call, Tool};
pub(crate) use list::all;
