//! Registries of paid services, which an agent can search.
//!
//! ```text
//!   search ─▶ interface (a trait) ◀─ remote ─▶ shape: 402index, l402, satring
//!                └─▶ service, query ◀─ check: what a service asks now
//! ```
//!
//! All that a registry says comes from strangers, and so does what it says of prices: a price that counts
//! stands in an invoice.

mod check;
mod here;
mod interface;
mod query;
mod remote;
mod search;
mod service;
mod shape;
#[cfg(test)]
mod tests;

pub(crate) use check::{Check, check};
pub(crate) use here::on_this_machine;
pub(crate) use query::Query;
pub(crate) use search::{Found, Registries};
#[cfg(test)]
pub(crate) use service::Health;
pub(crate) use service::Service;
