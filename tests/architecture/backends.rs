//! The page of backends: each case of the contract is passed by each backend, or does not apply.
//!
//! The page is made from comment lines that stand at tests, or anywhere in a script:
//!
//! ```text
//! // BACKENDS cln pay, msat: double                       the test shows these cases
//! // BACKENDS nwc fee_limit: not applicable: WHY          anywhere in a file of tests
//! // BACKENDS lnd real: lnd v0.20.1-beta, pinned in FILE  what the tests of this kind ran against
//! ```
//!
//! The word after the colon is how it was shown: see [`KINDS`]. After adding a line, write the page
//! with `UPDATE_PAGES=1 cargo test -p l402-tests --test architecture`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use crate::cases::{BACKENDS, CASES, KINDS};
use crate::claims::tests;
use crate::{files, root};

const PAGE: &str = "docs/backends.md";

/// The keyword at which a line begins.
const KEYWORD: &str = "BACKENDS ";

/// The most tests that a row names.
const SHOWN: usize = 3;

/// A test, as the page links it: its name, and its file's path from the root.
type Test = (String, String);

/// The claims of the comments, by backend and case or by backend and kind.
#[derive(Default)]
struct Said {
    shown: BTreeMap<(String, String), BTreeSet<(usize, Test)>>,
    reasons: BTreeMap<(String, String), String>,
    subjects: BTreeMap<(String, usize), BTreeSet<String>>,
    wrong: Vec<String>,
}

impl Said {
    fn read() -> Self {
        let mut said = Self::default();
        let root = root();
        for folder in ["crates", "tests"] {
            for (path, text) in files(&root.join(folder), &["rs", "sh", "py", "mjs", "js"]) {
                let path = path.strip_prefix(&root).expect("below the root");
                // The examples of this very test say nothing.
                if !path.starts_with("tests/architecture") {
                    said.file(path, &text);
                }
            }
        }
        said
    }

    fn file(&mut self, path: &Path, text: &str) {
        let file = path.to_string_lossy().into_owned();
        let tests = if file.ends_with(".rs") {
            tests(text)
        } else {
            let stem = path.file_stem().unwrap_or_default();
            vec![(stem.to_string_lossy().into_owned(), text.to_owned())]
        };
        let mut at_tests = BTreeSet::new();
        for (name, comments) in tests {
            for line in lines(&comments) {
                self.line(line, &file, Some(&name));
                at_tests.insert(line.to_owned());
            }
        }
        for line in lines(text).filter(|line| !at_tests.contains(*line)) {
            self.line(line, &file, None);
        }
    }

    /// Takes in one line; `test` is the test that it stands at.
    fn line(&mut self, line: &str, file: &str, test: Option<&str>) {
        let mut wrong = |what: &str| self.wrong.push(format!("{file}: {what}: {KEYWORD}{line}"));
        let Some((head, how)) = line.split_once(": ") else {
            return wrong("no kind after a colon");
        };
        let (backend, list) = head.split_once(' ').unwrap_or((head, ""));
        if !BACKENDS.iter().any(|(name, _)| *name == backend) {
            return wrong("an unknown backend");
        }
        if let Some(kind) = kind(list) {
            let subject = self.subjects.entry((backend.to_owned(), kind));
            subject.or_default().insert(how.to_owned());
            return;
        }
        let cases: Vec<&str> = list.split(',').map(str::trim).collect();
        let is_known = |case: &&str| CASES.iter().any(|(name, _)| name == case);
        if !cases.iter().all(is_known) {
            return wrong("an unknown case");
        }
        let reason = how.strip_prefix("not applicable: ");
        let keys = cases
            .iter()
            .map(|case| (backend.to_owned(), (*case).to_owned()));
        match (kind(how.trim_end_matches('.')), reason, test) {
            (_, Some(reason), _) => self
                .reasons
                .extend(keys.map(|key| (key, reason.to_owned()))),
            (Some(kind), _, Some(test)) => {
                for key in keys {
                    let test = (test.to_owned(), file.to_owned());
                    self.shown.entry(key).or_default().insert((kind, test));
                }
            }
            (Some(_), _, None) => wrong("stands at no test"),
            (None, None, _) => wrong("an unknown kind"),
        }
    }

    /// Appends to `wrong` each backend and case that has neither a test nor a reason, or both.
    fn check(&mut self) {
        for (backend, _) in BACKENDS {
            let has = |case: &str| {
                let key = (backend.to_owned(), case.to_owned());
                (
                    self.shown.contains_key(&key),
                    self.reasons.contains_key(&key),
                )
            };
            let is = |wanted| {
                let cases = CASES.iter().map(|(case, _)| *case);
                let found: Vec<_> = cases.filter(|case| has(case) == wanted).collect();
                found.join(", ")
            };
            let (missing, twice) = (is((false, false)), is((true, true)));
            if !missing.is_empty() {
                let text = format!("{backend}: neither a test nor a reason: {missing}");
                self.wrong.push(text);
            }
            if !twice.is_empty() {
                let text = format!("{backend}: both a test and a reason: {twice}");
                self.wrong.push(text);
            }
            for (kind, (word, _)) in KINDS.iter().enumerate() {
                let is_named = self.subjects.contains_key(&(backend.to_owned(), kind));
                if !is_named && self.kinds(backend).contains(&kind) {
                    let text =
                        format!("{backend}: what is {word}? // {KEYWORD}{backend} {word}: …");
                    self.wrong.push(text);
                }
            }
        }
        self.check_pins();
    }

    /// A version that is pinned in a file is the one in that file.
    fn check_pins(&mut self) {
        for text in self.subjects.values().flatten() {
            let Some((before, file)) = text.split_once("pinned in ") else {
                continue;
            };
            let file = file.split_whitespace().next().unwrap_or_default();
            let pins = std::fs::read_to_string(root().join(file.trim_end_matches([',', '.'])));
            let pins = pins.unwrap_or_default();
            let is_version = |word: &&str| word.contains('.') && word.contains(char::is_numeric);
            let words = before.split(|c: char| c.is_whitespace() || c == ',');
            if !words.filter(is_version).all(|word| pins.contains(word)) {
                self.wrong.push(format!("another version there: {text}"));
            }
        }
    }

    /// Returns the kinds by which the cases of a backend are shown.
    fn kinds(&self, backend: &str) -> BTreeSet<usize> {
        let of = self.shown.iter().filter(|((name, _), _)| name == backend);
        of.flat_map(|(_, tests)| tests.iter().map(|(kind, _)| *kind))
            .collect()
    }

    fn page(&self) -> String {
        let mut page = HEAD.to_owned();
        for (kind, meaning) in KINDS {
            let _ = writeln!(page, "- **{kind}**: {meaning};");
        }
        page.push_str("- **n/a**: not applicable; the reason is below.\n\n");
        let names = BACKENDS.map(|(name, _)| name).join(" | ");
        let _ = writeln!(page, "| | {names} |");
        let _ = writeln!(page, "|---|{}", "---|".repeat(BACKENDS.len()));
        for (case, _) in CASES {
            let cells = BACKENDS.map(|(backend, _)| self.cell(backend, case));
            let _ = writeln!(page, "| `{case}` | {} |", cells.join(" | "));
        }
        page.push_str("\n## The cases\n\n| Case | Meaning |\n|---|---|\n");
        for (case, meaning) in CASES {
            let _ = writeln!(page, "| `{case}` | {meaning} |");
        }
        for (backend, called) in BACKENDS {
            self.section(&mut page, backend, called);
        }
        page
    }

    /// Returns the kinds that show a case, the most convincing one first.
    fn cell(&self, backend: &str, case: &str) -> String {
        let key = (backend.to_owned(), case.to_owned());
        match self.shown.get(&key) {
            Some(tests) => {
                let kinds: BTreeSet<_> = tests.iter().map(|(kind, _)| *kind).collect();
                let words: Vec<_> = kinds.into_iter().map(|kind| KINDS[kind].0).collect();
                words.join(", ")
            }
            None if self.reasons.contains_key(&key) => "n/a".to_owned(),
            None => "?".to_owned(),
        }
    }

    fn section(&self, page: &mut String, backend: &str, called: &str) {
        let _ = writeln!(page, "\n## {called} (`{backend}`)\n");
        for (kind, (word, _)) in KINDS.iter().enumerate() {
            let subjects = self.subjects.get(&(backend.to_owned(), kind));
            for subject in subjects.into_iter().flatten() {
                let _ = writeln!(page, "- {word}: {subject}");
            }
        }
        if !self.kinds(backend).contains(&0) {
            page.push_str("- No test here has run the real one.\n");
        }
        page.push_str("\n| Case | |\n|---|---|\n");
        for (case, _) in CASES {
            let key = (backend.to_owned(), case.to_owned());
            let cell = match (self.shown.get(&key), self.reasons.get(&key)) {
                (Some(tests), _) => links(tests),
                (None, Some(reason)) => format!("not applicable: {reason}"),
                (None, None) => "?".to_owned(),
            };
            let _ = writeln!(page, "| `{case}` | {cell} |");
        }
    }
}

const HEAD: &str = "# Backends

Each wallet and each node is held to the same cases. The tests write this page: a case is named in a comment at
the test that shows it, and one that has neither a test nor a reason fails the build. A cell says what the
test ran against:

";

fn links(tests: &BTreeSet<(usize, Test)>) -> String {
    let links = tests.iter().take(SHOWN);
    let mut cell = links
        .map(|(kind, (name, file))| format!("{}: [{name}](../{file})", KINDS[*kind].0))
        .collect::<Vec<_>>()
        .join(", ");
    if let Some(more) = tests.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        let _ = write!(cell, " and {more} more");
    }
    cell
}

/// The lines that begin with the keyword, in code behind its mark of a comment.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let line = line.trim_start().trim_start_matches(['/', '!', '#', ' ']);
        line.strip_prefix(KEYWORD).map(str::trim_end)
    })
}

fn kind(word: &str) -> Option<usize> {
    KINDS.iter().position(|(kind, _)| *kind == word)
}

#[test]
fn each_case_is_passed_by_each_backend_or_says_why_not() {
    let mut said = Said::read();
    said.check();
    let (path, new) = (root().join(PAGE), said.page());
    // Written even if something is missing: the page then shows where.
    if std::env::var_os("UPDATE_PAGES").is_some() {
        std::fs::write(&path, &new).expect("a page");
    }
    assert!(said.wrong.is_empty(), "\n{}", said.wrong.join("\n"));
    let old = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        old == new,
        "{PAGE} is not what the tests say: UPDATE_PAGES=1 writes it"
    );
}

#[test]
fn a_line_is_taken_as_it_stands() {
    let text = "// BACKENDS lnd real: lnd 1.2\n// BACKENDS nwc msat, held: not applicable: w: y\n\n\
                // BACKENDS lnd pay, msat: double\n#[test]\nfn one() {\n    // BACKENDS lnd held: \
                real\n}\n";
    let mut said = Said::default();
    said.file(Path::new("tests/x.rs"), text);
    said.file(
        Path::new("tests/y.mjs"),
        "// BACKENDS nwc pay: foreign\n# BACKENDS lnd pay: real\n",
    );
    assert_eq!(said.wrong, Vec::<String>::new());
    assert_eq!(said.cell("lnd", "pay"), "real, double");
    assert_eq!(said.cell("lnd", "held"), "real");
    assert_eq!(said.cell("nwc", "pay"), "foreign");
    assert_eq!(said.cell("nwc", "held"), "n/a");
    assert_eq!(said.cell("cln", "held"), "?");
    assert_eq!(said.reasons[&("nwc".to_owned(), "msat".to_owned())], "w: y");
    let page = said.page();
    for shown in [
        "- real: lnd 1.2\n",
        "| `pay` | real: [y](../tests/y.mjs), double: [one](../tests/x.rs) |",
        "| `msat` | not applicable: w: y |",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
}

#[test]
fn a_line_that_says_nothing_is_told() {
    for (line, told) in [
        ("// BACKENDS lnd pay: double", "stands at no test"),
        ("// BACKENDS lnd pay", "no kind after a colon"),
        ("// BACKENDS lnb pay: double", "an unknown backend"),
        ("// BACKENDS lnd pays: double", "an unknown case"),
        ("// BACKENDS lnd: double", "an unknown case"),
        ("// BACKENDS lnd pay: doubled", "an unknown kind"),
        ("// BACKENDS lnd pay: not applicable", "an unknown kind"),
    ] {
        let mut said = Said::default();
        said.file(Path::new("tests/x.rs"), line);
        assert_eq!(said.wrong.len(), 1, "{line}: {:?}", said.wrong);
        assert!(said.wrong[0].contains(told), "{line}: {:?}", said.wrong);
    }
    let mut said = Said::default();
    said.file(
        Path::new("tests/x.rs"),
        "// BACKENDS lnd pay: double\n// BACKENDS lnd pay: not applicable: w\n#[test]\nfn x() {\n}\n",
    );
    said.check();
    let told = said.wrong.join("\n");
    for line in [
        "lnd: both a test and a reason: pay",
        "lnd: what is double? // BACKENDS lnd double: …",
        "nwc: neither a test nor a reason: pay, fee_limit",
    ] {
        assert!(told.contains(line), "{told}");
    }
}
