//! Names that may be meant to pass for somebody else.
//!
//! The host stands beside every name, in the letters that DNS has (`xn--…` for all others). These marks
//! are for a reader who looks at the name alone.

/// Endings by which a word of a name is taken for a host.
const ENDINGS: &[&str] = &[
    "ai", "app", "cloud", "co", "com", "dev", "example", "fun", "info", "io", "me", "net", "org",
    "sh", "xyz",
];

/// Returns the marks of a listing with this name at this host.
pub(super) fn marks(name: &str, host: &str) -> Vec<String> {
    let mut marks = Vec::new();
    if host.split('.').any(|label| label.starts_with("xn--")) {
        marks.push("the host has letters beyond a to z".to_owned());
    }
    if let Some(other) = other_host(name, host) {
        marks.push(format!(
            "the name speaks of {other}, and the host is another"
        ));
    }
    if name.split_whitespace().any(mixes_alphabets) {
        marks.push("the name mixes alphabets within a word".to_owned());
    }
    marks
}

/// Returns a word of the name that looks like a host, and is neither this one nor above it.
fn other_host(name: &str, host: &str) -> Option<String> {
    let host = host.to_ascii_lowercase();
    name.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '-'))
        .map(|word| word.trim_matches(['.', '-']).to_ascii_lowercase())
        .filter(|word| {
            let mut labels = word.rsplit('.');
            labels
                .next()
                .is_some_and(|ending| ENDINGS.contains(&ending))
                && labels.next().is_some_and(|label| label.len() > 1)
        })
        .find(|word| *word != host && !host.ends_with(&format!(".{word}")))
}

/// Returns true if a word has Latin letters and such of an alphabet that has the same shapes.
fn mixes_alphabets(word: &str) -> bool {
    let is_alike = |c: char| matches!(c, '\u{370}'..='\u{52f}' | '\u{13a0}'..='\u{13ff}' | '\u{ff21}'..='\u{ff5a}');
    word.contains(|c: char| c.is_ascii_alphabetic()) && word.contains(is_alike)
}

#[cfg(test)]
mod tests {
    use super::*;

    // ATTACKS G-08: a name that passes for another host is marked.
    #[test]
    fn a_name_that_passes_for_another_host_is_marked() {
        for (name, host) in [
            ("api.openai.com", "jokes.example"),
            ("OpenAI.com jokes", "openai.com.evil.example"),
            ("chat.model.example, cheaper", "jokes.example"),
            ("Weather", "xn--pple-43d.com"),
            ("\u{410}cinq API", "jokes.example"),
            ("Βlockstream", "jokes.example"),
        ] {
            assert_eq!(marks(name, host).len(), 1, "{name} {host}");
        }
    }

    #[test]
    fn an_honest_name_has_no_mark() {
        for (name, host) in [
            ("Jokes by jokes.example", "jokes.example"),
            ("openai.com", "api.openai.com"),
            ("Version 2.0, e.g. for tests", "jokes.example"),
            ("Αθήνα: weather", "weather.example"),
            ("漢字 API", "kanji.example"),
        ] {
            assert_eq!(marks(name, host), Vec::<String>::new(), "{name} {host}");
        }
    }
}
