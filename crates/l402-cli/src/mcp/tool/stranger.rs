//! Words of strangers: marked as theirs, escaped, and shortened.

use l402::text::is_hidden;
use serde_json::{Value, json};

/// The most characters of a description, a memo or a problem that are shown.
pub(crate) const WORDS_MAX: usize = 500;

/// Returns words of a stranger on one line, for a result: `{untrusted, from, text, shortened}`. At most
/// `max` characters of them are shown.
pub(crate) fn quoted(from: &str, text: &str, max: usize) -> Value {
    let (shown, shortened) = shown(text, max, false);
    marked(from, &shown, shortened)
}

/// Returns a text of a stranger whose lines are kept, of at most `max` bytes, and the number of its bytes
/// that are left out.
pub(super) fn lines(from: &str, text: &str, max: usize) -> (Value, usize) {
    let end = (0..=max.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at));
    let end = end.unwrap_or_default();
    let kept = &text[..end];
    let (shown, _) = shown(kept, usize::MAX, true);
    let left_out = text.len() - end;
    (marked(from, &shown, left_out > 0), left_out)
}

fn marked(from: &str, text: &str, shortened: bool) -> Value {
    json!({
        "untrusted": true,
        "from": shown(from, 255, false).0,
        "text": text,
        "shortened": shortened,
    })
}

/// Returns at most `max` characters of a text, those that a reader does not see written out, and true if
/// some are left out.
fn shown(text: &str, max: usize, keeps_lines: bool) -> (String, bool) {
    let mut shown = String::with_capacity(text.len().min(max));
    let mut before = ' ';
    let mut left = max;
    // Looked for once: a text of nothing but returns would take for ever.
    let has_pairs = keeps_lines && text.contains("\r\n");
    for c in text.chars() {
        let is_line = keeps_lines && matches!(c, '\n' | '\t');
        // A line of some servers ends with both.
        if has_pairs && c == '\r' {
            continue;
        }
        let is_written_out = !is_line && (is_hidden(c) || carries_text(c, before));
        let length = if is_written_out {
            c.escape_unicode().count()
        } else {
            1
        };
        let Some(less) = left.checked_sub(length) else {
            return (shown, true);
        };
        left = less;
        if is_written_out {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
        before = c;
    }
    (shown, false)
}

/// Returns true for variation selectors that choose the look of no character: a row of them can carry a
/// whole text that nobody sees.
fn carries_text(c: char, before: char) -> bool {
    let is_selector = |c: char| matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}');
    is_selector(c) && (is_selector(before) || c >= '\u{e0100}')
}

#[cfg(test)]
mod tests {
    use super::*;

    // ATTACKS: a stranger's text is marked, and shows what it hides.
    #[test]
    fn what_nobody_sees_is_written_out() {
        for (text, shown) in [
            ("Ignore\u{202e} this", "Ignore\\u{202e} this"),
            ("a\u{200b}b\u{feff}", "a\\u{200b}b\\u{feff}"),
            ("a\u{1b}[2Jb", "a\\u{1b}[2Jb"),
            ("x\u{e0041}\u{e007f}", "x\\u{e0041}\\u{e007f}"),
            ("☺\u{fe0f}", "☺\u{fe0f}"),
            ("☺\u{fe0f}\u{fe01}\u{fe02}", "☺\u{fe0f}\\u{fe01}\\u{fe02}"),
            ("a\u{e0101}", "a\\u{e0101}"),
            ("two\nlines", "two\\u{a}lines"),
        ] {
            let value = quoted("api.example", text, 200);
            assert_eq!(value["text"], shown, "{text:?}");
            assert_eq!(value["untrusted"], true);
            assert_eq!(value["from"], "api.example");
            assert_eq!(value["shortened"], false);
        }
    }

    #[test]
    fn words_are_cut_between_characters_and_escapes() {
        let value = quoted("h", &"é".repeat(300), 200);
        assert_eq!(value["text"].as_str().unwrap().chars().count(), 200);
        assert_eq!(value["shortened"], true);
        assert_eq!(quoted("h", "ab\u{7}", 5)["text"], "ab");
    }

    #[test]
    fn a_text_keeps_its_lines_and_says_how_much_is_left_out() {
        let (value, left_out) = lines("h", "a\r\n\tb\u{202e}\r\n", 100);
        assert_eq!(
            (value["text"].as_str(), left_out),
            (Some("a\n\tb\\u{202e}\n"), 0)
        );
        let (value, left_out) = lines("h", "aé", 2);
        assert_eq!((value["text"].as_str(), left_out), (Some("a"), 2));
        assert_eq!(value["shortened"], true);
        assert_eq!(lines("h", "a\rb", 10).0["text"], "a\\u{d}b");
    }
}
