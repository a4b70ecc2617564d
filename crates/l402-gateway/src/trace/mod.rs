//! Traces of requests, for a collector of OpenTelemetry.
//!
//! `context` reads and writes `traceparent`, and decides with `Traces` if a request is sampled.
//! `present` is the request that the present task decides about, so that `node` and `ledger`, which
//! stand before the node and the ledger, can tell whose time they take. `observer` ends a request's
//! span. `traces` is the queue; `export` sends what is in it, in the words of `otlp`.
//!
//! ```text
//!   worker --- observer, node, ledger, forward ---> queue ---> control runtime ---> collector
//!                                                   full: the span is dropped, and counted
//! ```
//!
//! A request that is not sampled costs one look at its headers and one random number.

mod context;
#[cfg(feature = "otlp")]
mod export;
mod ledger;
#[cfg(not(feature = "otlp"))]
mod no_export;
mod node;
mod observer;
#[cfg(feature = "otlp")]
mod otlp;
mod present;
#[cfg_attr(
    not(feature = "otlp"),
    expect(dead_code, reason = "nobody reads a span that nobody sends")
)]
mod span;
mod traces;

pub(crate) use context::{TRACEPARENT, TraceHeaders};
pub(crate) use ledger::TracedLedger;
pub(crate) use node::TracedNode;
pub(crate) use present::within;
pub(crate) use span::Work;
pub(crate) use traces::{Started, Traces};
