//! One document, ready to be sent.

use bytes::Bytes;
use http::HeaderValue;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// A text with its headers, made once and shared by all answers.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) body: Bytes,
    pub(crate) content_type: HeaderValue,
    /// The entity tag, in quotes. The same for the same text, at every gateway.
    pub(crate) etag: HeaderValue,
}

impl Document {
    /// Makes a document of JSON.
    pub(super) fn json(value: &Value) -> Self {
        // Values of JSON alone, so writing them cannot fail.
        let text = serde_json::to_string(value).unwrap_or_default();
        Self::new(text, HeaderValue::from_static("application/json"))
    }

    /// Makes a document of plain text.
    pub(super) fn text(text: String) -> Self {
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        Self::new(text, plain)
    }

    fn new(text: String, content_type: HeaderValue) -> Self {
        let hash = Sha256::digest(text.as_bytes());
        let name: String = hash.iter().take(8).map(|b| format!("{b:02x}")).collect();
        let etag = HeaderValue::from_str(&format!("\"{name}\""));
        Self {
            body: text.into(),
            content_type,
            etag: etag.unwrap_or(HeaderValue::from_static("\"\"")),
        }
    }

    /// Returns true if the value of an `If-None-Match` names this text, so that it need not be sent
    /// again.
    pub(crate) fn is_named_by(&self, if_none_match: &HeaderValue) -> bool {
        let own = self.etag.as_bytes();
        let named = if_none_match.as_bytes().split(|b| *b == b',');
        named
            .map(<[u8]>::trim_ascii)
            .any(|tag| tag == b"*" || tag.strip_prefix(b"W/").unwrap_or(tag) == own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_the_caller_has_is_known_by_its_tag() {
        let document = Document::text("a".to_owned());
        let own = document.etag.to_str().unwrap().to_owned();
        let known = |value: &str| document.is_named_by(&HeaderValue::from_str(value).unwrap());
        for value in [&own, &format!("W/{own}"), &format!("\"x\" , {own}"), "*"] {
            assert!(known(value), "{value}");
        }
        for value in ["\"x\"", "", own.trim_matches('"')] {
            assert!(!known(value), "{value}");
        }
        assert_ne!(document.etag, Document::text("b".to_owned()).etag);
    }
}
