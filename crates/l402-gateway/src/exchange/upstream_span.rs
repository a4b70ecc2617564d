//! The span of a request to an upstream, and the headers that make the upstream's spans its children.

use std::sync::Arc;

use http::Response;
use l402_server::{CanonicalRequest, TraceContext};

use super::connection::Connection;
use crate::trace::{Started, TraceHeaders, Traces, Work};
use crate::upstream::Upstream;

/// A request to an upstream that may be recorded.
pub(super) struct UpstreamSpan<'a> {
    traces: Option<&'a Arc<Traces>>,
    context: Option<TraceContext>,
    /// `None` if it is not recorded.
    started: Option<Started>,
}

impl<'a> UpstreamSpan<'a> {
    pub(super) fn begin(connection: &'a Connection, canonical: &CanonicalRequest) -> Self {
        let traces = connection.worker.state.traces.as_ref();
        let context = canonical.trace;
        Self {
            traces,
            context,
            started: traces.and_then(|traces| traces.child_of(context)),
        }
    }

    /// Returns the headers that the upstream gets in place of the client's; `None` if those pass as
    /// they came.
    pub(super) fn headers(&self) -> Option<TraceHeaders> {
        let context = self.context?;
        // A trace that begins here and is not recorded has no other span to name.
        let span_id = self
            .started
            .map_or(context.span_id, |started| started.span_id);
        TraceHeaders::new(context, span_id)
    }

    /// Ends with the head of the answer, or without one.
    pub(super) fn end<T, E>(
        self,
        canonical: &CanonicalRequest,
        upstream: &Upstream,
        sent: &Result<Response<T>, E>,
    ) {
        if let Some(traces) = self.traces {
            traces.end(self.started, || Work::Upstream {
                method: canonical.method.clone(),
                server: upstream.server(),
                status: sent.as_ref().ok().map(Response::status),
            });
        }
    }
}
