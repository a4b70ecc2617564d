//! The crates that a crate may depend on. Reads what cargo resolves and what the sources say.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::wings::crates;
use crate::{root, sources};

/// The rows of the map, lowest first. Arrows point to a lower row only.
const ROWS: &[&[&str]] = &[
    &["l402"],
    &["l402-host"],
    &["l402-lightning"],
    &["l402-server", "l402-client"],
    &["l402-gateway", "l402-registry"],
    &["l402-cli"],
];

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

/// The names of what spends; a name counts as a whole word only.
const SPENDING: &[&str] = &[
    "LndPay",
    "Pay",
    "PayFailure",
    "PayRequest",
    "SandboxWallet",
    "Wallet",
];

/// Returns the lines of a crate, without comments and tests, that name what spends.
fn spending_lines(package: &str) -> Vec<String> {
    let spends = |code: &str| {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let mut words = code.split(|c| !is_word(c));
        code.contains(".wallet(") || words.any(|word| SPENDING.contains(&word))
    };
    let crates = crates();
    let lines = crates[package].iter().flat_map(|source| &source.lines);
    let spending = lines.filter(|line| spends(&line.code));
    spending.map(|line| line.raw.clone()).collect()
}

#[test]
fn what_sells_names_nothing_that_spends() {
    for package in ["l402-gateway", "l402-server"] {
        assert_eq!(spending_lines(package), Vec::<String>::new(), "{package}");
    }
    let known = spending_lines("l402-cli");
    assert!(!known.is_empty(), "the check knows what spends");
}
