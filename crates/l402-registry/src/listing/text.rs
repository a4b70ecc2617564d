//! Strangers' text, cut to a length and free of what a reader cannot see.

use l402::text::is_hidden;

/// Returns the text in one line of at most `max_chars` characters: white space of any kind and length is one
/// space, and hidden characters (controls, marks of direction, zero-width and tag characters) are gone.
pub(crate) fn clean(text: &str, max_chars: usize) -> String {
    let mut out = String::new();
    let (mut chars, mut is_gap) = (0, false);
    for c in text.chars() {
        if c.is_whitespace() {
            is_gap = true;
            continue;
        }
        if is_hidden(c) || is_filler(c) {
            continue;
        }
        let is_word = std::mem::take(&mut is_gap) && !out.is_empty();
        // A space is only worth its place if a character follows it.
        if chars + usize::from(is_word) >= max_chars {
            break;
        }
        if is_word {
            out.push(' ');
            chars += 1;
        }
        out.push(c);
        chars += 1;
    }
    out
}

/// Returns true if a letter or a mark has no shape: the fillers of Hangul and Braille, and the selectors by
/// which a text could be hidden behind another.
fn is_filler(c: char) -> bool {
    matches!(
        c,
        '\u{34f}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{17b4}'
            | '\u{17b5}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{ffa0}'
            | '\u{e0100}'..='\u{e01ef}'
    )
}

/// Returns the text as a word of `[a-z0-9-]` of at most `max_bytes`, as tags and parts of categories are;
/// `None` if nothing is left of it.
pub(crate) fn slug(text: &str, max_bytes: usize) -> Option<String> {
    let mut out = String::new();
    for c in text.chars() {
        if out.len() >= max_bytes {
            break;
        }
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_lowercase());
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    let out = out.trim_end_matches('-');
    (!out.is_empty()).then(|| out.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_white_space_and_drops_what_nobody_sees() {
        let text = " a\t\u{202e}b\r\n\u{a0} c\u{0}\u{200b}\u{e0041}\u{1b}[31m ";
        assert_eq!(clean(text, 100), "a b c[31m");
        assert_eq!(clean("\u{3164}\u{2800} \u{2028}", 100), "");
    }

    #[test]
    fn cuts_between_characters_and_leaves_no_space_at_the_end() {
        assert_eq!(clean("äöü ß", 3), "äöü");
        assert_eq!(clean("äöü ß", 4), "äöü");
        assert_eq!(clean("äöü ß", 5), "äöü ß");
        assert_eq!(clean(&"x".repeat(10_000), 100).len(), 100);
    }

    #[test]
    fn makes_words_for_tags() {
        assert_eq!(slug("AI / Images", 32).as_deref(), Some("ai-images"));
        assert_eq!(slug("--<b>Hot</b>--", 32).as_deref(), Some("b-hot-b"));
        assert_eq!(slug("aaaa bbbb", 5).as_deref(), Some("aaaa"));
        assert_eq!(slug("✓ ✓", 32), None);
    }
}
