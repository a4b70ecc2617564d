//! Text from other machines, escaped and cut to a length that suits a terminal.

pub(crate) use l402::text::escape;

/// Escapes the first `max` characters of a text as [`escape`] does.
#[must_use]
pub(crate) fn escape_short(text: &str, max: usize) -> String {
    // Cut before it is escaped: a cut escape sequence would read as something else.
    let mut plain = escape(&text.chars().take(max).collect::<String>());
    if text.chars().nth(max).is_some() {
        plain.push('…');
    }
    plain
}

/// Returns the beginning and the length of a token or an invoice: enough to tell two apart, too little
/// to use.
#[cfg(feature = "buy")]
#[must_use]
pub(crate) fn shorten(text: &str) -> String {
    let length = text.chars().count();
    // A third at most, so that a short token is not shown whole.
    let shown = length.div_euclid(3).min(16);
    let start: String = text.chars().take(shown).collect();
    format!("{}… ({length} characters)", escape(&start))
}

#[cfg(test)]
mod tests {
    use super::*;

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
