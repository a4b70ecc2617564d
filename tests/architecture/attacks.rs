//! The pages of attacks and of faults: each row is shown by a test, or says why it need not be.
//!
//! The last column of both pages is made from the claims in the tests. After adding a row or a
//! claim, write it with `UPDATE_PAGES=1 cargo test -p l402-tests --test architecture`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::claims::{Claims, claims, numbers};
use crate::{root, sources};

/// Begins the last cell of a row that no test shows.
const WITHOUT: &str = "no test: ";

/// The most tests that a row names.
const SHOWN: usize = 3;

/// Makes the page anew from its rows and the claims. Appends what is wrong to `wrong`.
fn page(keyword: &str, old: &str, claims: &Claims, wrong: &mut Vec<String>) -> String {
    let mut new = String::new();
    let mut rows = BTreeSet::new();
    for line in old.lines() {
        let cells: Vec<_> = line.split(" | ").collect();
        let number = cells[0].trim_start_matches("| ");
        let is_row = line.starts_with("| ") && number.contains(|c: char| c.is_ascii_digit());
        if !is_row {
            let _ = writeln!(new, "{line}");
            continue;
        }
        let [_, attack, answer, last] = cells[..] else {
            wrong.push(format!("{keyword} {number}: a row has four cells"));
            continue;
        };
        if !rows.insert(number.to_owned()) {
            wrong.push(format!("{keyword} {number}: two rows"));
        }
        let last = match claims.get(number) {
            Some(tests) => shown(tests),
            None if last.starts_with(WITHOUT) => last.trim_end_matches(" |").to_owned(),
            None => {
                wrong.push(format!("{keyword} {number}: neither a test nor a reason"));
                String::new()
            }
        };
        let _ = writeln!(new, "| {number} | {attack} | {answer} | {last} |");
    }
    let unknown = claims.keys().filter(|number| !rows.contains(*number));
    wrong.extend(unknown.map(|number| format!("{keyword} {number}: claimed, and not on the page")));
    new
}

/// The cell that links to the tests of a row.
fn shown(tests: &BTreeSet<(String, String)>) -> String {
    let links = tests.iter().take(SHOWN);
    let mut cell = links
        .map(|(name, file)| format!("[{name}](../{file})"))
        .collect::<Vec<_>>()
        .join(", ");
    if let Some(more) = tests.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        let _ = write!(cell, " and {more} more");
    }
    cell
}

fn assert_page(keyword: &str, name: &str) {
    let path = root().join(name);
    let old = std::fs::read_to_string(&path).expect("the page");
    let mut wrong = Vec::new();
    let new = page(keyword, &old, &claims(keyword), &mut wrong);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    if std::env::var_os("UPDATE_PAGES").is_some() {
        std::fs::write(&path, &new).expect("a page");
    } else {
        assert!(
            old == new,
            "{name} is not what the tests claim: UPDATE_PAGES=1 writes it"
        );
    }
}

#[test]
fn each_attack_on_the_page_is_shown_by_a_test_or_says_why_not() {
    assert_page("ATTACKS", "docs/ATTACKS.md");
}

#[test]
fn each_fault_on_the_page_is_shown_by_a_test() {
    assert_page("FAULTS", "docs/FAULTS.md");
}

/// A number in a comment of the code sends its reader to the page.
#[test]
fn each_attack_that_the_code_names_is_on_the_page() {
    let page = std::fs::read_to_string(root().join("docs/ATTACKS.md")).expect("the page");
    let mut unknown = BTreeSet::new();
    for (_, text) in sources(&root().join("crates")) {
        let named = numbers("ATTACKS", &text).into_iter();
        unknown.extend(named.filter(|number| !page.contains(&format!("| {number} | "))));
    }
    assert!(
        unknown.is_empty(),
        "named in code, not on the page: {unknown:?}"
    );
}

#[test]
fn a_row_without_test_and_reason_is_told() {
    let page = |rows: &str, claims: &Claims| {
        let mut wrong = Vec::new();
        let new = page("ATTACKS", rows, claims, &mut wrong);
        (new, wrong.join(", "))
    };
    let claimed = Claims::from([(
        "T-01".to_owned(),
        BTreeSet::from([("a".into(), "b.rs".into())]),
    )]);
    let (new, wrong) = page(
        "| T-01 | x | 401 |  |\n| T-02 | y | 401 | no test: z |\n",
        &claimed,
    );
    let expected = "| T-01 | x | 401 | [a](../b.rs) |\n| T-02 | y | 401 | no test: z |\n";
    assert_eq!((new.as_str(), wrong.as_str()), (expected, ""));
    let told =
        "ATTACKS T-02: neither a test nor a reason, ATTACKS T-01: claimed, and not on the page";
    assert_eq!(page("| T-02 | y | 401 |  |\n", &claimed).1, told);
}
