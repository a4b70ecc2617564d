//! One span, as a worker hands it over. All formatting is left to the exporter.

use std::time::Duration;

use http::{Method, StatusCode};
use l402_server::observe::{Exchange, Refused, Settled};

/// A piece of work with its beginning and end.
#[derive(Debug)]
pub(super) struct Span {
    pub(super) trace_id: u128,
    pub(super) span_id: u64,
    /// `None` for the first span of a trace.
    pub(super) parent_id: Option<u64>,
    /// Since 1970.
    pub(super) end: Duration,
    pub(super) took: Duration,
    pub(super) work: Work,
}

/// The kinds of work that leave a span.
#[derive(Debug)]
pub(crate) enum Work {
    /// A request that was granted, to the end of its answer.
    Settled(Box<(Exchange, Settled)>),
    /// A request that was answered without an upstream.
    Refused(Box<(Exchange, Refused)>),
    /// The reservation of a use in the ledger.
    Reserve { fails: bool },
    /// A call of the node, by its name.
    Node { call: &'static str, fails: bool },
    /// A request to an upstream, to the head of its answer.
    Upstream {
        method: Method,
        /// Host and port, without a scheme.
        server: String,
        /// `None` if no answer came.
        status: Option<StatusCode>,
    },
}
