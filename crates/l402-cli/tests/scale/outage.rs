//! The database is away, slow or read-only: what was bought for a time goes on, and what is counted waits.

use l402_testkit::postgres::Cut;

use crate::fleet::{Fleet, GATEWAYS, Store};
use crate::run::{alone, wait_until};

/// Takes the database away in some way, looks at every gateway, and brings it back.
fn away(fleet: &mut Fleet, what: &str, take: impl Fn(&mut Fleet), bring: impl Fn(&mut Fleet)) {
    let lasting = fleet.buy("time");
    let counted = fleet.buy("one");
    take(fleet);
    for gateway in 0..GATEWAYS {
        let got = fleet.show(gateway, &lasting).expect("an answer");
        assert_eq!(got.status, 200, "{what}: {}", got.body);
        let got = fleet.show(gateway, &counted).expect("an answer");
        assert_eq!(got.status, 503, "{what}: {}", got.body);
        assert_eq!(got.values("retry-after").len(), 1, "{what}: {:?}", got.head);
    }
    let before = fleet.upstream.delivered();
    bring(fleet);
    wait_until("the gateways serve again by themselves", || {
        let got = fleet.show(1, &counted).expect("an answer");
        assert!(
            [200, 409, 503].contains(&got.status),
            "{what}: {} {}",
            got.status,
            got.body
        );
        got.status == 200
    });
    for gateway in 0..GATEWAYS {
        wait_until("every gateway knows that the use is spent", || {
            let got = fleet.show(gateway, &counted).expect("an answer");
            assert!(
                [402, 409, 503].contains(&got.status),
                "{what}: {} {}",
                got.status,
                got.body
            );
            got.status == 402
        });
    }
    assert_eq!(fleet.upstream.delivered(), before + 1, "{what}");
}

fn read_only(fleet: &Fleet, is_on: bool) {
    let database = fleet.database.as_ref().expect("a database");
    let value = if is_on { "on" } else { "off" };
    let set = database.sql(&format!(
        "ALTER SYSTEM SET default_transaction_read_only = {value}"
    ));
    let reloaded = database.sql("SELECT pg_reload_conf()");
    assert_eq!((&*set, &*reloaded), ("", "t"));
}

#[test]
fn without_its_database_a_gateway_sells_what_needs_no_count_and_comes_back_by_itself() {
    let _alone = alone();
    let mut fleet = Fleet::start(Store::Postgres);
    away(
        &mut fleet,
        "killed",
        |fleet| fleet.database.as_mut().expect("a database").kill(),
        |fleet| fleet.database.as_mut().expect("a database").restart(),
    );
    away(
        &mut fleet,
        "read only",
        |fleet| read_only(fleet, true),
        |fleet| read_only(fleet, false),
    );
    away(
        &mut fleet,
        "frozen",
        |fleet| fleet.database.as_ref().expect("a database").freeze(true),
        |fleet| fleet.database.as_ref().expect("a database").freeze(false),
    );
}

#[test]
fn a_connection_that_is_lost_at_a_reservation_has_the_right_outcome() {
    let _alone = alone();
    let mut fleet = Fleet::start(Store::Postgres);
    for cut in [Cut::Before, Cut::After] {
        for statement in [
            "INSERT INTO l402_reservations",
            "DELETE FROM l402_reservations",
        ] {
            let ticket = fleet.buy("one");
            let (before, cuts) = (
                fleet.upstream.delivered(),
                fleet.proxy.as_ref().map(|proxy| proxy.cuts()),
            );
            fleet.proxy.as_ref().expect("a proxy").arm(statement, cut);
            wait_until("the use is had", || {
                let got = fleet.show(0, &ticket).expect("an answer");
                assert!(
                    [200, 409, 503].contains(&got.status),
                    "{} {}",
                    got.status,
                    got.body
                );
                got.status == 200
            });
            for gateway in [1, 0] {
                wait_until("the use is spent at every gateway", || {
                    let got = fleet.show(gateway, &ticket).expect("an answer");
                    assert!(
                        [402, 409, 503].contains(&got.status),
                        "{} {}",
                        got.status,
                        got.body
                    );
                    got.status == 402
                });
            }
            assert_eq!(
                fleet.upstream.delivered(),
                before + 1,
                "{cut:?} {statement}"
            );
            let after = fleet.proxy.as_ref().map(|proxy| proxy.cuts());
            assert_eq!(
                after,
                cuts.map(|cuts| cuts + 1),
                "it was cut: {cut:?} {statement}"
            );
        }
    }
}
