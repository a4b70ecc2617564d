//! The page for agents that have a command line and no MCP, held against the program.

use l402_cli::exit_code::ExitCode;

use crate::contract::words;
use crate::program::Home;

const PAGE: &str = include_str!("../../src/command/skill.md");

#[test]
fn the_page_is_printed_as_it_is_and_stays_short() {
    let home = Home::new();
    assert_eq!(home.run(&["skill"]).expect(0).stdout, PAGE);
    // It makes nothing, and an agent pays for reading it.
    assert!(!home.path().join("home").exists());
    assert!(PAGE.len() < 5000, "{}", PAGE.len());
    let (head, _) = PAGE.split_once("\n---\n").expect("a head");
    let mut lines = head.lines();
    assert_eq!(
        (lines.next(), lines.next()),
        (Some("---"), Some("name: l402"))
    );
    let description = lines
        .next()
        .and_then(|line| line.strip_prefix("description: "));
    assert!(description.is_some_and(|text| text.len() < 1024));
}

/// Each command of the page, and each of its flags, is one of the program.
#[test]
fn the_commands_of_the_page_are_those_of_the_program() {
    let home = Home::new();
    let lines = PAGE
        .lines()
        .filter_map(|line| line.strip_prefix("    l402 "));
    let mut count = 0;
    for line in lines {
        let line = line.split("   ").next().expect("a command");
        let words = words(&line.replace('\'', "\""));
        if words[0] == "registry" && !cfg!(feature = "registry") {
            continue;
        }
        let is_name = |word: &&String| word.bytes().all(|byte| byte.is_ascii_lowercase());
        let command: Vec<&str> = words
            .iter()
            .take_while(is_name)
            .map(String::as_str)
            .collect();
        let help = home
            .run(&[&command[..], &["--help"]].concat())
            .expect(0)
            .stdout;
        for flag in words.iter().filter(|word| word.starts_with('-')) {
            assert!(
                help.contains(&format!("{flag} ")) || help.contains(&format!("{flag}\n")),
                "{line}: {flag}"
            );
        }
        count += 1;
    }
    assert!(count >= 9, "{count}");
}

#[test]
fn the_statuses_of_the_page_are_those_of_the_program() {
    let known: Vec<u8> = ExitCode::all().iter().map(|code| code.number).collect();
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| "));
    let mut count = 0;
    for row in rows {
        let first = row.split(' ').next().expect("a cell");
        let Ok(number) = first.parse() else { continue };
        assert!(known.contains(&number), "{row}");
        count += 1;
    }
    assert_eq!(count, 13);
    // The range of the page is all of the refusals.
    let refusals: Vec<_> = known
        .iter()
        .filter(|number| (30..54).contains(*number))
        .collect();
    assert_eq!(
        (refusals.first(), refusals.last()),
        (Some(&&30), Some(&&53))
    );
}
