//! Text of strangers, made fit for a terminal.
//!
//! What a server sends may hold escape sequences that move the cursor or recolour a line, and
//! marks that reverse the order of letters. Whoever reads it is about to pay.

/// The text with control characters, escape sequences, bidirectional marks and invisible
/// characters written out as `\u{…}`.
#[must_use]
pub(crate) fn escape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) {
            plain.extend(c.escape_unicode());
        } else {
            plain.push(c);
        }
    }
    plain
}

/// As [`escape`], cut after `max` characters.
#[must_use]
pub(crate) fn escape_short(text: &str, max: usize) -> String {
    let mut plain = escape(&text.chars().take(max).collect::<String>());
    if text.chars().nth(max).is_some() {
        plain.push('…');
    }
    plain
}

/// The beginning of a token or an invoice, and how long it is: enough to tell two apart, too
/// little to use.
#[cfg(feature = "buy")]
#[must_use]
pub(crate) fn shorten(text: &str) -> String {
    let length = text.chars().count();
    let shown = length.div_euclid(3).min(16);
    let start: String = text.chars().take(shown).collect();
    format!("{}… ({length} characters)", escape(&start))
}

/// Control characters, bidirectional marks, zero-width characters and line separators.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_bidi_marks_are_written_out() {
        assert_eq!(escape("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(escape("50 \u{202e}tas"), "50 \\u{202e}tas");
        assert_eq!(escape("a\r\nb\u{9b}c"), "a\\u{d}\\u{a}b\\u{9b}c");
        assert_eq!(escape("grün, 漢字 ✓"), "grün, 漢字 ✓");
    }

    #[test]
    fn a_long_text_is_cut_before_it_is_escaped() {
        assert_eq!(escape_short("abcdef", 3), "abc…");
        assert_eq!(escape_short("ab\u{7}d", 3), "ab\\u{7}…");
        assert_eq!(escape_short("abc", 3), "abc");
    }

    #[cfg(feature = "buy")]
    #[test]
    fn a_shortened_token_does_not_hold_the_token() {
        let token = "AgEEbHNhdAJCAACQHzuB5duU3EYt2kmiVSoVlhSUWgwrub7d08qLxOJutgIO";
        assert_eq!(shorten(token), "AgEEbHNhdAJCAACQ… (60 characters)");
        assert_eq!(shorten("abcdef"), "ab… (6 characters)");
    }
}
