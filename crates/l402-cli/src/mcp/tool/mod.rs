//! The tools that a model may call.
//!
//! ```text
//!   arguments ─▶ argument: held against the schema of the card
//!       └─▶ one file a tool ─▶ purse: limits, consent, one payment a call
//!              └─▶ result, stranger, redact: what a model may read of it
//! ```

mod answer;
mod budget_status;
mod card;
mod create_invoice;
mod decode_invoice;
mod fetch;
mod get_balance;
mod interface;
mod list;
mod lookup_payment;
mod pay_invoice;
mod preview;
mod receipts;
mod resume;
mod schema;
mod search_services;

pub(crate) use answer::{Answer, Part, Waiting};
pub(crate) use card::{Card, Hints};
pub(crate) use interface::{Call, Tool};
pub(crate) use list::all;
