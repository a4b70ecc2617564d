//! `l402 backup` and `restore` in a home with an operator: limits of earlier are not had for nothing.

use std::path::PathBuf;

use crate::operator::{PASSPHRASE, as_model, sealed};
use crate::program::{AtTerminal, Home};

fn beside(home: &Home, name: &str) -> (PathBuf, String) {
    let path = home.path().join(name);
    let text = path.to_str().expect("UTF-8").to_owned();
    (path, text)
}

/// Runs a line at a terminal, where each question gets the next passphrase.
fn with_passphrases(home: &Home, line: &str, typed: &[&str]) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut terminal = AtTerminal::start(home, &words);
    for passphrase in typed {
        terminal.answer("Operator's passphrase", passphrase);
    }
    let (status, shown) = terminal.end();
    assert_eq!(status, Some(0), "{shown}");
}

/// ATTACKS A-12: limits of earlier come back by the operator alone, wherever they are put.
#[test]
fn limits_of_earlier_come_back_by_the_operator_alone() {
    let home = sealed();
    let (_, copy) = beside(&home, "copy.tar");
    with_passphrases(&home, &format!("backup {copy}"), &[PASSPHRASE]);
    let (new, new_name) = beside(&home, "new");
    let elsewhere = format!("restore {copy} --home {new_name}");
    let refused = as_model(&home, &elsewhere).expect(54);
    assert_eq!(refused.json()["error"], "not_operator");
    assert!(!new.exists());
    with_passphrases(&home, &elsewhere, &[PASSPHRASE]);

    // Whoever has a passphrase of another home, such as one of the model's own, needs this one as well.
    let mut other = AtTerminal::start(&home, &["agent", "passphrase", "--home", &new_name]);
    other.answer("Operator's passphrase", PASSPHRASE);
    other.answer("New passphrase", "battery-staple");
    other.answer("once more", "battery-staple");
    assert_eq!(other.end().0, Some(0));
    let over = format!("{elsewhere} --replace");
    let mut terminal = AtTerminal::start(&home, &over.split(' ').collect::<Vec<_>>());
    terminal.answer("Operator's passphrase", "battery-staple");
    terminal.answer("Operator's passphrase", "battery-staple");
    terminal.see("That is not it.");
    terminal.answer("Operator's passphrase", PASSPHRASE);
    let (status, shown) = terminal.end();
    assert_eq!(status, Some(0), "{shown}");
    // The same one is asked for once.
    with_passphrases(&home, &over, &[PASSPHRASE]);
}
