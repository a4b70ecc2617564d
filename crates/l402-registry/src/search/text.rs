//! The words of a search.

/// The characters of a text that count.
const CHARS_MAX: usize = 200;

/// The words of a text that count.
const WORDS_MAX: usize = 12;

/// Splits the text of a search at blanks and control characters. Words without a letter or a digit are
/// left out, since no index of words has them.
pub(crate) fn split_words(text: &str) -> Vec<String> {
    let text: String = text.chars().take(CHARS_MAX).collect();
    text.split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .take(WORDS_MAX)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_at_blanks_and_keeps_what_can_be_found() {
        assert_eq!(
            split_words("  cat\u{0}jokes -- \"x\" "),
            ["cat", "jokes", "\"x\""]
        );
        assert!(split_words("!!! \t \"\"").is_empty());
        assert_eq!(split_words(&"a ".repeat(1 << 20)).len(), WORDS_MAX);
        assert_eq!(
            split_words(&"é".repeat(1 << 20))[0].chars().count(),
            CHARS_MAX
        );
    }
}
