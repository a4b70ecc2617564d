//! The languages of the page, with a file of words each.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use http::HeaderMap;
use http::header::ACCEPT_LANGUAGE;

use super::preference::weighted;

/// A language of the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Language {
    #[default]
    English,
    German,
    Spanish,
    French,
    Portuguese,
    Japanese,
}

/// The words of one language by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Words(BTreeMap<String, String>);

/// The words of all languages, in the order of [`Language::ALL`].
static WORDS: LazyLock<[Words; 6]> = LazyLock::new(|| Language::ALL.map(Language::read));

impl Language {
    pub(crate) const ALL: [Self; 6] = [
        Self::English,
        Self::German,
        Self::Spanish,
        Self::French,
        Self::Portuguese,
        Self::Japanese,
    ];

    /// Returns the tag of the language (BCP 47).
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::Spanish => "es",
            Self::French => "fr",
            Self::Portuguese => "pt",
            Self::Japanese => "ja",
        }
    }

    /// Returns the language that a client prefers of those that are there.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut best = (0, Self::default());
        for (range, weight) in weighted(headers, &ACCEPT_LANGUAGE) {
            let tag = range.split('-').next().unwrap_or_default();
            let named = Self::ALL
                .into_iter()
                .find(|it| it.tag().eq_ignore_ascii_case(tag));
            if let Some(language) = named
                && weight > best.0
            {
                best = (weight, language);
            }
        }
        best.1
    }

    /// Returns the words of the language.
    pub(super) fn wording(self) -> &'static Words {
        let place = Self::ALL.iter().position(|it| *it == self);
        &WORDS[place.unwrap_or_default()]
    }

    fn read(self) -> Words {
        let text = match self {
            Self::English => include_str!("words/en.toml"),
            Self::German => include_str!("words/de.toml"),
            Self::Spanish => include_str!("words/es.toml"),
            Self::French => include_str!("words/fr.toml"),
            Self::Portuguese => include_str!("words/pt.toml"),
            Self::Japanese => include_str!("words/ja.toml"),
        };
        // A test reads all of them.
        Words(toml::from_str(text).unwrap_or_default())
    }
}

/// Returns the names of all words.
pub(crate) fn word_names() -> impl Iterator<Item = &'static str> {
    WORDS[0].0.keys().map(String::as_str)
}

impl Words {
    /// Returns a word; nothing for a name that none has.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// Returns a word with a text in the place of `{mark}`.
    pub(super) fn with(&self, name: &str, mark: &str, text: &str) -> String {
        self.get(name).replace(mark, text)
    }

    /// Returns a word for a number of things, one or several.
    pub(super) fn counted(&self, name: &str, count: u64) -> String {
        let both = self.get(name);
        let (one, several) = both.split_once('|').unwrap_or((both, both));
        let form = if count == 1 { one } else { several };
        form.replace("{n}", &self.grouped(&count.to_string()))
    }

    /// Writes a decimal number as the language does.
    pub(super) fn grouped(&self, number: &str) -> String {
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        let mut text = String::with_capacity(number.len() + 8);
        for (at, digit) in whole.chars().enumerate() {
            // A group of four digits or less is read at once, and in Spanish must have no mark.
            if at > 0 && whole.len() > 4 && (whole.len() - at).is_multiple_of(3) {
                text.push_str(self.get("thousands"));
            }
            text.push(digit);
        }
        if !part.is_empty() {
            text.push_str(self.get("decimal"));
            text.push_str(part);
        }
        text
    }

    /// Puts an operator's words in the place of these.
    pub(super) fn overlaid(&self, own: &BTreeMap<String, String>) -> Self {
        let own = own.iter().map(|(name, word)| (name.clone(), word.clone()));
        Self(self.0.clone().into_iter().chain(own).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Returns the marks such as `{n}` in a word.
    fn marks(word: &str) -> BTreeSet<&str> {
        let parts = word.split('{').skip(1);
        parts.filter_map(|part| part.split('}').next()).collect()
    }

    #[test]
    fn every_language_has_every_word_with_its_marks() {
        let english = Language::English.wording();
        assert!(english.0.len() > 50);
        for language in Language::ALL {
            let words = language.wording();
            let names = |words: &Words| words.0.keys().cloned().collect::<Vec<_>>();
            assert_eq!(names(words), names(english), "{language:?}");
            for (name, word) in &words.0 {
                assert!(!word.trim().is_empty() || name == "thousands", "{name}");
                assert_eq!(marks(word), marks(english.get(name)), "{language:?} {name}");
                let counts = word.matches('|').count();
                assert_eq!(
                    counts,
                    english.get(name).matches('|').count(),
                    "{language:?} {name}"
                );
            }
        }
    }

    #[test]
    fn the_language_is_the_one_with_the_most_weight() {
        for (accept, tag) in [
            ("de", "de"),
            ("de-AT,de;q=0.9,en;q=0.8", "de"),
            ("nl, fr;q=0.7, en;q=0.3", "fr"),
            ("pt-BR", "pt"),
            ("JA-jp", "ja"),
            ("en;q=0.1, es;q=0.2", "es"),
            ("fr;q=0, *", "en"),
            ("zh", "en"),
            ("", "en"),
            ("den", "en"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_LANGUAGE, accept.parse().unwrap());
            assert_eq!(Language::of(&headers).tag(), tag, "{accept}");
        }
    }

    #[test]
    fn numbers_are_written_as_the_language_does() {
        let of = |language: Language, number| language.wording().grouped(number);
        assert_eq!(of(Language::English, "1234567.5"), "1,234,567.5");
        assert_eq!(of(Language::German, "12345.25"), "12.345,25");
        assert_eq!(of(Language::Spanish, "1234"), "1234");
        assert_eq!(Language::English.wording().counted("hours", 1), "1 hour");
        assert_eq!(Language::German.wording().counted("days", 2), "2 Tage");
    }
}
