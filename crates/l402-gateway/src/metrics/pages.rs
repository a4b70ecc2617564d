//! The pages that name metrics agree with the table.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::family::ALL;
use super::histogram::BOUNDS;
use super::{AnswerKind, CallEnd, Kind, Limit, NodeCall, Protocol, RequestOutcome};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_default()
}

const BEGIN: &str = "<!-- from here on: written by a test -->\n";

/// Returns the part of the page that is made from the table.
fn table() -> String {
    let mut page =
        String::from("\n## All of them\n\n| Name | Type | Labels | Meaning |\n|---|---|---|---|\n");
    for family in ALL {
        let labels: Vec<_> = family
            .labels
            .iter()
            .map(|label| format!("`{label}`"))
            .collect();
        let (name, kind, help) = (family.name, family.kind.name(), family.help);
        let _ = writeln!(
            page,
            "| `{name}` | {kind} | {} | {help} |",
            labels.join(", ")
        );
    }
    page.push_str("\n## Values of labels\n\n| Label | Values |\n|---|---|\n");
    let mut row = |label: &str, values: Vec<&str>| {
        let values: Vec<_> = values
            .into_iter()
            .map(|value| format!("`{value}`"))
            .collect();
        let _ = writeln!(page, "| `{label}` | {} |", values.join(", "));
    };
    row(
        "outcome` of `l402_requests_total",
        RequestOutcome::ALL.map(RequestOutcome::name).to_vec(),
    );
    row("answer", AnswerKind::ALL.map(AnswerKind::name).to_vec());
    row("protocol", Protocol::ALL.map(Protocol::name).to_vec());
    let gateways = Limit::ALL.map(Limit::name);
    let paywalls = l402_server::LimitHits::default()
        .by_name()
        .map(|(name, _)| name);
    row("limit", gateways.into_iter().chain(paywalls).collect());
    row("call", NodeCall::ALL.map(NodeCall::name).to_vec());
    row(
        "outcome` of `l402_node_calls_total",
        CallEnd::ALL.map(CallEnd::name).to_vec(),
    );
    let bounds: Vec<_> = BOUNDS.iter().map(|(_, text)| *text).collect();
    let _ = writeln!(
        page,
        "\nThe upper bounds of all histograms, in seconds: {}.",
        bounds.join(", ")
    );
    page
}

#[test]
fn the_page_names_each_metric() {
    let old = read("docs/metrics.md");
    let (head, _) = old.split_once(BEGIN).unwrap_or((&old, ""));
    let new = format!("{head}{BEGIN}{}", table());
    if std::env::var_os("UPDATE_PAGES").is_some() {
        return std::fs::write(root().join("docs/metrics.md"), &new).unwrap();
    }
    assert!(
        old == new,
        "docs/metrics.md is not the table: UPDATE_PAGES=1 cargo test -p l402-gateway --lib metrics writes it"
    );
}

/// Returns the words of a text that are names of metrics.
fn named(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("l402_")).collect()
}

#[test]
fn dashboard_and_alerts_name_metrics_that_exist() {
    let mut names = BTreeSet::new();
    for family in ALL {
        match family.kind {
            Kind::Histogram => {
                for suffix in ["_bucket", "_sum", "_count"] {
                    names.insert(format!("{}{suffix}", family.name));
                }
            }
            Kind::Counter | Kind::Gauge => {
                names.insert(family.name.to_owned());
            }
        }
    }
    for path in [
        "packaging/grafana/l402.json",
        "packaging/prometheus/alerts.yml",
    ] {
        let text = read(path);
        let named = named(&text);
        assert!(named.len() > 5, "{path} names {named:?}");
        let unknown: Vec<_> = named
            .iter()
            .filter(|name| !names.contains(**name))
            .collect();
        assert!(unknown.is_empty(), "{path}: {unknown:?}");
    }
}

/// Names and labels are as Prometheus wants them: see its rules on naming.
#[test]
fn names_are_well_formed() {
    for family in ALL {
        let name = family.name;
        assert!(name.starts_with("l402_"), "{name}");
        let is_plain = |text: &str| {
            text.chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        };
        assert!(
            is_plain(name) && family.labels.iter().all(|label| is_plain(label)),
            "{name}"
        );
        assert_eq!(
            name.ends_with("_total"),
            family.kind == Kind::Counter,
            "{name}"
        );
        assert!(!family.help.contains(['\n', '\\', '|']), "{name}");
    }
}
