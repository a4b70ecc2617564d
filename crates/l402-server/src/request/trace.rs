//! The place of a request in a trace.

/// The place of a request in a trace of W3C Trace Context, as its host has decided it.
///
/// The paywall does nothing with it but to hand it to observers, by which a host finds its own
/// request again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The id of the whole trace, never 0.
    pub trace_id: u128,
    /// The id of the span that stands for this request; 0 if there is none.
    pub span_id: u64,
    /// The id of the caller's span; `None` if the trace begins here.
    pub parent_id: Option<u64>,
    /// True if spans of this request are recorded.
    pub sampled: bool,
}
