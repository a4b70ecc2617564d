//! A shop moves: from its file into a database, and back to an earlier time after both home and database are
//! lost. What was paid is had, and what was spent stays so.

use std::fs;

use serde_json::json;

use crate::fleet::{Fleet, GATEWAYS, Store, Ticket};
use crate::run::{alone, wait_until};

/// Shows a ticket, and returns status and body.
fn shown(fleet: &Fleet, number: usize, ticket: &Ticket) -> (u16, String) {
    let got = fleet.show(number, ticket).expect("an answer");
    (got.status, got.body)
}

fn served(fleet: &Fleet, number: usize, ticket: &Ticket) {
    let (status, body) = shown(fleet, number, ticket);
    assert_eq!(status, 200, "{}: {body}", ticket.path);
}

/// Shows what is refused with this code at every gateway.
fn refused(fleet: &Fleet, ticket: &Ticket, code: &str) {
    for number in 0..fleet.gateways.len() {
        wait_until("it is refused for good", || {
            let (status, body) = shown(fleet, number, ticket);
            assert!([402, 409].contains(&status), "{}: {body}", ticket.path);
            status == 402 && body.contains(&format!("\"{code}\""))
        });
    }
}

/// Revokes the payment of a ticket that is good for a time, and waits until every gateway knows of it.
fn revoke(fleet: &Fleet, ticket: &Ticket) {
    let ran = fleet.run(0, &["revoke", "--payment", &ticket.payment_hash]);
    assert_eq!(ran.expect(0).json()["new"], true);
    for number in 0..fleet.gateways.len() {
        wait_until("the revocation is known", || {
            let (status, body) = shown(fleet, number, ticket);
            let is_revoked = status == 402 && body.contains("\"revoked\"");
            assert!(status == 200 || is_revoked, "{}: {body}", ticket.path);
            is_revoked
        });
    }
}

#[test]
fn a_ledger_that_moves_into_a_database_takes_every_count_along() {
    let _alone = alone();
    let mut fleet = Fleet::start(Store::File);
    let [spent, fresh] = ["one"; 2].map(|kind| fleet.buy(kind));
    let [three, lasting, revoked] = ["three", "time", "time"].map(|kind| fleet.buy(kind));
    for ticket in [&spent, &three, &lasting, &revoked] {
        served(&fleet, 0, ticket);
    }
    revoke(&fleet, &revoked);
    refused(&fleet, &spent, "consumed");
    wait_until("the books have it all", || {
        let sums = fleet.books();
        // What is not used yet may stand there without its terms: another gateway has written it down.
        sums["received_msat"] == 5000 && sums["uses"].as_u64() >= Some(4)
    });

    let database = fleet.make_database();
    let copy = |fleet: &Fleet| fleet.plain(0, &["ledger", "copy", "--to", &database, "--json"]);
    let beside = copy(&fleet);
    assert_ne!(beside.status, Some(0), "a gateway runs: {beside:#?}");
    fleet.end_all();
    let before = fleet.books();
    let copied = copy(&fleet).expect(0).json();
    assert_eq!(
        (&copied["payments"], &copied["revocations"]),
        (&json!(2), &json!(1))
    );
    assert_ne!(
        copy(&fleet).status,
        Some(0),
        "into a database that is in use"
    );
    let old = fleet.run_start(0);
    assert_ne!(old.status, None, "a start on the old file: {old:#?}");
    assert!(old.stderr.contains("older"), "{old:#?}");

    fleet.move_to_database();
    assert_eq!(fleet.books(), before, "the books came along");
    refused(&fleet, &spent, "consumed");
    refused(&fleet, &revoked, "revoked");
    served(&fleet, 1, &fresh);
    refused(&fleet, &fresh, "consumed");
    served(&fleet, 2, &three);
    wait_until("the second of three uses is written", || {
        shown(&fleet, 3, &three).0 == 200
    });
    refused(&fleet, &three, "consumed");
    served(&fleet, 3, &lasting);
    let late = fleet.buy("one");
    served(&fleet, 2, &late);
    wait_until("the books go on", || {
        let sums = fleet.books();
        assert_eq!(sums["unattributed_msat"], 0);
        sums["payments"] == 6 && sums["unspent_msat"] == 0
    });
}

/// Sells under one key, and loses home and database: both come back as they were before the last use.
#[test]
fn a_shop_whose_home_and_database_come_back_from_earlier_sells_no_use_again() {
    let _alone = alone();
    let mut fleet = Fleet::start(Store::Postgres);
    let [spent, fresh] = ["one"; 2].map(|kind| fleet.buy(kind));
    let lasting = fleet.buy("time");
    let tar = fleet.folder(0).with_file_name("l402.tar");
    let tar = tar.to_str().expect("a path");
    fleet.plain(0, &["backup", tar]).expect(0);
    fleet.database.as_mut().expect("a database").dump();
    wait_until("it is served", || {
        let (status, body) = shown(&fleet, 0, &spent);
        assert!([200, 503].contains(&status), "{body}");
        status == 200
    });
    refused(&fleet, &spent, "consumed");
    fleet.end_all();
    fleet.database.as_mut().expect("a database").put_back();
    fs::remove_dir_all(fleet.folder(0)).expect("a home that is lost");

    let restored = fleet.run(0, &["restore", tar, "--ledger-restored"]);
    let number = restored.expect(0).json()["number"].as_u64();
    assert!(number > Some(1), "{number:?}");
    // The other homes know the ledger as it was before it went back.
    for number in 1..GATEWAYS {
        fs::remove_file(fleet.folder(number).join("ledger.id")).expect("a mark");
    }
    fleet.restart_all();
    for ticket in [&spent, &fresh] {
        refused(&fleet, ticket, "revoked");
    }
    for gateway in 0..GATEWAYS {
        served(&fleet, gateway, &lasting);
    }
    let new = fleet.buy("one");
    served(&fleet, 3, &new);
    refused(&fleet, &new, "consumed");
}

/// A dump that took the place of the database under gateways that run: they count nothing on it, and hear of
/// revocations although these have numbers that were read before.
#[test]
fn a_revocation_in_an_earlier_copy_of_the_database_reaches_the_gateways_that_run() {
    let _alone = alone();
    let mut fleet = Fleet::start(Store::Postgres);
    let tickets = ["time"; 4].map(|kind| fleet.buy(kind));
    let counted = fleet.buy("one");
    fleet.database.as_mut().expect("a database").dump();
    for ticket in &tickets[..2] {
        revoke(&fleet, ticket);
    }
    // So that what runs knows a ledger that is ahead of the dump.
    let database = fleet.database.as_mut().expect("a database");
    let _ = database.sql("UPDATE l402_ledger SET epoch = epoch + 5");
    // Each gateway looks for itself, when it renews its lease.
    for number in 0..GATEWAYS {
        let mark = fleet.folder(number).join("ledger.id");
        wait_until("its growth is known", || {
            let mark = fs::read_to_string(&mark).expect("a mark");
            let mark: serde_json::Value = serde_json::from_str(&mark).expect("JSON");
            mark["epoch"].as_u64() > Some(5)
        });
    }
    fleet.database.as_mut().expect("a database").put_back();
    fs::remove_file(fleet.folder(0).join("ledger.id")).expect("a mark");
    for ticket in &tickets[2..] {
        revoke(&fleet, ticket);
    }
    for number in 0..GATEWAYS {
        let (status, body) = shown(&fleet, number, &counted);
        assert_eq!(status, 503, "{body}");
    }
}
