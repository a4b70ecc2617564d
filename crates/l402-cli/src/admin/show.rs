//! The answers of the API, for people.

use std::fmt::Write as _;

use serde_json::Value;

use super::table::{Column, Form, cell, table};
use crate::text::plain::escape;

const ROUTES: &[Column] = &[
    ("route", "path", Form::Text),
    ("methods", "methods", Form::Text),
    ("free", "free", Form::Flag),
    ("sat", "price_msat", Form::Sat),
    ("policy", "policy", Form::Text),
    ("service", "service", Form::Text),
    ("upstreams", "upstreams", Form::Text),
];

const PRICES: &[Column] = &[
    ("sat", "price_msat", Form::Sat),
    ("route", "route", Form::Text),
    ("service", "service", Form::Text),
];

const SERVICES: &[Column] = &[
    ("sat", "price_msat", Form::Sat),
    ("service", "service", Form::Text),
    ("policy", "policy", Form::Text),
    ("routes", "routes", Form::Text),
];

const TOKENS: &[Column] = &[
    ("token", "token", Form::Text),
    ("uses", "uses", Form::Count),
    ("revoked", "revoked", Form::Flag),
    ("last used", "last_used", Form::Time),
    ("ends", "ends", Form::Time),
    ("service", "service", Form::Text),
];

const USES: &[Column] = &[
    ("used", "time", Form::Time),
    ("units", "spent_units", Form::Count),
    ("given back by", "given_back_by", Form::Text),
];

const PAYMENTS: &[Column] = &[
    ("received", "received", Form::Time),
    ("sat", "received_msat", Form::Sat),
    ("state", "state", Form::Text),
    ("uses", "uses", Form::Count),
    ("service", "service", Form::Text),
    ("payment hash", "payment_hash", Form::Text),
];

const SALES: &[Column] = &[
    ("payments", "payments", Form::Count),
    ("uses", "uses", Form::Count),
    ("given back", "given_back", Form::Count),
    ("sold sat", "sold_msat", Form::Sat),
    ("spent", "spent_msat", Form::Sat),
    ("unspent", "unspent_msat", Form::Sat),
    ("expired", "expired_msat", Form::Sat),
    ("key", "key", Form::Text),
];

const REVOCATIONS: &[Column] = &[
    ("number", "number", Form::Count),
    ("revoked", "revoked", Form::Time),
    ("before", "before", Form::Time),
    ("service", "service", Form::Text),
    ("token", "token", Form::Text),
    ("payment hash", "payment_hash", Form::Text),
];

const KEYS: &[Column] = &[
    ("number", "number", Form::Count),
    ("state", "state", Form::Text),
    ("here", "is_here", Form::Flag),
    ("began", "began", Form::Time),
    ("until", "until", Form::Time),
    ("fingerprint", "fingerprint", Form::Text),
    ("lacked by", "lacked_by", Form::Text),
];

const HEALTH: &[Column] = &[
    ("ready", "ready", Form::Flag),
    ("part", "name", Form::Text),
    ("why", "why", Form::Text),
];

const AUDIT: &[Column] = &[
    ("time", "time", Form::Time),
    ("what", "what", Form::Text),
    ("result", "result", Form::Text),
    ("via", "via", Form::Text),
    ("by", "peer", Form::Text),
    ("to", "after", Form::Text),
    ("why", "why", Form::Text),
];

/// Returns a table, and how to see the next page.
fn page(answer: &Value, rows: &str, columns: &[Column], none: &str, flag: &str) -> String {
    let mut text = table(&answer[rows], columns, none);
    if !answer["next"].is_null() {
        let next = cell(&answer["next"], Form::Text);
        let _ = writeln!(text, "\nThere are more: add {flag} {next}");
    }
    text
}

/// Adds the keys of the file that wait for a restart.
fn with_waiting(mut text: String, answer: &Value) -> String {
    let waiting = cell(&answer["waiting_for_restart"], Form::Text);
    if !matches!(waiting.as_str(), "" | "-") {
        let _ = writeln!(text, "Waits for a restart of the gateway: {waiting}");
    }
    text
}

pub(crate) fn routes(answer: &Value) -> String {
    table(&answer["routes"], ROUTES, "no routes")
}

pub(crate) fn prices(answer: &Value) -> String {
    with_waiting(
        table(&answer["prices"], PRICES, "nothing has a price"),
        answer,
    )
}

pub(crate) fn services(answer: &Value) -> String {
    table(&answer["services"], SERVICES, "nothing is sold")
}

pub(crate) fn tokens(answer: &Value) -> String {
    page(
        answer,
        "tokens",
        TOKENS,
        "no token was used or revoked",
        "--after",
    )
}

pub(crate) fn one_token(answer: &Value) -> String {
    let mut text = String::new();
    for (title, key, form) in [
        ("token", "token", Form::Text),
        ("key number", "key", Form::Count),
        ("payment hash", "payment_hash", Form::Text),
        ("service", "service", Form::Text),
        ("route", "route", Form::Text),
        ("uses", "uses", Form::Count),
        ("given back", "given_back", Form::Count),
        ("first used", "first_used", Form::Time),
        ("last used", "last_used", Form::Time),
        ("ends", "ends", Form::Time),
        ("revoked", "revoked", Form::Flag),
        ("by time", "revoked_by_time", Form::Flag),
    ] {
        let _ = writeln!(text, "{title:<13} {}", cell(&answer[key], form));
    }
    let payment = &answer["payment"];
    if !payment.is_null() {
        let (state, sat) = (&payment["state"], &payment["received_msat"]);
        let (state, sat) = (cell(state, Form::Text), cell(sat, Form::Sat));
        let _ = writeln!(text, "{:<13} {state}, {sat} sat", "payment");
    }
    text.push('\n');
    text + &table(&answer["last_uses"], USES, "no uses")
}

pub(crate) fn payments(answer: &Value) -> String {
    page(answer, "payments", PAYMENTS, "no payments", "--after")
}

pub(crate) fn sales(answer: &Value) -> String {
    let since = cell(&answer["since"], Form::Time);
    let by = cell(&answer["by"], Form::Text);
    let none = format!("nothing was sold since {since}");
    format!(
        "since {since}, by {by}\n{}",
        table(&answer["sales"], SALES, &none)
    )
}

pub(crate) fn revocations(answer: &Value) -> String {
    page(
        answer,
        "revocations",
        REVOCATIONS,
        "nothing is revoked",
        "--after",
    )
}

pub(crate) fn revoked(answer: &Value) -> String {
    if answer["new"] == false {
        return "revoked before, nothing has changed\n".to_owned();
    }
    "revoked; gateways that run refuse it within a second, others from their start on\n".to_owned()
}

pub(crate) fn keys(answer: &Value) -> String {
    table(&answer["keys"], KEYS, "no keys")
}

pub(crate) fn one_key(answer: &Value) -> String {
    table(&Value::Array(vec![answer.clone()]), KEYS, "no key")
}

pub(crate) fn limits(answer: &Value) -> String {
    let mut text = String::new();
    for table in ["challenges", "http"] {
        for (key, value) in answer[table].as_object().into_iter().flatten() {
            let name = escape(&format!("{table}.{key}"));
            let _ = writeln!(text, "{name:<36} {}", cell(value, Form::Count));
        }
    }
    with_waiting(text, answer)
}

pub(crate) fn health(answer: &Value) -> String {
    let state = match (answer["draining"] == true, answer["ready"] == true) {
        (true, _) => "draining",
        (false, true) => "ready",
        (false, false) => "NOT READY",
    };
    format!("{state}\n\n{}", table(&answer["parts"], HEALTH, "no parts"))
}

pub(crate) fn reloaded(answer: &Value) -> String {
    with_waiting(
        "the file was read again, and is served\n".to_owned(),
        answer,
    )
}

pub(crate) fn drained(_answer: &Value) -> String {
    "draining: the gateway takes nothing new, and ends once requests under way have ended\n"
        .to_owned()
}

pub(crate) fn audit(answer: &Value) -> String {
    page(answer, "changes", AUDIT, "nothing was changed", "--before")
}

pub(crate) fn config(answer: &Value) -> String {
    let Some(file) = answer["file"].as_str() else {
        return "no file: the gateway was started from the command line\n".to_owned();
    };
    let settings = serde_json::to_string_pretty(&answer["settings"]).unwrap_or_default();
    let lines: Vec<String> = settings.lines().map(escape).collect();
    format!("{}\n{}\n", escape(file), lines.join("\n"))
}

pub(crate) fn renewed(answer: &Value) -> String {
    let file = cell(&answer["file"], Form::Text);
    format!(
        "a new token is in {file}; the old one opens nothing any more, and sessions of the dashboard have ended\n"
    )
}
