//! The pages about wallets: their table is that of the program, and their commands work.

use std::path::{Path, PathBuf};

use l402_lightning::NodeForm;

use crate::contract::words;
use crate::program::Home;

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// The page of all wallets, and a page for each kind.
fn pages() -> Vec<(PathBuf, String)> {
    let kinds = docs().join("wallets").read_dir().into_iter().flatten();
    let kinds = kinds.map(|entry| entry.expect("an entry").path());
    let pages = [docs().join("wallets.md")].into_iter().chain(kinds);
    let read = pages.map(|page| {
        let text = std::fs::read_to_string(&page).expect("a page");
        (page, text)
    });
    read.collect()
}

/// The commands of this program on a page, each as it is typed.
fn commands(text: &str) -> impl Iterator<Item = &str> {
    let code = text.lines().filter_map(|line| line.strip_prefix("    "));
    let ours = code.filter(|line| line.starts_with("l402 "));
    ours.map(|line| line.split(" #").next().unwrap_or(line).trim())
}

#[test]
fn the_table_of_wallets_is_that_of_the_program() {
    let page = std::fs::read_to_string(docs().join("wallets.md")).expect("docs/wallets.md");
    let rows = page.lines().skip_while(|line| !line.starts_with("| Kind "));
    let rows: Vec<&str> = rows
        .skip(2)
        .take_while(|line| line.starts_with("| "))
        .collect();
    let yes = |is: bool| if is { "yes" } else { "no" };
    let table = NodeForm::ALL.map(|form| {
        let kind = match form.feature {
            "phoenixd" | "lnbits" => form.feature,
            _ => form.kind,
        };
        let page = if form.feature == "pay" {
            "sandbox"
        } else {
            form.feature
        };
        let fee = if form.pays {
            yes(form.limits_fee())
        } else {
            ""
        };
        let (sells, buys) = (yes(form.receives), yes(form.pays));
        let row = format!(
            "| [`{kind}`](wallets/{page}.md) | `{}` | {sells} | {buys} | {fee} |",
            form.pattern
        );
        row.replace("|  |", "| |")
    });
    assert_eq!(rows, table);
}

/// `l402 node` is there in a build with an embedded node alone.
#[test]
fn every_command_of_the_pages_is_understood() {
    let mut seen = 0;
    for (page, text) in pages() {
        for line in commands(&text).filter(|line| !line.starts_with("l402 node")) {
            let read = l402_cli::command_line().try_get_matches_from(words(line));
            let error = read.err().map(|error| error.to_string());
            assert_eq!(error, None, "{}: {line}", page.display());
            seen += 1;
        }
    }
    assert!(seen > 10, "{seen}");
}

#[test]
fn the_commands_with_play_money_work_one_after_another() {
    let home = Home::new();
    let page = std::fs::read_to_string(docs().join("wallets.md")).expect("docs/wallets.md");
    let (_, section) = page.split_once("With play money").expect("the part");
    let (section, _) = section.split_once("\n## ").expect("its end");
    let mut ran = 0;
    for line in commands(section) {
        let line = words(line);
        let args: Vec<&str> = line.iter().skip(1).map(String::as_str).collect();
        home.run(&args).expect(0);
        ran += 1;
    }
    assert_eq!(ran, 6);
}
