//! The text of strangers, made fit for a terminal.

/// Escapes control characters and marks that change the direction of text (ATTACKS C-28), and cuts
/// the result after `max_chars` characters.
pub(crate) fn displayed(text: &str, max_chars: usize) -> String {
    let shown = |c: char| match c {
        '\u{061c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}' => true,
        c => c.is_control(),
    };
    let mut out = String::new();
    for c in text.chars() {
        let piece = if shown(c) {
            c.escape_unicode().to_string()
        } else {
            c.to_string()
        };
        if out.chars().count() + piece.chars().count() > max_chars {
            break;
        }
        out.push_str(&piece);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_cannot_move_the_cursor_or_turn_the_text_around() {
        let shown = displayed("a\u{1b}[2J\u{202e}b\r\n", 200);
        assert_eq!(shown, "a\\u{1b}[2J\\u{202e}b\\u{d}\\u{a}");
        assert_eq!(displayed(&"é".repeat(300), 200).chars().count(), 200);
        assert!(displayed(&"\u{1b}".repeat(300), 200).len() <= 200);
    }
}
