//! The database is away, full, slow or read-only: what was bought for a time goes on, and what is counted
//! waits. Each test prints the time in which the gateways come back by themselves.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use l402_host::{Clock as _, SystemClock};
use l402_testkit::postgres::Cut;
use serde_json::json;

use crate::fleet::{Fleet, GATEWAYS, Store, Ticket, show};
use crate::run::{alone, millis, report, wait_until};

/// The recovery that is promised, and what a busy machine may take besides.
const RECOVERY: Duration = Duration::from_secs(5);
const MARGIN: Duration = Duration::from_secs(15);

/// Takes the database away from some gateways, looks at each of them, and brings it back.
fn away(
    fleet: &mut Fleet,
    what: &str,
    of: Range<usize>,
    take: impl Fn(&mut Fleet),
    bring: impl Fn(&mut Fleet),
) {
    let lasting = fleet.buy("time");
    let counted: Vec<(SocketAddr, Ticket)> = of
        .map(|gateway| (fleet.addresses[gateway], fleet.buy("one")))
        .collect();
    take(fleet);
    // At once: a gateway that waits for an answer of the database takes seconds.
    std::thread::scope(|scope| {
        for (to, ticket) in &counted {
            scope.spawn(|| refused(what, *to, &lasting, ticket));
        }
    });
    let before = fleet.upstream.delivered();
    bring(fleet);
    let clock = SystemClock::default();
    let times: Vec<_> = std::thread::scope(|scope| {
        let again = counted.iter().map(|(to, ticket)| {
            scope.spawn(|| {
                until(what, *to, ticket, 200);
                clock.monotonic()
            })
        });
        let again: Vec<_> = again.collect();
        let ended = again.into_iter();
        ended.map(|one| one.join().expect("served")).collect()
    });
    let slowest = times.into_iter().max().expect("a gateway");
    report(&json!({ "machine": "outage", "what": what, "recovered_ms": millis(slowest) }));
    assert!(slowest < RECOVERY + MARGIN, "{what}: {slowest:?}");
    for to in fleet.addresses.clone() {
        for (_, ticket) in &counted {
            until(what, to, ticket, 402);
        }
    }
    assert_eq!(fleet.upstream.delivered(), before + counted.len(), "{what}");
}

/// Looks at a gateway without its database.
fn refused(what: &str, to: SocketAddr, lasting: &Ticket, counted: &Ticket) {
    let got = show(to, counted).expect("an answer");
    assert_eq!(got.status, 503, "{what}: {}", got.body);
    assert_eq!(got.values("retry-after").len(), 1, "{what}: {:?}", got.head);
    let got = show(to, lasting).expect("an answer");
    assert_eq!(got.status, 200, "{what}: {}", got.body);
}

/// Shows a ticket until this is the answer. Until then it is in use, or cannot be counted.
fn until(what: &str, to: SocketAddr, ticket: &Ticket, status: u16) {
    wait_until("the gateways serve again by themselves", || {
        let got = show(to, ticket).expect("an answer");
        assert!(
            [status, 409, 503].contains(&got.status),
            "{what}: {} {}",
            got.status,
            got.body
        );
        got.status == status
    });
}

/// Verifies the books until they have so many payments, which are all used up. The gateway reads the node
/// again after a pause, and each verification is exact.
fn books_have_all(fleet: &Fleet, payments: usize) {
    wait_until("the books have every payment", || {
        let sums = fleet.books();
        let is_used = sums["unspent_msat"] == 0 && sums["unattributed_msat"] == 0;
        sums["payments"] == payments && is_used
    });
}

fn read_only(fleet: &Fleet, is_on: bool) {
    let database = fleet.database.as_ref().expect("a database");
    let value = if is_on { "on" } else { "off" };
    let set = database.sql(&format!(
        "ALTER SYSTEM SET default_transaction_read_only = {value}"
    ));
    let reloaded = database.sql("SELECT pg_reload_conf()");
    assert_eq!((&*set, &*reloaded), ("", "t"));
    // The server tells its sessions of it before it begins another one.
    wait_until("a new session has the setting", || {
        database.sql("SHOW default_transaction_read_only") == value
    });
}

/// Has the database do this before each write of the ledger and the books.
fn before_writes(fleet: &Fleet, what: &str) {
    let database = fleet.database.as_ref().expect("a database");
    let sql = format!(
        "CREATE OR REPLACE FUNCTION l402_hinder() RETURNS trigger LANGUAGE plpgsql AS \
         'BEGIN {what} RETURN NULL; END'"
    );
    database.statement(&sql);
}

/// Names what is done before each write. Nothing is, until [`before_writes`] says so.
fn hinder(fleet: &Fleet) {
    before_writes(fleet, "");
    let database = fleet.database.as_ref().expect("a database");
    for table in ["payments", "reservations", "gateways", "books_entries"] {
        database.statement(&format!(
            "CREATE TRIGGER hinder BEFORE INSERT OR UPDATE ON l402_{table} \
             FOR EACH STATEMENT EXECUTE FUNCTION l402_hinder()"
        ));
    }
}

#[test]
fn without_its_database_a_gateway_sells_what_needs_no_count_and_comes_back_by_itself() {
    let _alone = alone();
    let mut fleet = Fleet::start(Store::Postgres);
    away(
        &mut fleet,
        "killed",
        0..GATEWAYS,
        |fleet| fleet.database.as_mut().expect("a database").kill(),
        |fleet| fleet.database.as_mut().expect("a database").restart(),
    );
    away(
        &mut fleet,
        "read only",
        0..GATEWAYS,
        |fleet| read_only(fleet, true),
        |fleet| read_only(fleet, false),
    );
    away(
        &mut fleet,
        "frozen",
        0..GATEWAYS,
        |fleet| fleet.database.as_ref().expect("a database").freeze(true),
        |fleet| fleet.database.as_ref().expect("a database").freeze(false),
    );
    let close = |fleet: &Fleet, closed| fleet.proxy.as_ref().expect("a proxy").close(closed);
    away(
        &mut fleet,
        "cut",
        0..1,
        |fleet| close(fleet, true),
        |fleet| close(fleet, false),
    );
    books_have_all(&fleet, 3 * (1 + GATEWAYS) + 2);
}

#[test]
fn a_database_that_is_full_or_slow_hinders_what_is_counted_alone() {
    let _alone = alone();
    let mut fleet = Fleet::start(Store::Postgres);
    hinder(&fleet);
    away(
        &mut fleet,
        "full",
        0..GATEWAYS,
        // The error with which PostgreSQL says that it cannot make a file larger.
        |fleet| {
            let full = "RAISE EXCEPTION $$No space left on device$$ USING ERRCODE = $$53100$$;";
            before_writes(fleet, full);
        },
        |fleet| before_writes(fleet, ""),
    );
    away(
        &mut fleet,
        "slow writes",
        0..GATEWAYS,
        |fleet| before_writes(fleet, "PERFORM pg_sleep(30);"),
        |fleet| before_writes(fleet, ""),
    );
    let delay = |fleet: &Fleet, delay| fleet.proxy.as_ref().expect("a proxy").delay(delay);
    away(
        &mut fleet,
        "slow answers",
        0..1,
        |fleet| delay(fleet, Duration::from_secs(30)),
        |fleet| delay(fleet, Duration::ZERO),
    );
    // Slow is not away: it is served, and late.
    delay(&fleet, Duration::from_millis(100));
    let late = fleet.buy("one");
    until("late", fleet.addresses[0], &late, 200);
    books_have_all(&fleet, 2 * (1 + GATEWAYS) + 2 + 1);
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
            let proxy = fleet.proxy.as_ref().expect("a proxy");
            let (before, cuts) = (fleet.upstream.delivered(), proxy.cuts());
            proxy.arm(statement, cut);
            let what = format!("{cut:?} {statement}");
            until(&what, fleet.addresses[0], &ticket, 200);
            for gateway in [1, 0] {
                until(&what, fleet.addresses[gateway], &ticket, 402);
            }
            assert_eq!(fleet.upstream.delivered(), before + 1, "{what}");
            assert_eq!(proxy.cuts(), cuts + 1, "it was cut: {what}");
        }
    }
}
