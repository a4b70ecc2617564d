//! A stranger's words, made safe to show.

/// The most characters of a node's words that are shown.
const MAX_CHARS: usize = 200;

/// Returns the text without control characters, cut after 200 characters.
pub(crate) fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(MAX_CHARS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_node_are_bounded_and_without_control_characters() {
        let shown = plain(&format!("a\u{1b}[31m\r\n{}", "b".repeat(1000)));
        assert!(shown.starts_with("a[31mb"), "{shown}");
        assert_eq!(shown.chars().count(), MAX_CHARS);
    }
}
