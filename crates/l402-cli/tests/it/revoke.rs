//! `l402 revoke`, beside a gateway that runs in another process and without one.

use std::time::Duration;

use serde_json::Value;

use crate::program::{AtTerminal, Home, Serving};
use crate::tokens::{answer, bought_of};

/// The credential of a payment, and the id of its token.
fn exported(home: &Home, hash: &str) -> (String, String) {
    let exported = home.run(&["tokens", "export", hash, "--json"]).expect(0);
    let text = |field: &str| exported.json()[field].as_str().expect("a text").to_owned();
    let inspected = home.run(&["token", "inspect", &text("token")]).expect(0);
    let id = inspected.json()["token"]["token_id"].clone();
    (
        text("authorization"),
        id.as_str().expect("an id").to_owned(),
    )
}

/// Asks until the gateway refuses the credential as revoked, so often that it has had the time.
fn until_revoked(gateway: &Serving, authorization: &str) {
    let heard = (0..4000).any(|_| {
        std::thread::sleep(Duration::from_millis(5));
        is_revoked(gateway, authorization)
    });
    assert!(heard);
}

fn is_revoked(gateway: &Serving, authorization: &str) -> bool {
    let answer = answer(gateway, authorization);
    assert!(
        answer.contains(" 200 ") || answer.contains(" 402 "),
        "{answer}"
    );
    answer.contains("\"revoked\"")
}

/// ATTACKS T-24.
#[test]
fn a_gateway_in_another_process_hears_of_it_and_a_later_one_knows_it() {
    let home = Home::new();
    let (mut gateway, _url, hash) = bought_of(&home, "time=1h");
    let (authorization, id) = exported(&home, &hash);
    assert!(!is_revoked(&gateway, &authorization));
    let ran = home.run(&["revoke", "--token", &id]).expect(0).json();
    assert_eq!(ran["new"], true);
    assert_eq!(ran["revoked"]["token"], id.as_str());
    assert_eq!(ran["known_within_ms"], 1000);
    until_revoked(&gateway, &authorization);
    // The whole identifier names the same token.
    let identifier = format!("0000{hash}{id}");
    let again = home.run(&["revoke", "--token", &identifier]).expect(0);
    assert_eq!(again.json()["new"], false);

    gateway.end();
    // Without a gateway.
    let payment = home
        .run(&["revoke", "--payment", &"5f".repeat(32)])
        .expect(0);
    assert_eq!(payment.json()["new"], true);
    let listed = home.run(&["revoke", "--list"]).expect(0).json();
    let listed = listed["revocations"].as_array().expect("a list");
    let of = |field: &str| {
        listed
            .iter()
            .map(|one| one[field].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(of("number")[0], 1);
    assert_eq!(of("token"), [Value::from(id), Value::Null]);
    assert_eq!(of("payment_hash")[1], "5f".repeat(32));
    assert_eq!(of("ends"), [Value::Null, Value::Null]);
}

#[test]
fn many_at_once_need_a_yes() {
    let home = Home::new();
    let (gateway, _url, hash) = bought_of(&home, "time=1h");
    let (authorization, _) = exported(&home, &hash);
    let line = ["revoke", "--before", "2027-01-01T00:00:00Z"];
    let future = home.run(&line).expect(64);
    assert!(future.stderr.contains("has not come yet"), "{future:#?}");

    let line = ["revoke", "--service", "127-0-0-1-1"];
    let refused = home.run(&line).expect(64);
    assert!(refused.stderr.contains("--yes"), "{refused:#?}");
    let mut terminal = AtTerminal::start(&home, &line);
    terminal.answer("Go on? [y/N]", "n");
    assert_eq!(terminal.end().0, Some(64));
    let listed = home.run(&["revoke", "--list"]).expect(0).json();
    assert_eq!(listed["revocations"], Value::Array(Vec::new()));

    let mut terminal = AtTerminal::start(&home, &line);
    terminal.answer("Go on? [y/N]", "y");
    let (status, shown) = terminal.end();
    assert_eq!(status, Some(0), "{shown}");
    assert!(
        shown.contains("tokens of 127-0-0-1-1 minted before"),
        "{shown}"
    );
    assert!(shown.contains("Key number 2 has begun"), "{shown}");
    assert!(!is_revoked(&gateway, &authorization), "of another service");
    // So long ago that whatever is sold now was minted later.
    let old = ["revoke", "--before", "2001-01-01T00:00:00Z", "--yes"];
    let old = home.run(&old).expect(0).json();
    assert_eq!(old["revoked"]["before"], "2001-01-01T00:00:00Z");
    assert_eq!(old["revoked"]["spares_from_key"], Value::Null);
    assert!(!is_revoked(&gateway, &authorization));
}

#[test]
fn what_is_not_named_whole_or_has_no_ledger_is_refused_with_the_way_out() {
    let home = Home::new();
    let short = home
        .run(&["revoke", "--token", "0001a5a5a5a5a5a5"])
        .expect(64);
    assert!(short.stderr.contains("token inspect"), "{short:#?}");
    let nothing = home.run(&["revoke"]).expect(64);
    assert!(nothing.stderr.contains("--token"), "{nothing:#?}");
    let both = ["revoke", "--payment", &"5f".repeat(32), "--service", "api"];
    home.run(&both).expect(64);

    // No folder, and a folder without a ledger: neither is made.
    let line = ["revoke", "--payment", &"5f".repeat(32)];
    let missing = home.run(&line);
    assert!(missing.stderr.contains("L402_HOME"), "{missing:#?}");
    assert!(!home.path().join("home").exists());
    home.run(&["budget", "show"]).expect(0);
    let missing = home.run(&line);
    assert_ne!(missing.status, Some(0));
    assert!(missing.stderr.contains("no ledger at"), "{missing:#?}");
    assert!(!home.path().join("home/gateway.db").exists());
}
