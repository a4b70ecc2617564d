//! Figures on the words of the sources, and the least or the most that each may be.
//!
//! `cargo test -p l402-tests --test architecture -- --nocapture words` prints them, per crate, and
//! after them each place that the next pass over the language should look at.

use std::collections::BTreeMap;

use crate::source::{Line, Source, Token, end, fixture, tokens};
use crate::wings::crates;

/// Lines with a `//` comment per line of code.
const MIN_COMMENTS: f64 = 0.02;

/// The share of doc comments that begin with one of `QUESTIONS`.
const MAX_QUESTIONS: f64 = 0.05;

/// Examples in the docs that rustdoc compiles.
const MIN_EXAMPLES: usize = 21;

/// Lines of code of a function, from `fn` to the last bracket.
const MAX_MEDIAN_FUNCTION: usize = 9;
const MAX_FUNCTION: usize = 60;

/// A function of more lines than this needs a `//` comment. Printed, not refused.
const LONG_FUNCTION: usize = 25;

/// A doc comment begins with a verb or a noun, not with one of these.
const QUESTIONS: &str = "How What When Where Whether Who Whom Whose Why";

/// Names that the glossary replaced, of types, modules and functions.
const REPLACED: &str = "\
    Asked Course Inner Newcomer Opened Over Said Shop Silence Turnstile Verified ahead \
    elsewhere is_door_of is_known known payment_scheme rest room seal shop told words";

/// Names of types that stand for one thing only inside a crate.
const ONE_MEANING: &str =
    "Answer Claim Denied Held Payment Reservation Settlement State Target ToolCall Wanted";

/// The words before the name of a type, a module or a function.
const DEFINING: &[&str] = &["enum", "fn", "mod", "struct", "trait", "type"];

/// Words in the info string of an example that rustdoc compiles.
const COMPILED: &[&str] = &["", "rust", "no_run", "should_panic", "edition2024"];

/// The figures of one crate, or of all.
#[derive(Default)]
struct Figures {
    code: usize,
    comments: usize,
    doc_lines: usize,
    docs: usize,
    examples: usize,
    /// Lines of code of each function, lines of each file.
    functions: Vec<usize>,
    files: Vec<usize>,
    /// Places, as `file:line: text`.
    questions: Vec<String>,
    unexplained: Vec<String>,
    names: Vec<String>,
}

impl Figures {
    fn add(&mut self, name: &str, sources: &[Source]) {
        let mut types: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for source in sources {
            let tokens = tokens(&source.lines);
            let place = |line: usize| format!("crates/{name}/src/{}:{line}", source.path);
            self.add_comments(&source.lines, place);
            self.add_functions(&source.lines, &tokens, place);
            for (line, name) in names(&tokens) {
                if is_one_of(REPLACED, name) {
                    self.names.push(format!("{}: {name}", place(line)));
                } else if is_one_of(ONE_MEANING, name) {
                    types.entry(name).or_default().push(place(line));
                }
            }
        }
        for (name, places) in types.into_iter().filter(|(_, places)| places.len() > 1) {
            let twice = format!("{}: {name} has several meanings", places.join(" and "));
            self.names.push(twice);
        }
    }

    fn add_comments(&mut self, lines: &[Line], place: impl Fn(usize) -> String) {
        self.files.push(lines.last().map_or(0, |line| line.number));
        self.code += lines.iter().filter(|line| is_code(line)).count();
        self.comments += lines.iter().filter(|line| is_comment(line)).count();
        for block in doc_blocks(lines) {
            self.docs += 1;
            self.doc_lines += block.len();
            self.examples += examples(&block);
            let (line, first) = block[0];
            let word = first.split(|c: char| !c.is_alphabetic()).next();
            if word.is_some_and(|word| is_one_of(QUESTIONS, word)) {
                self.questions.push(format!("{}: {first}", place(line)));
            }
        }
    }

    fn add_functions(
        &mut self,
        lines: &[Line],
        tokens: &[Token<'_>],
        place: impl Fn(usize) -> String,
    ) {
        for (name, first, last, length) in functions(tokens) {
            self.functions.push(length);
            let inside = |line: &&Line| (first..=last).contains(&line.number);
            let is_explained = lines.iter().filter(inside).any(is_comment);
            if length > LONG_FUNCTION && !is_explained {
                let text = format!("{}: {name}, {length} lines", place(first));
                self.unexplained.push(text);
            }
        }
    }

    fn comment_share(&self) -> f64 {
        share(self.comments, self.code)
    }

    fn question_share(&self) -> f64 {
        share(self.questions.len(), self.docs)
    }

    /// One row of the printed table, below `HEAD`.
    fn row(&self, name: &str) -> String {
        let [median, most, longest] = [500, 900, 1000].map(|rank| ranked(&self.functions, rank));
        let [file, longest_file] = [500, 1000].map(|rank| ranked(&self.files, rank));
        let cells = [
            self.code.to_string(),
            format!("{:.4}", self.comment_share()),
            format!("{:.3}", share(self.doc_lines, self.code)),
            format!("{:.1}%", self.question_share() * 100.0),
            self.examples.to_string(),
            self.functions.len().to_string(),
            format!("{median}/{most}/{longest}"),
            self.unexplained.len().to_string(),
            format!("{file}/{longest_file}"),
            self.names.len().to_string(),
        ];
        let cells = cells.map(|cell| format!("{cell:>11}"));
        format!("{name:14}{}", cells.concat())
    }
}

/// The columns of `Figures::row`. Lengths are median, ninth tenth and longest of the functions, and
/// median and longest of the files; `bare` counts the long functions without a comment.
const HEAD: &str = "crate                code    // /code   doc /code  What, How…   examples  functions    \
    lengths       bare      files   replaced";

#[expect(clippy::cast_precision_loss, reason = "counts of lines are small")]
fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// The value that `rank` thousandths of the values do not exceed.
fn ranked(values: &[usize], rank: usize) -> usize {
    let mut values = values.to_vec();
    values.sort_unstable();
    let at = (values.len() * rank).div_ceil(1000).saturating_sub(1);
    values.get(at).copied().unwrap_or(0)
}

fn is_one_of(words: &str, word: &str) -> bool {
    words.split(' ').any(|one| one == word)
}

fn is_code(line: &Line) -> bool {
    !line.code.trim().is_empty()
}

/// Tells a `//` comment from docs, on a line of its own or after code.
fn is_comment(line: &Line) -> bool {
    !line.comment.is_empty() && doc(line).is_none()
}

/// The text of a line of docs.
fn doc(line: &Line) -> Option<&str> {
    // An example that depends on a feature is opened by an attribute: `doc = "```"`.
    if let Some((_, text)) = line.raw.split_once("doc = \"```") {
        return Some(if text.starts_with('"') { "```" } else { "" });
    }
    let text = line.comment.strip_prefix("//")?;
    let text = text.strip_prefix('!').or(text.strip_prefix('/'))?;
    (!is_code(line) && !text.starts_with('/')).then_some(text.trim())
}

/// Each run of lines of docs, with the numbers of the lines.
fn doc_blocks(lines: &[Line]) -> Vec<Vec<(usize, &str)>> {
    let mut blocks: Vec<Vec<_>> = Vec::new();
    for line in lines {
        let Some(text) = doc(line) else { continue };
        match blocks.last_mut() {
            Some(block)
                if block
                    .last()
                    .is_some_and(|(number, _)| number + 1 == line.number) =>
            {
                block.push((line.number, text));
            }
            _ => blocks.push(vec![(line.number, text)]),
        }
    }
    blocks
}

/// The number of fenced blocks that rustdoc compiles.
fn examples(block: &[(usize, &str)]) -> usize {
    let fences = block
        .iter()
        .filter_map(|(_, text)| text.strip_prefix("```"));
    fences
        .step_by(2)
        .filter(|info| info.split(',').all(|word| COMPILED.contains(&word.trim())))
        .count()
}

/// The name of each function that has a body, its first and last line, and how many of them hold
/// code, the signature and the last bracket included.
fn functions<'a>(tokens: &[Token<'a>]) -> Vec<(&'a str, usize, usize, usize)> {
    let mut found = Vec::new();
    for (at, name) in named(tokens, &["fn"]) {
        let last = end(tokens, at);
        if tokens[last].1 == "}" {
            let function = &tokens[at..=last];
            let mut lines: Vec<_> = function.iter().map(|(line, _)| line).collect();
            lines.dedup();
            found.push((name, tokens[at].0, tokens[last].0, lines.len()));
        }
    }
    found
}

/// The line and the name of each type, module and function.
fn names<'a>(tokens: &[Token<'a>]) -> Vec<(usize, &'a str)> {
    let defined = named(tokens, DEFINING);
    defined
        .into_iter()
        .map(|(at, name)| (tokens[at].0, name))
        .collect()
}

/// The index of each of these keywords that a name follows, and the name.
fn named<'a>(tokens: &[Token<'a>], keywords: &[&str]) -> Vec<(usize, &'a str)> {
    let pairs = tokens.windows(2).enumerate();
    pairs
        .filter(|(_, pair)| keywords.contains(&pair[0].1))
        .filter(|(_, pair)| pair[1].1.starts_with(char::is_alphabetic))
        .map(|(at, pair)| (at, pair[1].1))
        .collect()
}

#[test]
#[expect(clippy::print_stdout, reason = "the figures are for people")]
fn words_are_plain() {
    let mut all = Figures::default();
    println!("{HEAD}");
    for (name, sources) in crates() {
        let mut figures = Figures::default();
        figures.add(&name, &sources);
        println!("{}", figures.row(&name));
        all.add(&name, &sources);
    }
    println!("{}", all.row("all"));
    for (title, places) in [
        ("docs that begin with a question", &all.questions),
        ("long functions without a comment", &all.unexplained),
        ("names that the glossary replaced", &all.names),
    ] {
        println!("\n{title}:\n{}", places.join("\n"));
    }
    let rules = [
        (
            all.comment_share() >= MIN_COMMENTS,
            "more `//` comments that say why",
        ),
        (
            all.question_share() <= MAX_QUESTIONS,
            "docs that begin with a verb or a noun",
        ),
        (all.examples >= MIN_EXAMPLES, "more examples"),
        (
            ranked(&all.functions, 500) <= MAX_MEDIAN_FUNCTION,
            "shorter functions",
        ),
        (
            ranked(&all.functions, 1000) <= MAX_FUNCTION,
            "no function so long",
        ),
        (all.names.is_empty(), "the names of the glossary"),
    ];
    let broken: Vec<_> = rules
        .iter()
        .filter(|(holds, _)| !holds)
        .map(|(_, rule)| rule)
        .collect();
    assert!(broken.is_empty(), "the sources need {broken:?}");
}

#[test]
fn the_figures_are_right_for_a_small_crate() {
    let text = r#"//! A crate.
//!
//! ```
//! fn example() {}
//! ```
//!
//! ```text
//! a picture
//! ```

/// Whether it holds.
struct Asked; // a reason

/// Whatever is left.
fn left(
    over: usize,
) -> usize {
    // A reason.

    over + "//
        two lines".len()
}
mod state { struct State; }
enum State {}
"#;
    let mut figures = Figures::default();
    figures.add("small", &fixture(&[("lib.rs", text)]));
    assert_eq!((figures.code, figures.comments), (9, 2));
    assert_eq!((figures.docs, figures.doc_lines), (3, 11));
    assert_eq!((figures.examples, figures.functions), (1, vec![6]));
    assert_eq!(
        figures.questions,
        ["crates/small/src/lib.rs:11: Whether it holds."]
    );
    assert_eq!(
        figures.names,
        [
            "crates/small/src/lib.rs:12: Asked",
            "crates/small/src/lib.rs:23 and crates/small/src/lib.rs:24: State has several meanings"
        ]
    );
}
