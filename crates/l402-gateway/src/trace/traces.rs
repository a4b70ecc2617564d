//! The queue of spans, and the settings by which requests are sampled.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::HeaderMap;
use l402_host::Clock;
use l402_server::TraceContext;
use tokio::sync::{mpsc, oneshot};

use super::context;
#[cfg(feature = "otlp")]
use super::export::Export;
#[cfg(not(feature = "otlp"))]
use super::no_export::Export;
use super::present::present;
use super::span::{Span, Work};
use crate::config::TraceSettings;

/// The spans that wait to be sent. Further ones are dropped.
const QUEUE: usize = 4096;

/// The longest that a stop waits for spans to be sent.
const FLUSH: Duration = Duration::from_secs(2);

/// The part of a whole that a sample is written in.
const MILLION: u32 = 1_000_000;

/// The workers' end of tracing. Exists only if the configuration names a collector.
#[derive(Debug)]
pub(crate) struct Traces {
    /// The requests of a million that are recorded, of those that come without a parent.
    sample: u32,
    follow_parent: bool,
    clock: Arc<dyn Clock>,
    queue: mpsc::Sender<Span>,
    flush: mpsc::Sender<oneshot::Sender<()>>,
    counts: Arc<TraceCounts>,
}

/// The spans since the start.
#[derive(Debug, Default)]
pub(super) struct TraceCounts {
    /// Those that no collector got.
    dropped: AtomicU64,
}

impl TraceCounts {
    pub(super) fn drop_spans(&self, count: usize) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.dropped.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// The beginning of a piece of work that is recorded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Started {
    context: TraceContext,
    pub(crate) span_id: u64,
    at: Duration,
}

impl Traces {
    /// Starts sending on a runtime. `None` if the settings name no collector.
    ///
    /// # Errors
    /// The text of what is wrong, if no client for the collector can be made.
    pub(crate) fn start(
        settings: &TraceSettings,
        clock: &Arc<dyn Clock>,
        runtime: &tokio::runtime::Handle,
    ) -> Result<Option<Arc<Self>>, String> {
        let Some(endpoint) = &settings.endpoint else {
            return Ok(None);
        };
        let (queue, spans) = mpsc::channel(QUEUE);
        let (flush, flushes) = mpsc::channel(1);
        let counts = Arc::new(TraceCounts::default());
        let export = Export::new(endpoint, settings, spans, flushes, &counts)?;
        runtime.spawn(export.run());
        Ok(Some(Arc::new(Self {
            sample: settings.sample,
            follow_parent: settings.follow_parent,
            clock: Arc::clone(clock),
            queue,
            flush,
            counts,
        })))
    }

    /// Returns the place of a request in a trace, by its headers and the settings. `None` if it is in
    /// none.
    pub(crate) fn begin(traces: Option<&Arc<Self>>, headers: &HeaderMap) -> Option<TraceContext> {
        context::begin(headers, traces.map(|traces| &**traces))
    }

    /// Returns true if the caller decides whether its requests are recorded.
    pub(super) fn follows_parents(&self) -> bool {
        self.follow_parent
    }

    /// Draws if a request is recorded that no caller has decided about.
    pub(super) fn draws(&self) -> bool {
        self.sample > 0 && fastrand::u32(..MILLION) < self.sample
    }

    /// Begins a child of a request's span; `None` if that one is not recorded.
    pub(crate) fn child_of(&self, context: Option<TraceContext>) -> Option<Started> {
        let context = context.filter(|context| context.sampled)?;
        Some(Started {
            context,
            span_id: context::random(),
            at: self.clock.monotonic(),
        })
    }

    /// Begins a child of the present request's span.
    pub(super) fn child(&self) -> Option<Started> {
        self.child_of(present())
    }

    /// Ends a child.
    pub(crate) fn end(&self, started: Option<Started>, work: impl FnOnce() -> Work) {
        let Some(started) = started else {
            return;
        };
        self.record(Span {
            trace_id: started.context.trace_id,
            span_id: started.span_id,
            parent_id: Some(started.context.span_id),
            end: self.clock.wall_precise(),
            took: self.clock.monotonic().saturating_sub(started.at),
            work: work(),
        });
    }

    /// Ends the span of a request itself.
    pub(super) fn end_request(
        &self,
        context: Option<TraceContext>,
        took: Duration,
        work: impl FnOnce() -> Work,
    ) {
        let Some(context) = context.filter(|context| context.sampled) else {
            return;
        };
        self.record(Span {
            trace_id: context.trace_id,
            span_id: context.span_id,
            parent_id: context.parent_id,
            end: self.clock.wall_precise(),
            took,
            work: work(),
        });
    }

    /// Queues a span, or drops it if the queue is full. Never waits.
    fn record(&self, span: Span) {
        if self.queue.try_send(span).is_err() {
            self.counts.drop_spans(1);
        }
    }

    /// The spans since the start that no collector got.
    pub(crate) fn dropped(&self) -> u64 {
        self.counts.dropped()
    }

    /// Waits until every span so far is sent or lost, for two seconds at most.
    pub(crate) async fn flush(&self) {
        let (send, done) = oneshot::channel();
        let flushed = async {
            if self.flush.send(send).await.is_ok() {
                // An error means that the exporter has ended, and with it what it held.
                let _ = done.await;
            }
        };
        let _ = tokio::time::timeout(FLUSH, flushed).await;
    }
}
