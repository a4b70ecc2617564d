//! The pages for sellers: the program understands their commands.

use std::path::Path;

use crate::contract::words;

/// The words of the pages that stand for something, and an example of each.
const STANDS_FOR: &[(&str, &str)] = &[
    (
        "HASH",
        "5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f",
    ),
    (
        " ID",
        " 5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f",
    ),
    ("NUMBER", "2"),
    ("TIME", "2026-11-30T12:00:00Z"),
    ("NAME", "shop"),
    ("[", ""),
    ("]", ""),
    ("'", "\""),
];

/// The commands that sellers have, as they begin.
const COMMANDS: &[&str] = &[
    "admin ",
    "backup ",
    "books verify",
    "keys ",
    #[cfg(feature = "postgres")]
    "ledger copy",
    "restore ",
    "revoke ",
    "sales",
    "serve ",
    "webhooks ",
];

/// Returns the commands of sellers on a page: those of lines of code, and those within a sentence.
fn commands(page: &str) -> Vec<String> {
    let lines = page.lines().filter_map(|line| {
        let code = line.strip_prefix("    ").or(line.strip_prefix("$ "));
        code.filter(|code| code.starts_with("l402 "))
    });
    let spans = page.split('`').skip(1).step_by(2);
    let all = lines.chain(spans.filter(|span| span.starts_with("l402 ") && !span.contains('\n')));
    let sellers = all.filter(|line| {
        let rest = line.strip_prefix("l402 ").unwrap_or_default();
        COMMANDS.iter().any(|command| rest.starts_with(command))
    });
    let plain = sellers.map(|line| {
        let line = line.split(" #").next().unwrap_or(line);
        let line = line.split(" > ").next().unwrap_or(line).trim();
        STANDS_FOR
            .iter()
            .fold(line.to_owned(), |line, (word, example)| {
                line.replace(word, example)
            })
    });
    plain.collect()
}

#[test]
fn every_command_of_the_pages_is_understood() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (name, least) in [
        ("README.md", 7),
        ("docs/admin.md", 5),
        ("docs/backup.md", 3),
        ("docs/keys.md", 15),
        ("docs/sales.md", 5),
        ("docs/scale.md", 2),
        ("docs/upgrade.md", 1),
        ("docs/webhooks.md", 5),
    ] {
        let page = std::fs::read_to_string(root.join(name)).expect("a page");
        let found = commands(&page);
        assert!(found.len() >= least, "{name}: {found:#?}");
        for line in found {
            let read = l402_cli::command_line().try_get_matches_from(words(&line));
            let error = read.err().map(|error| error.to_string());
            assert_eq!(error, None, "{name}: {line}");
        }
    }
}

/// With the feature, the page of all commands copies a ledger.
#[cfg(feature = "postgres")]
#[test]
fn the_ledger_is_copied_as_the_page_says() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    let page = std::fs::read_to_string(page).expect("docs/cli.md");
    let found = commands(&page);
    let copies: Vec<_> = found.iter().filter(|line| line.contains("--to")).collect();
    assert_eq!(copies.len(), 1, "{found:#?}");
    let read = l402_cli::command_line().try_get_matches_from(words(copies[0]));
    assert_eq!(read.err().map(|error| error.to_string()), None);
}
