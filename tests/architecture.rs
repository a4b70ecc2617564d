//! Holds the map in `ARCHITECTURE.md`: which crate may depend on which, and what may not be
//! found where. Reads what cargo resolves and what the sources say.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The rows of the map, lowest first. Arrows point to a lower row only.
const ROWS: &[&[&str]] = &[
    &["l402"],
    &["l402-host"],
    &["l402-lightning"],
    &["l402-server", "l402-client"],
    &["l402-gateway", "l402-registry"],
    &["l402-cli"],
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ lies in the workspace")
        .into()
}

fn cargo(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .current_dir(root())
        .args(args)
        .args(["--offline", "--locked"])
        .output()
        .expect("cargo runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {args:?} failed: {errors}");
    String::from_utf8(output.stdout).expect("cargo writes UTF-8")
}

/// Each workspace crate with the workspace crates that it depends on outside of tests.
fn arrows() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = cargo(&["metadata", "--format-version", "1", "--no-deps"]);
    let metadata: Value = serde_json::from_str(&metadata).expect("metadata is JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let text = |value: &Value| value.as_str().expect("a string").to_owned();
    packages
        .iter()
        .map(|package| {
            let normal = package["dependencies"]
                .as_array()
                .expect("dependencies")
                .iter();
            let ours = normal
                .filter(|dep| dep["kind"].is_null() && dep["path"].is_string())
                .map(|dep| text(&dep["name"]));
            (text(&package["name"]), ours.collect())
        })
        .collect()
}

fn row(name: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.contains(&name))
}

/// Every `.rs` file below `folder`, with its text.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = std::fs::read_to_string(&path).expect("a source file");
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "no sources below {}", folder.display());
    found
}

#[test]
fn arrows_point_down_only() {
    let arrows = arrows();
    let crates: Vec<_> = arrows
        .iter()
        .filter(|(name, _)| name.starts_with("l402"))
        .collect();
    assert!(
        crates.len() >= 6,
        "the workspace has its crates: {crates:?}"
    );
    for (name, targets) in crates {
        let Some(from) = row(name) else { continue };
        for target in targets {
            let to = row(target);
            assert!(
                to.is_some_and(|to| to < from),
                "{name} must not depend on {target}"
            );
        }
    }
}

#[test]
fn every_crate_has_its_row_and_its_place_in_the_map() {
    let map = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    for entry in std::fs::read_dir(root().join("crates")).expect("crates/") {
        let name = entry
            .expect("an entry")
            .file_name()
            .into_string()
            .expect("UTF-8");
        assert!(row(&name).is_some(), "{name} has no row in this test");
        assert!(
            map.contains(&format!("{name} ")),
            "{name} is not in ARCHITECTURE.md"
        );
    }
}

#[test]
fn those_who_sell_and_those_who_buy_never_meet() {
    let arrows = arrows();
    assert!(!arrows["l402-server"].contains("l402-client"));
    assert!(!arrows["l402-client"].contains("l402-server"));
    assert!(!arrows["l402-gateway"].contains("l402-client"));
}

/// The features of `l402-lightning` when `package` is built with these flags.
fn money_features(package: &str, flags: &[&str]) -> BTreeSet<String> {
    let fixed = [
        "tree", "-p", package, "-e", "normal", "--prefix", "none", "-f", "{p}|{f}",
    ];
    let tree = cargo(&[&fixed, flags].concat());
    let line = tree
        .lines()
        .find(|line| line.starts_with("l402-lightning "));
    let list = line
        .and_then(|line| line.split_once('|'))
        .map_or("", |(_, list)| list);
    list.trim_end_matches(" (*)")
        .split(',')
        .filter(|f| !f.is_empty())
        .map(str::to_owned)
        .collect()
}

#[test]
fn what_sells_holds_no_code_that_spends() {
    let selling = money_features("l402-cli", &["--no-default-features", "--features", "sell"]);
    assert!(
        selling.contains("sandbox"),
        "the tree was read: {selling:?}"
    );
    assert!(!selling.contains("pay"), "{selling:?}");
    let buying = money_features("l402-cli", &["--no-default-features", "--features", "buy"]);
    assert!(
        buying.contains("pay"),
        "the check can tell the difference: {buying:?}"
    );
    for package in ["l402-server", "l402-gateway"] {
        let features = money_features(package, &["--all-features"]);
        assert!(!features.contains("pay"), "{package}: {features:?}");
    }
}

#[test]
fn the_protocol_has_no_clock_no_socket_and_no_file() {
    const BANNED: &[&str] = &[
        "SystemTime",
        "Instant::",
        "std::net",
        "std::fs",
        "std::env",
        "std::process",
        "std::thread",
        "async fn",
        "tokio",
        "getrandom",
    ];
    for (path, text) in sources(&root().join("crates/l402/src")) {
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        for (number, line) in code.enumerate() {
            for banned in BANNED {
                assert!(
                    !line.contains(banned),
                    "{}:{number}: {line}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn no_source_file_is_over_a_thousand_lines() {
    for entry in std::fs::read_dir(root().join("crates")).expect("crates/") {
        for (path, text) in sources(&entry.expect("an entry").path().join("src")) {
            let lines = text.lines().count();
            assert!(
                lines <= 1000,
                "{} has {lines} lines: split it by concept",
                path.display()
            );
        }
    }
}

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

/// The names of what spends; a name counts as a whole word only.
const SPENDING: &[&str] = &[
    "LndPay",
    "Pay",
    "PayFailure",
    "PayRequest",
    "SandboxWallet",
    "Wallet",
];

/// The code of a source file without comments and without what stands under `#[cfg(test)]`.
fn code_outside_of_tests(text: &str) -> Vec<&str> {
    let mut code = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let bare = line.trim_start();
        if bare.starts_with("#[cfg(test)]") {
            skip_item(&mut lines, line.len() - bare.len());
        } else if !bare.starts_with("//") {
            code.push(line);
        }
    }
    code
}

/// Skips the item that follows an attribute with this indent: one line that ends with a semicolon,
/// or all lines to the brace that stands under the attribute.
fn skip_item<'a>(lines: &mut impl Iterator<Item = &'a str>, indent: usize) {
    let mut opened = false;
    for line in lines {
        let bare = line.trim_start();
        opened |= bare.ends_with('{');
        let closes = bare.starts_with('}') && line.len() - bare.len() == indent;
        if closes || !opened && bare.ends_with(';') {
            return;
        }
    }
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
}

#[test]
fn what_sells_names_nothing_that_spends() {
    let names =
        |line: &&str| line.contains(".wallet(") || words(line).any(|word| SPENDING.contains(&word));
    for package in ["l402-gateway", "l402-server"] {
        for (path, text) in sources(&root().join("crates").join(package).join("src")) {
            let named: Vec<_> = code_outside_of_tests(&text)
                .into_iter()
                .filter(names)
                .collect();
            assert!(named.is_empty(), "{}: {named:?}", path.display());
        }
    }
    let buyer = root().join("crates/l402-cli/src/command/wallet.rs");
    let buyer = std::fs::read_to_string(buyer).expect("the command that pays");
    assert!(
        code_outside_of_tests(&buyer).iter().any(names),
        "the check knows what spends when it sees it"
    );
}
