//! The variables of a page, and their values.

use std::borrow::Cow;

/// The variables of the page with an invoice, beside `word.…` for each word.
pub(super) const OF_OFFER: &[&str] = &[
    "amount",
    "data",
    "description",
    "endpoint",
    "ends",
    "expires",
    "goods",
    "icon",
    "invoice",
    "language",
    "logo",
    "name",
    "path",
    "payment_hash",
    "play_money",
    "price",
    "qr",
    "reason",
    "script",
    "seconds",
    "style",
    "title",
    "token",
];

/// The variables of a page without one.
pub(super) const OF_NOTICE: &[&str] = &[
    "actions", "code", "icon", "kept", "language", "logo", "next", "status", "style", "title",
    "what",
];

/// The variables that stand for elements, and so only between tags.
pub(super) const ELEMENTS: &[&str] = &["actions", "logo", "qr", "reason"];

/// The variable that stands for attributes, and so only within a tag.
pub(super) const ATTRIBUTES: &str = "data";

/// The values of one page.
#[derive(Default)]
pub(super) struct Values<'a>(Vec<(&'static str, Cow<'a, str>)>);

impl<'a> Values<'a> {
    /// Adds a text, which is escaped.
    pub(super) fn text(&mut self, name: &'static str, text: impl Into<Cow<'a, str>>) {
        let text = text.into();
        let mut escaped = String::with_capacity(text.len());
        escape(&mut escaped, &text);
        self.0.push((name, escaped.into()));
    }

    /// Adds elements or attributes, which are written as they are.
    pub(super) fn markup(&mut self, name: &'static str, markup: impl Into<Cow<'a, str>>) {
        self.0.push((name, markup.into()));
    }

    /// Returns a value as it is written; nothing for a variable without one.
    pub(super) fn get(&self, name: &str) -> &str {
        let mut all = self.0.iter();
        all.find(|(own, _)| *own == name)
            .map_or("", |(_, value)| value)
    }

    #[cfg(test)]
    pub(super) fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|(name, _)| *name).collect()
    }
}

/// Writes a text so that it stays text, between tags and in an attribute in quotes of either kind.
pub(super) fn escape(to: &mut String, text: &str) {
    use core::fmt::Write as _;
    // The one of the dashboard, which writes attributes in double quotes only.
    let mut escaped = String::with_capacity(text.len());
    let _ = maud::Escaper::new(&mut escaped).write_str(text);
    to.push_str(&escaped.replace('\'', "&#39;"));
}

#[cfg(test)]
mod tests {
    use super::super::language::word_names;
    use super::*;

    #[test]
    fn every_variable_and_every_word_is_in_the_manual() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/paywall.md");
        let page = std::fs::read_to_string(page).unwrap();
        for name in OF_OFFER {
            assert!(page.contains(&format!("`{{{{{name}}}}}`")), "{name}");
        }
        for name in word_names() {
            assert!(page.contains(&format!("| `{name}` |")), "{name}");
        }
    }
}
