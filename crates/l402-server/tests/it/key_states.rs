//! The states of the keys: the same promises of every store.

use std::sync::Arc;

use l402::{KeyNumber, UnixTime};
use l402_server::Ledger as _;
use l402_server::ledger::SqliteLedger;
use l402_server::ledger::register::{
    KeyReport, KeyState, KeyStates as _, Register, SqliteRegister, identify,
};

const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

/// A number mints once every gateway that is alive has its key, and numbers that have begun stay.
fn keeps_the_keys(open: &dyn Fn() -> Arc<dyn Register>) {
    let register = open();
    let begun = register.change_keys(&mut |book| {
        assert!(book.keys.is_empty() && book.waiting().is_none());
        book.current = Some(KeyNumber(1));
        book.keys.insert(
            KeyNumber(1),
            KeyState {
                fingerprint: [1; 16],
                began: NOW,
                until: None,
                retired: false,
                waits: false,
            },
        );
        book.begin(KeyNumber(2), [2; 16], NOW).is_ok()
    });
    assert_eq!(begun.expect("written").waiting(), Some(KeyNumber(2)));
    // What is not wanted is not written.
    let refused = register.change_keys(&mut |book| {
        book.current = None;
        false
    });
    refused.expect("read");
    let book = open().key_book().expect("read");
    assert_eq!(book.current, Some(KeyNumber(1)));
    assert!(book.keys[&KeyNumber(2)].waits && book.gateways.is_empty());

    let minted = open().change_keys(&mut |book| book.advance(NOW));
    assert_eq!(minted.expect("written").current, Some(KeyNumber(2)));
    let end = UnixTime::from_secs(u64::MAX);
    let ended = register.change_keys(&mut |book| book.retire(KeyNumber(1), end).is_ok());
    assert!(ended.expect("written").keys[&KeyNumber(1)].retired);
    let state = open().key_book().expect("read").keys[&KeyNumber(1)];
    assert!(state.retired && state.until > Some(NOW) && !state.waits);
    // Of one that is not alive it is forgotten.
    let report = KeyReport {
        holder: 7,
        name: "gone".to_owned(),
        keys: vec![(KeyNumber(2), [2; 16])],
    };
    register.report_keys(&report, NOW).expect("written");
    assert!(register.key_book().expect("read").gateways.is_empty());
}

#[test]
fn sqlite_keeps_the_keys_and_waits_for_every_open_ledger() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    let made = identify(&SqliteRegister::at(&path), NOW, |_| Ok::<_, ()>(()));
    made.expect("it is made").expect("nothing was refused");
    keeps_the_keys(&|| Arc::new(SqliteRegister::keep_open(&path)));

    let register = SqliteRegister::at(&path);
    let (one, other) = (SqliteLedger::open(&path), SqliteLedger::open(&path));
    let (one, other) = (one.expect("open"), other.expect("open"));
    let begun = register.change_keys(&mut |book| book.begin(KeyNumber(3), [3; 16], NOW).is_ok());
    assert_eq!(begun.expect("written").gateways.len(), 2);
    let report = KeyReport {
        holder: one.holder().expect("a number"),
        name: "one".to_owned(),
        keys: vec![(KeyNumber(2), [2; 16]), (KeyNumber(3), [3; 16])],
    };
    register.report_keys(&report, NOW).expect("written");
    let advance = || {
        let book = register.change_keys(&mut |book| book.advance(NOW));
        book.expect("written").current
    };
    assert_eq!(advance(), Some(KeyNumber(2)));
    let book = register.key_book().expect("read");
    assert!(book.gateways.contains(&report));
    let lacking: Vec<_> = book.lacking(KeyNumber(3)).map(|one| one.holder).collect();
    assert_eq!(lacking, [other.holder().expect("a number")]);
    // With its end nobody waits for it.
    drop(other);
    assert_eq!(advance(), Some(KeyNumber(3)));
}

#[cfg(feature = "postgres")]
#[test]
fn postgres_keeps_the_keys() {
    use l402_server::ledger::register::PostgresRegister;
    use l402_testkit::postgres::PostgresServer;

    let server = PostgresServer::start();
    let url: l402_host::PostgresUrl = server.url().parse().expect("an address");
    let open = || PostgresRegister::at(&url).expect("an address");
    keeps_the_keys(&|| Arc::new(open()));

    // A gateway is alive while its lease runs by the database's clock.
    let gateway = |holder: i64, lease: &str| {
        let sql = format!(
            "INSERT INTO l402_gateways (holder, name, lease_until) \
             VALUES ({holder}, 'gateway', now() + interval '{lease}')"
        );
        let _ = server.sql(&sql);
    };
    gateway(1, "1 hour");
    gateway(2, "1 hour");
    gateway(3, "-1 second");
    let register = open();
    let begun = register.change_keys(&mut |book| book.begin(KeyNumber(3), [3; 16], NOW).is_ok());
    assert_eq!(begun.expect("written").gateways.len(), 2);
    let report = |holder| {
        let report = KeyReport {
            holder,
            name: "one".to_owned(),
            keys: vec![(KeyNumber(3), [3; 16])],
        };
        register.report_keys(&report, NOW).expect("written");
    };
    let advance = || {
        let book = register.change_keys(&mut |book| book.advance(NOW));
        book.expect("written").current
    };
    report(1);
    assert_eq!(advance(), Some(KeyNumber(2)));
    report(2);
    assert_eq!(advance(), Some(KeyNumber(3)));
}

/// A machine that stands still while it changes keys holds up no renewal of a lease for long, and has changed
/// nothing.
#[cfg(feature = "postgres")]
#[test]
fn a_change_of_keys_that_stands_still_is_ended_by_the_database() {
    use l402_server::ledger::register::PostgresRegister;
    use l402_testkit::postgres::PostgresServer;

    let server = PostgresServer::start();
    let url: l402_host::PostgresUrl = server.url().parse().expect("an address");
    let register = PostgresRegister::at(&url).expect("an address");
    register.key_book().expect("empty tables");
    let lease = "now() + interval '1 hour'";
    server.sql(&format!(
        "INSERT INTO l402_gateways (holder, name, lease_until) VALUES (1, 'gateway', {lease})"
    ));
    let stopped = register.change_keys(&mut |book| {
        // Stands still until somebody else can renew. Below the lease that a gateway believes in.
        server.sql(&format!(
            "SET lock_timeout = '7s'; UPDATE l402_gateways SET lease_until = {lease}"
        ));
        book.current = Some(KeyNumber(7));
        true
    });
    stopped.expect_err("its transaction has ended");
    assert_eq!(register.key_book().expect("read").current, None);
    let begun = register.change_keys(&mut |book| {
        book.current = Some(KeyNumber(7));
        true
    });
    assert_eq!(begun.expect("written").current, Some(KeyNumber(7)));
}
