//! Numbers in headers and chunks, read strictly.
//!
//! Text with a sign, a space or too many digits is no number here, because servers read it
//! differently.

/// Reads a length of 1 to 18 decimal digits. `None` for any other text.
pub(crate) fn decimal(text: &[u8]) -> Option<u64> {
    // 18 digits fit into 64 bits on every server. A longer number may wrap around on one of them.
    if text.is_empty() || text.len() > 18 {
        return None;
    }
    text.iter().try_fold(0, |number, digit| match digit {
        b'0'..=b'9' => Some(number * 10 + u64::from(digit - b'0')),
        _ => None,
    })
}

/// Reads a length of 1 to 15 hexadecimal digits. `None` for any other text.
pub(crate) fn hexadecimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 15 {
        return None;
    }
    text.iter().try_fold(0, |number, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(number * 16 + u64::from(digit))
    })
}
