//! The index of words.

use rusqlite::{Connection, params};

use crate::listing::{CanonicalUrl, Words};

/// The rank of a match. The numbers weigh the columns: a name says what a service is, and a description
/// can be filled with words.
pub(super) const RANK: &str = "bm25(found, 10.0, 5.0, 3.0, 2.0, 1.0)";

/// Writes the words of a shown listing to the index, where it is not yet.
pub(super) fn insert(
    connection: &Connection,
    n: i64,
    url: &CanonicalUrl,
    words: &Words,
) -> rusqlite::Result<()> {
    let category = words.category.as_deref().unwrap_or_default();
    let tags = format!("{} {category}", words.tags.join(" "));
    let query = url.url().query().unwrap_or_default();
    let path = format!("{} {} {query}", url.host(), url.url().path());
    connection
        .prepare_cached(
            "INSERT INTO found (rowid, name, tags, provider, path, description) \
             VALUES (?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            n,
            words.name,
            tags,
            words.provider,
            path,
            words.description
        ])
        .map(drop)
}

/// Takes a listing out of the index, if it is there.
pub(super) fn delete(connection: &Connection, n: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM found WHERE rowid = ?")?
        .execute([n])
        .map(drop)
}

/// Makes the expression that finds listings with all of these words, the last of them perhaps unfinished.
/// Each word is a string of FTS5, in which nothing but the quote has a meaning.
pub(super) fn all_of(words: &[String]) -> String {
    let strings: Vec<String> = words
        .iter()
        .map(|word| format!("\"{}\"", word.replace('"', "\"\"")))
        .collect();
    format!("{} *", strings.join(" "))
}

/// Makes the expression that finds listings with all of these words in name and tags.
pub(super) fn all_in_name(words: &[String]) -> String {
    format!("{{name tags}} : ({})", all_of(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_never_syntax() {
        let words = ["cat".to_owned(), "a\" OR \"b".to_owned()];
        assert_eq!(all_of(&words), "\"cat\" \"a\"\" OR \"\"b\" *");
    }
}
