//! Finds which tests claim to hold which row of a page: `ATTACKS T-06`, `FAULTS S1`.
//!
//! A claim is a comment: above a test or inside it, or, for all tests of a file, at its top. In a
//! script it may stand anywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::{files, root};

/// The tests that claim a row, by the row's number. Each is a name and a path from the root.
pub(crate) type Claims = BTreeMap<String, BTreeSet<(String, String)>>;

/// Reads all claims about one page, whose keyword stands before the numbers.
pub(crate) fn claims(keyword: &str) -> Claims {
    let mut claims = Claims::new();
    let root = root();
    for folder in ["crates", "tests", "fuzz"] {
        for (path, text) in files(&root.join(folder), &["rs", "sh", "py", "mjs", "js"]) {
            let path = path.strip_prefix(&root).expect("below the root");
            // The examples of this very test claim nothing.
            if path.starts_with("tests/architecture") {
                continue;
            }
            for (number, test) in claims_of(keyword, path, &text) {
                let file = path.to_string_lossy().into_owned();
                claims.entry(number).or_default().insert((test, file));
            }
        }
    }
    claims
}

fn claims_of(keyword: &str, path: &Path, text: &str) -> Vec<(String, String)> {
    let is_rust = path.extension().is_some_and(|end| end == "rs");
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    if !is_rust {
        let numbers = numbers(keyword, text).into_iter();
        return numbers.map(|number| (number, stem.to_string())).collect();
    }
    let mut found = Vec::new();
    let tests = tests(text);
    // What is said at the top of a file of tests is said of each test in it.
    if path.components().any(|part| part.as_os_str() == "tests") {
        let top: String = text
            .lines()
            .take_while(|line| line.starts_with("//!"))
            .map(|line| format!("{}\n", &line[3..]))
            .collect();
        if !tests.is_empty() {
            found.extend(
                numbers(keyword, &top)
                    .into_iter()
                    .map(|n| (n, stem.to_string())),
            );
        }
    }
    for (name, comments) in tests {
        let numbers = numbers(keyword, &comments).into_iter();
        found.extend(numbers.map(|number| (number, name.clone())));
    }
    found
}

/// The tests of a file of Rust, each with the comments above it and inside.
pub(crate) fn tests(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let (mut comments, mut is_test) = (String::new(), false);
    // The indent of the test that the lines are in, its name and its comments.
    let mut inside: Option<(usize, String, String)> = None;
    for line in text.lines() {
        let code = line.trim_start();
        let indent = line.len() - code.len();
        let comment = code
            .find("//")
            .map(|at| code[at..].trim_start_matches(['/', '!', ' ']));
        if let Some((outer, name, said)) = &mut inside {
            if let Some(comment) = comment {
                said.push_str(comment);
                said.push('\n');
            }
            if indent == *outer && code.starts_with('}') {
                found.push((std::mem::take(name), std::mem::take(said)));
                inside = None;
            }
        } else if code.starts_with("//") {
            comments.push_str(comment.unwrap_or_default());
            comments.push('\n');
        } else if code.starts_with("#[") {
            is_test |= ["#[test]", "#[tokio::test", "#[test_case"]
                .iter()
                .any(|a| code.starts_with(a));
        } else if let Some(name) = name_of_function(code) {
            let said = std::mem::take(&mut comments);
            if std::mem::take(&mut is_test) {
                inside = Some((indent, name, said));
            }
        } else if !code.is_empty() && !code.starts_with([')', '(', '"']) {
            comments.clear();
        }
    }
    found
}

fn name_of_function(code: &str) -> Option<String> {
    let code = code.trim_start_matches("pub ").trim_start_matches("async ");
    let name = code.strip_prefix("fn ")?;
    Some(name.split(['(', '<']).next()?.to_owned())
}

/// The numbers that stand after each keyword, up to the end of its list: `ATTACKS H-21 to H-24, D-04`.
pub(crate) fn numbers(keyword: &str, text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for after in text.split(keyword).skip(1) {
        let mut last: Option<Number> = None;
        let mut is_range = false;
        for word in after.split_whitespace() {
            let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
            match (Number::read(bare), bare) {
                (Some(number), _) => {
                    if let Some(first) = last.filter(|_| is_range) {
                        found.extend(first.up_to(number).map(|n| n.to_string()));
                    }
                    found.insert(number.to_string());
                    (last, is_range) = (Some(number), false);
                }
                (None, "to") => is_range = true,
                // The parts of a row: `T-06 (a), (b)`.
                (None, "and" | "a" | "b" | "c" | "d" | "e" | "f" | "") => {}
                (None, _) => break,
            }
            if word.ends_with([':', '.', ';']) {
                break;
            }
        }
    }
    found
}

/// The number of a row: a letter and digits, with a hyphen or without.
#[derive(Clone, Copy)]
struct Number {
    letter: char,
    hyphen: bool,
    number: u32,
}

impl Number {
    fn read(word: &str) -> Option<Self> {
        let letter = word.chars().next().filter(char::is_ascii_uppercase)?;
        let rest = &word[1..];
        let digits = rest.strip_prefix('-').unwrap_or(rest);
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        Some(Self {
            letter,
            hyphen: rest.len() > digits.len(),
            number: digits.parse().ok().filter(|_| is_number)?,
        })
    }

    fn up_to(self, last: Self) -> impl Iterator<Item = Self> {
        (self.number..=last.number).map(move |number| Self { number, ..self })
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.hyphen {
            write!(f, "{}-{:02}", self.letter, self.number)
        } else {
            write!(f, "{}{}", self.letter, self.number)
        }
    }
}

#[test]
fn numbers_are_read_from_lists_and_ranges() {
    let read = |text: &str| Vec::from_iter(numbers("ATTACKS", text)).join(" ");
    assert_eq!(read("(ATTACKS H-21 to H-23, D-04)."), "D-04 H-21 H-22 H-23");
    assert_eq!(
        read("ATTACKS T-06 (a), (b) and T-07: why T-08"),
        "T-06 T-07"
    );
    assert_eq!(read("ATTACKS O-19, which X-01"), "O-19");
    assert_eq!(
        Vec::from_iter(numbers("FAULTS", "FAULTS S1, S12.")).join(" "),
        "S1 S12"
    );
}

#[test]
fn a_claim_belongs_to_the_test_that_it_stands_at() {
    let text = "// ATTACKS T-01\nfn helper() {\n}\n\n/// ATTACKS T-02.\n#[test]\nfn one() {\n    // \
                ATTACKS T-03: why\n}\n\n#[tokio::test(flavor = \"x\")]\nasync fn two() {}\n";
    let found = claims_of("ATTACKS", Path::new("crates/x/src/y.rs"), text);
    let expected = [("T-02", "one"), ("T-03", "one")];
    let found: Vec<_> = found
        .iter()
        .map(|(n, t)| (n.as_str(), t.as_str()))
        .collect();
    assert_eq!(found, expected);
}
