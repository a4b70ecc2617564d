//! Event streams: answers without an end of their own.

use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};

/// The media type of server-sent events.
const MEDIA: &[u8] = b"text/event-stream";

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
    // Byte by byte, since every answer is asked.
    let value = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let value = value.unwrap_or_default().trim_ascii_start();
    let (Some(media), Some(rest)) = (value.get(..MEDIA.len()), value.get(MEDIA.len()..)) else {
        return false;
    };
    let ends = |rest: &[u8]| rest.first().is_none_or(|byte| *byte == b';');
    media.eq_ignore_ascii_case(MEDIA) && ends(rest.trim_ascii_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_media_type_stands_alone_or_before_its_parameters() {
        let announces = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, value.parse().unwrap());
            is_event_stream(&headers)
        };
        for value in [
            "text/event-stream",
            " TEXT/Event-Stream ",
            "text/event-stream;charset=utf-8",
            "text/event-stream ; x",
        ] {
            assert!(announces(value), "{value}");
        }
        for value in [
            "",
            "text/event",
            "text/event-stream-log",
            "text/event-stream, a",
            "x;text/event-stream",
        ] {
            assert!(!announces(value), "{value}");
        }
        assert!(!is_event_stream(&HeaderMap::new()));
    }
}
