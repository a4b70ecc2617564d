//! Text that a peer wrote: escaping before a person reads it, and the marks around an invoice.
//!
//! A server, a node or an invoice may send escape sequences that move the cursor or recolour a
//! line, marks that reverse the order of letters, and invisible characters. Such text could show a
//! false amount to a person who is about to pay (ATTACKS C-28).

/// Returns the text with every [hidden](is_hidden) character written out as `\u{…}`. Line breaks
/// are hidden characters too, so the result is one line.
///
/// ```
/// use l402::text::escape;
///
/// assert_eq!(escape("50 \u{202e}tas"), "50 \\u{202e}tas");
/// assert_eq!(escape("grün, 漢字 ✓"), "grün, 漢字 ✓");
/// ```
#[must_use]
pub fn escape(text: &str) -> String {
    escape_within(text, usize::MAX)
}

/// Escapes as [`escape`] does, and stops before the result would exceed `max_chars` characters. An
/// escape is never cut in two.
#[must_use]
pub fn escape_within(text: &str, max_chars: usize) -> String {
    let mut shown = String::new();
    let mut left = max_chars;
    for c in text.chars() {
        let length = if is_hidden(c) {
            c.escape_unicode().count()
        } else {
            1
        };
        // Half an escape would read as text of its own, so the cut comes before it.
        let Some(less) = left.checked_sub(length) else {
            break;
        };
        left = less;
        if is_hidden(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Returns true if a reader does not see the character, or if it changes how other characters look:
/// control characters, line separators, bidirectional marks, overrides and isolates, zero-width
/// characters, the soft hyphen, further format characters, and the tag characters.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    // Tag characters (U+E0000 to U+E007F) can carry a whole invisible text. Variation selectors
    // stay: they only choose the look of the character before them.
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e007f}')
}

/// Returns an invoice without the `lightning:` of a link, in any case, that wallets and web pages put
/// before it. At most one is taken off.
///
/// ```
/// use l402::text::bare_invoice;
///
/// assert_eq!(bare_invoice("LIGHTNING:lnbc1"), "lnbc1");
/// assert_eq!(bare_invoice("lnbc1"), "lnbc1");
/// ```
#[must_use]
pub fn bare_invoice(text: &str) -> &str {
    const LINK: &str = "lightning:";
    match text.split_at_checked(LINK.len()) {
        Some((before, invoice)) if before.eq_ignore_ascii_case(LINK) => invoice,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ATTACKS C-28, O-06.
    #[test]
    fn escape_sequences_and_bidi_marks_are_written_out() {
        assert_eq!(escape("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(escape("50 \u{202e}tas"), "50 \\u{202e}tas");
        assert_eq!(escape("a\r\nb\u{9b}c"), "a\\u{d}\\u{a}b\\u{9b}c");
        assert_eq!(escape("grün, 漢字 ✓"), "grün, 漢字 ✓");
    }

    #[test]
    fn words_cannot_move_the_cursor_or_turn_the_text_around() {
        let shown = escape_within("a\u{1b}[2J\u{202e}b\r\n", 200);
        assert_eq!(shown, "a\\u{1b}[2J\\u{202e}b\\u{d}\\u{a}");
        assert_eq!(escape_within(&"é".repeat(300), 200).chars().count(), 200);
        assert!(escape_within(&"\u{1b}".repeat(300), 200).len() <= 200);
    }

    #[test]
    fn an_escape_is_whole_or_not_there() {
        assert_eq!(escape_within("ab\u{7}c", 5), "ab");
        assert_eq!(escape_within("ab\u{7}c", 7), "ab\\u{7}");
        assert_eq!(escape_within("ab", 0), "");
    }

    #[test]
    fn what_nobody_sees_is_written_out() {
        for c in [
            '\u{ad}',
            '\u{61c}',
            '\u{180e}',
            '\u{200b}',
            '\u{200d}',
            '\u{2028}',
            '\u{2029}',
            '\u{2066}',
            '\u{2069}',
            '\u{feff}',
            '\u{fffa}',
            '\u{1d173}',
            '\u{e0001}',
            '\u{e0041}',
            '\u{e007f}',
        ] {
            assert!(is_hidden(c), "{}", c.escape_unicode());
        }
        for c in ['a', 'é', '漢', '✓', '…', '\u{fe0f}', '\u{e0080}', ' '] {
            assert!(!is_hidden(c), "{}", c.escape_unicode());
        }
    }
}
