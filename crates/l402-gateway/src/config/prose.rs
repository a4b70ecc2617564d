//! Texts of the operator that strangers will read.

use super::section::Section;

/// The longest name or title, in characters.
const LINE: usize = 120;

/// The longest description, in characters.
const PARAGRAPH: usize = 2000;

/// Reads a name of one line, without the spaces at its ends; `None` if it is missing, empty or wrong.
pub(super) fn line(section: &Section<'_, '_>, key: &'static str) -> Option<String> {
    text(section, key, LINE, "")
}

/// Reads a text of several lines.
pub(super) fn paragraph(section: &Section<'_, '_>, key: &'static str) -> Option<String> {
    text(section, key, PARAGRAPH, "\n\r\t")
}

/// Reads a text of at most `max` characters, among them these control characters.
fn text(
    section: &Section<'_, '_>,
    key: &'static str,
    max: usize,
    controls: &str,
) -> Option<String> {
    let text = section.text(key)?.trim();
    if text.chars().count() > max {
        section.wrong(key, format!("longer than {max} characters"));
        return None;
    }
    // What turns text round or hides in it would show a buyer something else than a program reads.
    let plain = |c: char| controls.contains(c) || !l402::text::is_hidden(c);
    if !text.chars().all(plain) {
        section.wrong(key, "has characters that cannot be shown; write plain text");
        return None;
    }
    (!text.is_empty()).then(|| text.to_owned())
}
