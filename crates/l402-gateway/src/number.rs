//! Numbers in headers and chunks, read strictly.
//!
//! A sign, a space or a digit too many is read differently by different servers, so there is no
//! number then.

/// Returns a length in decimal digits, and nothing else: at most 18 of them.
pub(crate) fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 18 {
        return None;
    }
    text.iter().try_fold(0, |number, digit| match digit {
        b'0'..=b'9' => Some(number * 10 + u64::from(digit - b'0')),
        _ => None,
    })
}

/// Returns a length in hexadecimal digits, and nothing else: at most 15 of them.
pub(crate) fn hexadecimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 15 {
        return None;
    }
    text.iter().try_fold(0, |number, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(number * 16 + u64::from(digit))
    })
}
