//! `traceparent` and `tracestate`: W3C Trace Context.

use http::{HeaderMap, HeaderName, HeaderValue};
use l402_server::TraceContext;

use super::Traces;

/// The caller's place in a trace.
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// The words of vendors about it.
pub(crate) const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The length of `00-<32 hex digits>-<16>-<2>`.
const LENGTH: usize = 55;

/// The lowest bit of the flags: the caller records.
const SAMPLED: u8 = 1;

/// The parts of a `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Parent {
    trace_id: u128,
    span_id: u64,
    sampled: bool,
}

/// The ways in which a request can come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    /// Without a trace.
    Nothing,
    /// With headers that have no sure reading.
    Malformed,
    Parent(Parent),
}

impl Caller {
    fn of(headers: &HeaderMap) -> Self {
        let mut lines = headers.get_all(TRACEPARENT).iter();
        match (lines.next(), lines.next()) {
            (None, _) => Self::Nothing,
            (Some(line), None) => parse(line.as_bytes()).map_or(Self::Malformed, Self::Parent),
            (Some(_), Some(_)) => Self::Malformed,
        }
    }
}

/// Reads a `traceparent` of version 00, or what a later version has in common with it.
fn parse(line: &[u8]) -> Option<Parent> {
    let (known, more) = line.split_at_checked(LENGTH)?;
    let [version, trace_id, span_id, flags] =
        *known.split(|byte| *byte == b'-').collect::<Vec<_>>()
    else {
        return None;
    };
    let version = hex(version, 2)?;
    // 255 is no version; 00 has nothing after its flags.
    let ends = more.is_empty() || (version > 0 && more.starts_with(b"-"));
    if version == 0xff || !ends {
        return None;
    }
    let parent = Parent {
        trace_id: hex(trace_id, 32)?,
        span_id: u64::try_from(hex(span_id, 16)?).ok()?,
        sampled: hex(flags, 2)? & u128::from(SAMPLED) != 0,
    };
    (parent.trace_id != 0 && parent.span_id != 0).then_some(parent)
}

/// Reads so many hex digits, in lower case.
fn hex(digits: &[u8], count: usize) -> Option<u128> {
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if digits.len() != count || !digits.iter().all(is_digit) {
        return None;
    }
    u128::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok()
}

/// Returns the place of a request in a trace, and decides if its spans are recorded. `None` if it
/// stands in no trace, and begins none.
pub(super) fn begin(headers: &HeaderMap, traces: Option<&Traces>) -> Option<TraceContext> {
    let caller = Caller::of(headers);
    let Some(traces) = traces else {
        return match caller {
            Caller::Parent(parent) => Some(passing(parent)),
            // Headers that nobody here uses are the upstream's to judge.
            Caller::Nothing | Caller::Malformed => None,
        };
    };
    match caller {
        Caller::Parent(parent) if traces.follows_parents() => Some(TraceContext {
            sampled: parent.sampled,
            span_id: if parent.sampled { random() } else { 0 },
            ..passing(parent)
        }),
        Caller::Parent(parent) if !traces.draws() => Some(passing(parent)),
        Caller::Parent(_) => Some(root(true)),
        // What comes after must not follow a place in a trace that cannot be read.
        Caller::Malformed => Some(root(traces.draws())),
        Caller::Nothing => traces.draws().then(|| root(true)),
    }
}

/// The place of a request whose headers pass as they came.
fn passing(parent: Parent) -> TraceContext {
    TraceContext {
        trace_id: parent.trace_id,
        span_id: 0,
        parent_id: Some(parent.span_id),
        sampled: false,
    }
}

/// The place of a request with which a trace begins.
fn root(sampled: bool) -> TraceContext {
    TraceContext {
        trace_id: fastrand::u128(1..),
        span_id: random(),
        parent_id: None,
        sampled,
    }
}

/// Draws the id of a span.
pub(super) fn random() -> u64 {
    fastrand::u64(1..)
}

/// The headers of a trace that the upstream gets in place of the client's.
#[derive(Clone, Debug)]
pub(crate) struct TraceHeaders {
    /// The value of `traceparent`.
    pub(crate) parent: HeaderValue,
    /// False if the client's `tracestate` speaks of another trace.
    keeps_state: bool,
}

impl TraceHeaders {
    /// Returns the headers for a request whose work at the upstream is this span; `None` if the
    /// client's pass as they came.
    pub(crate) fn new(context: TraceContext, span_id: u64) -> Option<Self> {
        let is_passing = context.parent_id.is_some() && !context.sampled;
        let flags = u8::from(context.sampled) & SAMPLED;
        let text = format!("00-{:032x}-{span_id:016x}-{flags:02x}", context.trace_id);
        (!is_passing).then(|| Self {
            parent: HeaderValue::from_str(&text).expect("hex digits and dashes are a value"),
            keeps_state: context.parent_id.is_some(),
        })
    }

    /// Returns true if a header of the client's is not passed on.
    pub(crate) fn replaces(&self, name: &HeaderName) -> bool {
        *name == TRACEPARENT || (*name == TRACESTATE && !self.keeps_state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn caller(lines: &[&'static str]) -> Caller {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(TRACEPARENT, HeaderValue::from_static(line));
        }
        Caller::of(&headers)
    }

    #[test]
    fn a_parent_is_read_in_the_form_of_the_specification_alone() {
        let parent = Parent {
            trace_id: 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c,
            span_id: 0xb7ad_6b71_6920_3331,
            sampled: true,
        };
        assert_eq!(caller(&[]), Caller::Nothing);
        assert_eq!(caller(&[GOOD]), Caller::Parent(parent));
        // A later version may say more after its flags.
        let later = "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what";
        assert_eq!(caller(&[later]), Caller::Parent(parent));
        let unsampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02";
        let Caller::Parent(read) = caller(&[unsampled]) else {
            panic!("it is sound");
        };
        assert!(!read.sampled, "the second bit says something else");
        for wrong in [
            &["" as &str][..],
            &["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"],
            &["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-"],
            &["ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"],
            &["00-00000000000000000000000000000000-b7ad6b7169203331-01"],
            &["00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"],
            &["00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01"],
            &["00-0af7651916cd43dd8448eb211c80319-cb7ad6b7169203331-01"],
            &["00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"],
            &["cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01x"],
            &[GOOD, GOOD],
        ] {
            assert_eq!(caller(wrong), Caller::Malformed, "{wrong:?}");
        }
    }

    #[test]
    fn headers_that_nobody_recorded_pass_as_they_came() {
        let mut headers = HeaderMap::new();
        headers.insert(TRACEPARENT, HeaderValue::from_static(GOOD));
        let context = begin(&headers, None).expect("a trace");
        assert!(!context.sampled && TraceHeaders::new(context, 7).is_none());
        headers.insert(TRACEPARENT, HeaderValue::from_static("nonsense"));
        assert_eq!(begin(&headers, None), None);
    }

    #[test]
    fn a_trace_that_begins_here_takes_the_place_of_the_clients() {
        let ours = TraceHeaders::new(root(false), 7).expect("headers of ours");
        let text = ours.parent.to_str().expect("text");
        assert!(text.ends_with("-0000000000000007-00"), "{text}");
        assert!(ours.replaces(&TRACEPARENT) && ours.replaces(&TRACESTATE));
        let continued = TraceContext {
            parent_id: Some(3),
            ..root(true)
        };
        let ours = TraceHeaders::new(continued, 7).expect("headers of ours");
        assert!(ours.parent.to_str().is_ok_and(|text| text.ends_with("-01")));
        assert!(ours.replaces(&TRACEPARENT) && !ours.replaces(&TRACESTATE));
    }
}
