//! Base64: one reader for its four spellings, and one writer.

use ::base64::Engine;
use ::base64::engine::general_purpose::{
    GeneralPurpose, STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD,
};

/// Decodes standard or URL-safe base64, wholly padded or not at all. Returns `None` if the
/// alphabets are mixed, bits are left over after the last byte, or another character occurs
/// (ATTACKS T-13).
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let url_safe = text.contains(['-', '_']);
    let engine: &GeneralPurpose = match (url_safe, text.ends_with('=')) {
        (false, true) => &STANDARD,
        (false, false) => &STANDARD_NO_PAD,
        (true, true) => &URL_SAFE,
        (true, false) => &URL_SAFE_NO_PAD,
    };
    engine.decode(text).ok()
}

/// Encodes as standard base64 with padding.
pub(crate) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ATTACKS T-13.
    #[test]
    fn one_meaning_for_each_spelling() {
        for text in ["+/+/QQ==", "+/+/QQ", "-_-_QQ==", "-_-_QQ"] {
            assert_eq!(decode(text).unwrap(), [0xfb, 0xff, 0xbf, 0x41], "{text}");
        }
        for bad in [
            "+_+_", "QR==", "QQ=", "QQ===", "QQ== ", " QQ==", "Q Q=", "Q", "=", "QQ\n", "é",
        ] {
            assert_eq!(decode(bad), None, "{bad:?}");
        }
        assert_eq!(encode(&[0xfb, 0xff, 0xbf, 0x41]), "+/+/QQ==");
    }
}
