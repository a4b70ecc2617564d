//! The words that sellers use for their services. None of them is escaped.

use serde::{Deserialize, Serialize};

use super::category::category;
use super::text::{clean, slug};
use super::{CanonicalUrl, RequestSchema};

/// What a seller, a document or another directory says about a service. A stranger's text: cut to the
/// bounds below and free of control characters, but not escaped for any place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Words {
    /// At most 100 characters. Empty if nobody gave one; the page shows host and path then.
    pub name: String,
    /// At most 2,000 characters.
    pub description: String,
    /// `ai/images`: up to three parts of `[a-z0-9-]`, at most 60 bytes. `None` if unknown.
    pub category: Option<String>,
    /// At most ten, each `[a-z0-9-]{1,32}`.
    pub tags: Vec<String>,
    /// The name of the one who offers the service, at most 100 characters.
    pub provider: String,
    /// The address of the documentation, https, at most 2,048 bytes.
    pub docs: Option<String>,
    /// The price that is said.
    pub price: super::ClaimedPrice,
    /// The shape of the body with which the service is asked.
    pub request_schema: Option<RequestSchema>,
}

impl Words {
    /// Returns the words within their bounds, as every one of them is stored: cut, white space folded, without
    /// hidden characters; category and tags in our form; a documentation that is not https left out.
    #[must_use]
    pub fn cleaned(self) -> Self {
        let mut tags: Vec<String> = Vec::new();
        for tag in self.tags.iter().take(100).filter_map(|tag| slug(tag, 32)) {
            if tags.len() < 10 && !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        let docs = self.docs.and_then(|docs| docs.parse().ok());
        let docs = docs.filter(|docs: &CanonicalUrl| docs.url().scheme() == "https");
        let schema = self.request_schema;
        Self {
            name: clean(&self.name, 100),
            description: clean(&self.description, 2000),
            category: self.category.as_deref().and_then(category),
            tags,
            provider: clean(&self.provider, 100),
            docs: docs.map(|docs| docs.to_string()),
            price: self.price.cleaned(),
            request_schema: schema.and_then(|schema| RequestSchema::read(&schema.0, &schema.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::listing::ClaimedPrice;

    #[test]
    fn keeps_words_within_their_bounds() {
        let words = Words {
            name: "Jokes\u{202e}\n".repeat(100),
            description: "d".repeat(5000),
            category: Some("AI/Text".to_owned()),
            tags: ["A b", "a-b", "✓"].map(str::to_owned).to_vec(),
            provider: "\u{1b}[2JAcme".to_owned(),
            docs: Some("javascript:alert(1)".to_owned()),
            price: ClaimedPrice {
                price_msat: None,
                other: Some("1\u{0} USD".to_owned()),
            },
            request_schema: None,
        };
        let words = words.cleaned();
        assert_eq!(words.name.chars().count(), 100);
        assert!(words.name.starts_with("Jokes Jokes"));
        assert_eq!(words.description.len(), 2000);
        assert_eq!(words.category.as_deref(), Some("ai/text"));
        assert_eq!(words.tags, ["a-b"]);
        assert_eq!(words.provider, "[2JAcme");
        assert_eq!(words.docs, None);
        assert_eq!(words.price.other.as_deref(), Some("1 USD"));
    }

    #[test]
    fn keeps_documentation_over_https() {
        let docs = |text: &str| {
            let docs = Some(text.to_owned());
            let words = Words {
                docs,
                ..Words::default()
            };
            words.cleaned().docs
        };
        assert_eq!(
            docs("https://a.example/docs#x").as_deref(),
            Some("https://a.example/docs")
        );
        assert_eq!(docs("http://a.example/docs"), None);
        assert_eq!(docs("//a.example/docs"), None);
    }

    proptest! {
        #[test]
        fn cleans_once_and_for_all(name in ".{0,300}", category in ".{0,80}", tag in ".{0,50}") {
            let words = Words { name, category: Some(category), tags: vec![tag], ..Words::default() };
            let once = words.cleaned();
            prop_assert_eq!(once.clone().cleaned(), once);
        }
    }
}
