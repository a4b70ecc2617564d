//! The numbers of a gateway, as Prometheus reads them.
//!
//! ```text
//!   worker ── shard of its own ──┐
//!   worker ── shard of its own ──┼──▶ summed up when somebody reads ──▶ text, dashboard
//!   worker ── shard of its own ──┘
//! ```
//!
//! `family` names every metric once: the encoder in `text` and `docs/metrics.md` are made from it.
//! A request costs some additions in memory that no other worker writes to: no lock, no allocation.
//! Label values are those of the configuration and fixed words. None comes from a client.

mod cells;
mod connections;
mod family;
mod histogram;
mod ledger;
mod limits;
mod measure;
mod minute;
mod node;
mod numbers;
mod outcome;
#[cfg(test)]
mod pages;
mod routes;
mod text;

pub(crate) use cells::{Counter, Sharded};
pub(crate) use connections::{Connections, CountedConnection, Protocol};
pub(crate) use family::*;
pub(crate) use histogram::{Histogram, HistogramTotals, Quantiles};
pub(crate) use ledger::LedgerNumbers;
pub(crate) use limits::{Limit, LimitHits};
pub(crate) use measure::{AnswerKind, Measure};
pub(crate) use minute::{LastMinute, Minute, TICK};
pub(crate) use node::{CallEnd, NodeCall, NodeNumbers};
pub(crate) use numbers::Metrics;
pub(crate) use outcome::RequestOutcome;
pub(crate) use routes::{RouteNumbers, Routes};
pub(crate) use text::{CONTENT_TYPE, Text};
