//! `l402 agent`: what is stored of agents, and how it is told.

use crate::operator::{add_first, as_model, as_operator, sealed};
use crate::program::Home;

#[test]
fn an_agent_is_shown_as_it_was_added() {
    let home = Home::new();
    let none = home.run(&["agent", "list"]).expect(0).json();
    assert_eq!(none, serde_json::json!([]));
    add_first(
        &home,
        "agent add reader --per-day 200sat --per-request 20sat --hosts api.example,*.news.example",
    );
    let shown = home.run(&["agent", "show", "reader"]).expect(0).json();
    assert_eq!(shown["name"], "reader");
    assert_eq!(
        shown["hosts"],
        serde_json::json!(["api.example", "*.news.example"])
    );
    assert_eq!(shown["invoices"], false);
    assert_eq!(shown["approve_above_msat"], 100_000);
    assert_eq!(shown["limits"]["per_day"]["limit_msat"], 200_000);
    assert_eq!(shown["limits"]["per_request"]["left_msat"], 20_000);
    assert_eq!(shown["removed"], serde_json::Value::Null);
    let budget = home.run(&["budget", "show", "reader"]).expect(0).json();
    assert_eq!(budget["parent"], "default");
    let list = home.run(&["agent", "list"]).expect(0).json();
    assert_eq!(list[0]["name"], "reader");
}

#[test]
fn mandates_are_given_and_ended() {
    let home = sealed();
    let given = as_operator(
        &home,
        "agent mandate ann --up-to 300sat --hosts a.example --until 30d",
    );
    assert_eq!(given.0, Some(0), "{}", given.1);
    let shown = home.run(&["agent", "show", "ann"]).expect(0).json();
    let mandate = &shown["mandates"][0];
    assert_eq!(mandate["up_to_msat"], 300_000);
    assert_eq!(mandate["spent_msat"], 0);
    assert_eq!(mandate["hosts"], serde_json::json!(["a.example"]));
    assert!(mandate["until"].as_u64() > mandate["created"].as_u64());
    let line = format!("agent mandate ann --end {}", mandate["id"]);
    let ended = as_operator(&home, &line);
    assert_eq!(ended.0, Some(0), "{}", ended.1);
    let shown = home.run(&["agent", "show", "ann"]).expect(0).json();
    assert_eq!(shown["mandates"], serde_json::json!([]));
    let again = as_operator(&home, &line);
    assert_eq!(again.0, Some(64), "{}", again.1);
    let past = as_operator(&home, "agent mandate ann --up-to 3sat --until 2020-01-01");
    assert_eq!(past.0, Some(64), "{}", past.1);
}

#[test]
fn a_removed_agent_pays_nothing_and_may_come_back() {
    let home = sealed();
    let twice = as_operator(&home, "agent add ann --per-day 5sat");
    assert_eq!(twice.0, Some(64), "{}", twice.1);
    let removed = as_operator(&home, "agent remove ann");
    assert_eq!(removed.0, Some(0), "{}", removed.1);
    let shown = home.run(&["agent", "show", "ann"]).expect(0).json();
    assert_eq!(shown["stopped_by"], "ann");
    assert!(shown["removed"].is_u64(), "{shown}");
    let again = as_operator(&home, "agent remove ann");
    assert_eq!(again.0, Some(64), "{}", again.1);
    let mandate = as_operator(&home, "agent mandate ann --up-to 3sat");
    assert_eq!(mandate.0, Some(64), "{}", mandate.1);
    // It is the operator who lets it in again.
    as_model(&home, "agent add ann --per-day 5sat").expect(54);
    let back = as_operator(&home, "agent add ann --per-day 5sat");
    assert_eq!(back.0, Some(0), "{}", back.1);
    let shown = home.run(&["agent", "show", "ann"]).expect(0).json();
    assert_eq!(shown["stopped_by"], serde_json::Value::Null);
    assert_eq!(shown["limits"]["per_day"]["limit_msat"], 5000);
}

#[test]
fn what_is_no_agent_is_told_with_what_helps() {
    let home = Home::new();
    for (line, told) in [
        ("agent show nobody", "there is no agent nobody"),
        ("agent add default --per-day 5sat", "default is the budget"),
        ("agent add Ann", "no name of a budget"),
        ("agent add ann --hosts https://a.example/", "no host"),
        ("agent add ann --invoices", "--hosts"),
        ("agent mandate ann", "--up-to"),
        (
            "agent mandate ann --up-to 5sat --end 1",
            "cannot be used with",
        ),
        (
            "agent mandate ann --up-to 5sat --until yesterday",
            "write a date",
        ),
        ("agent passphrase", "there is no passphrase yet"),
    ] {
        let ran = as_model(&home, line).expect(64);
        assert!(ran.stderr.contains(told), "{line}: {ran:#?}");
    }
}
