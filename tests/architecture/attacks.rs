//! The attacks that the page lists are those that the tests name.

use std::collections::BTreeSet;

use crate::{root, sources};

/// The numbers of attacks in a text: a letter, a hyphen, two digits.
fn attack_numbers(text: &str) -> BTreeSet<String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    text.split(|c| !is_word(c))
        .filter(|word| match word.as_bytes() {
            [letter, b'-', a, b] => {
                b"TPRDHCO".contains(letter) && a.is_ascii_digit() && b.is_ascii_digit()
            }
            _ => false,
        })
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_attacks_in_the_code_are_those_on_the_page() {
    let page = std::fs::read_to_string(root().join("docs/ATTACKS.md")).expect("the page");
    let listed = attack_numbers(&page);
    let named: BTreeSet<String> = sources(&root().join("crates"))
        .into_iter()
        .flat_map(|(_, text)| attack_numbers(&text))
        .collect();
    let unlisted: Vec<_> = named.difference(&listed).collect();
    let unnamed: Vec<_> = listed.difference(&named).collect();
    assert!(
        unlisted.is_empty(),
        "named in code, not on the page: {unlisted:?}"
    );
    assert!(
        unnamed.is_empty(),
        "on the page, not named in code: {unnamed:?}"
    );
}
