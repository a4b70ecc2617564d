//! A page with places for its values, read and checked once.

use super::document::policy;
use super::language::{Words, word_names};
use super::scan::{Mistake, Scanner};
use super::variable::{self, Values};

/// The style and the script of the pages that are there already.
pub(super) const STYLE: &str = include_str!("file/page.css");
pub(super) const SCRIPT: &str = include_str!("file/page.js");

/// A page with places for its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    pieces: Vec<Piece>,
    /// The header that allows the style and the script of this page, and nothing else.
    policy: String,
}

/// A piece of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    /// The value of a variable.
    Value(String),
    /// A word in the language of the reader.
    Word(String),
}

impl Template {
    /// Reads the page with an invoice.
    ///
    /// # Errors
    /// All mistakes, each with its line and the fix.
    pub(crate) fn of_offer(html: &str) -> Result<Self, Vec<String>> {
        let (template, mut mistakes) = Self::read(html, variable::OF_OFFER);
        if !["qr", "invoice"].iter().any(|name| template.has(name)) {
            let text =
                "nobody can pay on this page; write {{qr}} or {{invoice}} where the buyer looks";
            mistakes.push(text.to_owned());
        }
        let has_script = html.contains("{{script}}");
        if has_script && !template.has(variable::ATTRIBUTES) {
            let text = "the script finds no payment to ask for; write {{data}} into a tag: <main {{data}}>";
            mistakes.push(text.to_owned());
        }
        if mistakes.is_empty() {
            Ok(template)
        } else {
            Err(mistakes)
        }
    }

    /// Reads a page of this crate, without a complaint: a test reads them all.
    pub(super) fn built_in(html: &str, names: &'static [&'static str]) -> Self {
        Self::read(html, names).0
    }

    fn read(html: &str, names: &'static [&'static str]) -> (Self, Vec<String>) {
        // A browser reads both ends of a line as one, and hashes what it has read.
        let html = html.replace("\r\n", "\n").replace(['\r', '\0'], "\n");
        let scan = Scanner::new(&html, names).scan();
        let mistakes = scan.mistakes.iter().map(Mistake::to_string).collect();
        let template = Self {
            policy: policy(&scan.styles, &scan.scripts),
            pieces: scan.pieces,
        };
        (template, mistakes)
    }

    /// Returns true if the page shows a value.
    fn has(&self, name: &str) -> bool {
        let value = |piece: &Piece| matches!(piece, Piece::Value(own) if own == name);
        self.pieces.iter().any(value)
    }

    /// Returns the header `Content-Security-Policy` of the page.
    pub(super) fn policy(&self) -> &str {
        &self.policy
    }

    /// Writes the page.
    pub(super) fn write(&self, values: &Values<'_>, words: &Words) -> String {
        let mut html = String::with_capacity(32 * 1024);
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => html.push_str(text),
                Piece::Value(name) => html.push_str(values.get(name)),
                Piece::Word(name) => variable::escape(&mut html, words.get(name)),
            }
        }
        html
    }
}

/// Returns the piece that a variable stands for, or the fix.
pub(super) fn piece(name: &str, names: &[&str]) -> Result<Piece, String> {
    match name.strip_prefix("word.") {
        Some(word) if word_names().any(|own| own == word) => Ok(Piece::Word(word.to_owned())),
        None if names.contains(&name) => Ok(Piece::Value(name.to_owned())),
        Some(_) => Err(format!(
            "there is no {{{{{name}}}}}; the words are listed in docs/paywall.md, such as {{{{word.copy}}}}"
        )),
        None => Err(format!(
            "there is no {{{{{name}}}}}; write one of {}, or {{{{word.copy}}}} and other words",
            names.join(", ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::look::{NOTICE, OFFER};
    use super::*;

    #[test]
    fn the_pages_of_this_crate_are_sound() {
        assert_eq!(Template::of_offer(OFFER).err(), None);
        assert_eq!(
            Template::read(NOTICE, variable::OF_NOTICE).1,
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_mistake_names_its_line_and_the_fix() {
        for (html, line, fix) in [
            ("{{qr}}\n{{prise}}", "line 2", "write one of amount"),
            ("{{qr}}{{word.nothing}}", "line 1", "{{word.copy}}"),
            ("{{qr}}\n\n<a href={{path}}>", "line 3", "in quotes"),
            ("{{qr}}<a title=\"{{logo}}\">", "line 1", "between tags"),
            ("{{qr}}{{data}}", "line 1", "within a tag"),
            (
                "{{qr}}<script>\nlet a = \"{{name}}\"</script>",
                "line 2",
                "data-",
            ),
            ("{{qr}}<style>{{name}}</style>", "line 1", "data-"),
            (
                "{{qr}}<script src=\"a.js\"></script>",
                "line 1",
                "within the page",
            ),
            ("{{qr}}<p onclick=\"a()\">", "line 1", "addEventListener"),
            ("{{qr}}<p style=\"color: red\">", "line 1", "<style>"),
            ("{{qr}}<p \"{{name}}\">", "line 1", "a quote"),
            ("{{qr}}{{name", "line 1", "}}"),
            ("{{qr}}<script>a", "line 1", "</script>"),
            ("{{name}}", "nobody can pay", "{{qr}}"),
            (
                "{{qr}}<script>{{script}}</script>",
                "the script",
                "{{data}}",
            ),
        ] {
            let mistakes = Template::of_offer(html).expect_err(html);
            assert_eq!(mistakes.len(), 1, "{html}: {mistakes:?}");
            let told = &mistakes[0];
            assert!(told.contains(line) && told.contains(fix), "{html}: {told}");
        }
    }

    #[test]
    fn values_stay_text_wherever_they_may_stand() {
        let html = "<!-- {{x}} --><p title='{{name}}' class=\"{{name}}\">{{ name }}</p>{{qr}}";
        let template = Template::of_offer(html).unwrap();
        let mut values = Values::default();
        values.text("name", "'\"><script>&");
        values.markup("qr", "<svg/>");
        let escaped = "&#39;&quot;&gt;&lt;script&gt;&amp;";
        let expected = format!(
            "<!-- {{{{x}}}} --><p title='{escaped}' class=\"{escaped}\">{escaped}</p><svg/>"
        );
        assert_eq!(template.write(&values, &Words::default()), expected);
    }
}
