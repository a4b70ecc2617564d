//! Reads a file of Rust as lines of code and of comments, without what only tests see.

/// One line, split into its code and its comment.
#[derive(Debug, Default)]
pub(crate) struct Line {
    /// Counts from one.
    pub(crate) number: usize,
    /// The code, with each character of a literal replaced by `"`.
    pub(crate) code: String,
    /// The comment with its slashes, or nothing.
    pub(crate) comment: String,
    /// The line as it stands in the file.
    pub(crate) raw: String,
}

/// A word, a `::`, or one other character of code, and the number of its line.
pub(crate) type Token<'a> = (usize, &'a str);

/// One file of a crate.
#[derive(Debug)]
pub(crate) struct Source {
    /// The path below `src`.
    pub(crate) path: String,
    /// The path of the module: `["config", "read"]`, and nothing for `lib.rs`.
    pub(crate) module: Vec<String>,
    /// The lines that a build without tests has.
    pub(crate) lines: Vec<Line>,
}

/// Reads the files of a crate, each given by its path below `src` and its text. Leaves out the
/// items under `#[cfg(test)]`, and the files of the modules among them.
pub(crate) fn read(mut files: Vec<(String, String)>) -> Vec<Source> {
    files.sort();
    let mut tests: Vec<Vec<String>> = Vec::new();
    let mut sources = Vec::new();
    for (path, text) in files {
        let module = module(&path);
        let mut lines = lines(&text);
        for (first, last, name) in test_items(&tokens(&lines)) {
            lines.retain(|line| line.number < first || line.number > last);
            tests.extend(name.map(|name| [&module[..], &[name]].concat()));
        }
        sources.push(Source {
            path,
            module,
            lines,
        });
    }
    sources.retain(|source| !tests.iter().any(|test| source.module.starts_with(test)));
    sources
}

fn module(path: &str) -> Vec<String> {
    let mut module: Vec<_> = path.trim_end_matches(".rs").split('/').collect();
    if matches!(module.last(), Some(&"mod" | &"lib")) {
        module.pop();
    }
    module.into_iter().map(str::to_owned).collect()
}

#[derive(PartialEq)]
enum Piece {
    Code,
    Comment,
    Literal,
}

fn lines(text: &str) -> Vec<Line> {
    let mut lines: Vec<_> = text
        .lines()
        .zip(1..)
        .map(|(raw, number)| Line {
            number,
            raw: raw.to_owned(),
            ..Line::default()
        })
        .collect();
    let (mut at, mut row, mut in_word) = (0, 0, false);
    while at < text.len() {
        let (piece, len) = piece(&text[at..], in_word);
        for c in text[at..at + len].chars() {
            match (&piece, c) {
                (_, '\n') => row += 1,
                (Piece::Comment, c) => lines[row].comment.push(c),
                (Piece::Literal, c) if !c.is_whitespace() => lines[row].code.push('"'),
                (_, c) => lines[row].code.push(c),
            }
            in_word = piece == Piece::Code && is_word(c);
        }
        at += len;
    }
    lines
}

/// Returns the kind and the length in bytes of the first piece of `rest`. `in_word` says that it goes on
/// with a word, so that the `r` of `for"` begins no raw string.
fn piece(rest: &str, in_word: bool) -> (Piece, usize) {
    let to = |end: Option<usize>| end.unwrap_or(rest.len());
    if rest.starts_with("//") {
        return (Piece::Comment, to(rest.find('\n')));
    }
    if rest.starts_with("/*") {
        return (Piece::Comment, to(rest.find("*/").map(|end| end + 2)));
    }
    let raw = rest.trim_start_matches(['b', 'c']);
    if let Some(hashes) = raw.strip_prefix('r').filter(|_| !in_word) {
        let quote = hashes.trim_start_matches('#');
        if let Some(inside) = quote.strip_prefix('"') {
            let end = format!("\"{}", "#".repeat(hashes.len() - quote.len()));
            let skipped = rest.len() - inside.len();
            let end = inside.find(&end).map(|at| skipped + at + end.len());
            return (Piece::Literal, to(end));
        }
    }
    let mut chars = rest.char_indices();
    let (_, first) = chars.next().expect("the rest is not empty");
    // A quote that no other one follows closely belongs to a lifetime.
    let is_char = || rest[1..].starts_with('\\') || rest.chars().nth(2) == Some('\'');
    if first == '"' || (first == '\'' && is_char()) {
        let mut escaped = false;
        let end = chars.find(|&(_, c)| {
            let end = c == first && !escaped;
            escaped = c == '\\' && !escaped;
            end
        });
        return (Piece::Literal, to(end.map(|(at, _)| at + 1)));
    }
    (Piece::Code, first.len_utf8())
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The code of some lines, as tokens.
pub(crate) fn tokens(lines: &[Line]) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    for line in lines {
        let mut rest = line.code.trim_start();
        while let Some(first) = rest.chars().next() {
            let len = match rest.find(|c| !is_word(c)).unwrap_or(rest.len()) {
                0 if rest.starts_with("::") => 2,
                0 => first.len_utf8(),
                word => word,
            };
            tokens.push((line.number, &rest[..len]));
            rest = rest[len..].trim_start();
        }
    }
    tokens
}

/// The index of the token that ends the item or the block that begins at `from`: a `;`, or the
/// bracket that closes the first `{`.
pub(crate) fn end(tokens: &[Token<'_>], from: usize) -> usize {
    let mut depth = 0_usize;
    for (at, (_, token)) in tokens.iter().enumerate().skip(from) {
        match *token {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 && matches!(*token, ";" | "}") {
            return at;
        }
    }
    tokens.len() - 1
}

/// The first and last line of each item under `#[cfg(test)]`, with its name if it is a module of
/// another file.
fn test_items(tokens: &[Token<'_>]) -> Vec<(usize, usize, Option<String>)> {
    let words: Vec<_> = tokens.iter().map(|&(_, token)| token).collect();
    let is_test = |at: &usize| {
        let rest = &words[*at..];
        rest.starts_with(&["#", "[", "cfg", "(", "test", ")"])
            || rest.starts_with(&["#", "[", "cfg", "(", "all", "(", "test", ","])
    };
    (0..words.len())
        .filter(is_test)
        .map(|at| {
            let end = end(tokens, at);
            let name = match words[..=end] {
                [.., "mod", name, ";"] => Some(name.to_owned()),
                _ => None,
            };
            (tokens[at].0, tokens[end].0, name)
        })
        .collect()
}

/// A crate of a few short files, for the tests of these tests.
pub(crate) fn fixture(files: &[(&str, &str)]) -> Vec<Source> {
    let own = |&(path, text): &(&str, &str)| (path.to_owned(), text.to_owned());
    read(files.iter().map(own).collect())
}

#[test]
fn comments_literals_and_tests_are_no_code() {
    let text = r##"
let a = "// no comment"; // why
/* let b; */ let c = '"'; let d = r#" " "# ; fn e<'a>() {}
#[cfg(test)]
mod tests { fn hidden() { "}" } }
#[cfg(test)]
mod more;
fn shown() {}
"##;
    let sources = fixture(&[("lib.rs", text), ("more/one.rs", "fn hidden() {}")]);
    assert_eq!(sources.len(), 1);
    let lines = &sources[0].lines;
    assert_eq!(lines[1].comment, "// why");
    assert_eq!(
        lines[1].code.trim_end(),
        "let a = \"\"\" \"\" \"\"\"\"\"\"\"\";"
    );
    let words: Vec<_> = tokens(lines).into_iter().map(|(_, token)| token).collect();
    assert_eq!(words.iter().filter(|word| **word == "fn").count(), 2);
    for hidden in ["comment", "why", "b", "hidden", "more"] {
        assert!(!words.contains(&hidden), "{words:?}");
    }
}
