//! The names of categories, and those of other directories in ours.

use super::text::slug;

/// The longest name, in bytes.
const NAME_MAX: usize = 60;

/// The parts of a name: `ai/images/icons`.
const PARTS_MAX: usize = 3;

/// Names of MPP's vocabulary, 402index and satring that mean the same, each with ours.
const NAMES: [(&str, &str); 29] = [
    ("ai-agents", "ai/agents"),
    ("ai-image", "ai/images"),
    ("ai-images", "ai/images"),
    ("ai-inference", "ai/inference"),
    ("ai-llm", "ai/text"),
    ("ai-ml", "ai"),
    ("ai-text", "ai/text"),
    ("ai-tools", "ai"),
    ("artificial-intelligence", "ai"),
    ("bitcoin-lightning", "bitcoin/lightning"),
    ("crypto", "finance/crypto"),
    ("cryptocurrency", "finance/crypto"),
    ("data-feeds", "data"),
    ("data-oracles", "data"),
    ("dev-tools", "developer-tools"),
    ("developer", "developer-tools"),
    ("devtools", "developer-tools"),
    ("image-generation", "ai/images"),
    ("inference", "ai/inference"),
    ("lightning", "bitcoin/lightning"),
    ("llm", "ai/text"),
    ("machine-learning", "ai"),
    ("messaging", "communication"),
    ("other", ""),
    ("tools", "developer-tools"),
    ("uncategorised", ""),
    ("uncategorized", ""),
    ("unknown", ""),
    ("web-search", "search"),
];

/// Returns true for a name in our form, such as `ai/images`.
pub(crate) fn is_category(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(is_letter);
    let mut parts = name.split('/');
    name.len() <= NAME_MAX && parts.clone().count() <= PARTS_MAX && parts.all(is_part)
}

/// Returns the category in our form: up to three parts of `[a-z0-9-]` with `/` between them, at most 60
/// bytes. `None` if nothing is left, or if the name says that there is none.
pub(crate) fn category(name: &str) -> Option<String> {
    let parts = name.split(['/', '>']).filter_map(|part| slug(part, 32));
    let name = parts.take(PARTS_MAX).collect::<Vec<_>>().join("/");
    let known = NAMES.binary_search_by_key(&&*name, |(theirs, _)| theirs);
    let mut name = known.map_or(name, |at| NAMES[at].1.to_owned());
    // A category is cut at a whole part, so that it stays below the one that it was below.
    while name.len() > NAME_MAX {
        let end = name.rfind('/').unwrap_or(NAME_MAX);
        name.truncate(end);
    }
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_up_to_three_words() {
        assert_eq!(category("AI / Images").as_deref(), Some("ai/images"));
        assert_eq!(category("a/b/c/d").as_deref(), Some("a/b/c"));
        assert_eq!(category("//Sun & Sea//").as_deref(), Some("sun-sea"));
        assert_eq!(category("<script>").as_deref(), Some("script"));
        assert_eq!(category(" / "), None);
        let long = format!("{0}/{0}/{0}", "x".repeat(32));
        assert_eq!(category(&long).map(|name| name.len()), Some(32));
    }

    #[test]
    fn knows_the_names_of_others() {
        assert!(NAMES.is_sorted_by_key(|(theirs, _)| *theirs));
        assert_eq!(category("ai-ml").as_deref(), Some("ai"));
        assert_eq!(category("Lightning").as_deref(), Some("bitcoin/lightning"));
        assert_eq!(
            category("developer-tools").as_deref(),
            Some("developer-tools")
        );
        assert_eq!(category("Uncategorized"), None);
    }
}
