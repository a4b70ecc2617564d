//! One request and its answer.
//!
//! `handle` builds the canonical request, asks the paywall, and either refuses or forwards. `forward`
//! takes what the paywall granted, sends it to the upstream of its route, and returns the answer,
//! whose body settles the use when it ends. `headers` says which headers pass,
//! `payment_headers` which of them tell of the payment. An
//! upgrade such as WebSocket becomes a `tunnel`. `proof_cache` spares a worker the signature check
//! of a credential that it has checked before.

mod answer;
mod body;
mod connection;
mod forward;
mod handle;
mod headers;
mod payment_headers;
mod proof_cache;
mod tunnel;

pub(crate) use body::Aborted;
pub(crate) use connection::{Connection, GatewayState, Worker};
pub(crate) use handle::handle;
pub(crate) use proof_cache::ProofCache;
