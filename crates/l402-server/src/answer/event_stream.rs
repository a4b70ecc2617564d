//! Event streams: answers without an end of their own.

use http::header::{CONTENT_TYPE, HeaderMap};

/// Returns true if the headers of an answer announce server-sent events (`text/event-stream`,
/// with or without parameters).
///
/// ```
/// use http::HeaderMap;
///
/// let mut headers = HeaderMap::new();
/// headers.insert("content-type", "text/event-stream; charset=utf-8".parse()?);
/// assert!(l402_server::is_event_stream(&headers));
/// headers.insert("content-type", "text/event-stream-log".parse()?);
/// assert!(!l402_server::is_event_stream(&headers));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn is_event_stream(headers: &HeaderMap) -> bool {
    let value = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let media = value
        .and_then(|value| value.split(';').next())
        .unwrap_or_default();
    media.trim().eq_ignore_ascii_case("text/event-stream")
}
