//! The register of a ledger: the same promises of every store.

use std::sync::Arc;

use l402::{KeyNumber, PaymentHash, TokenId, UnixTime};
use l402_server::ledger::LedgerErrorKind;
use l402_server::ledger::register::{
    Register, Revocations as _, SqliteRegister, begin_next_number, identify,
};
use l402_server::revoked::{Revocation, Revoke};

const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

fn token(number: u8) -> Revocation {
    let what = Revoke::Token(TokenId::new(KeyNumber(1), [number; 30]));
    Revocation::new(what, NOW)
}

/// One of each kind, and of each optional part.
fn each_kind() -> Vec<Revocation> {
    let minted = |service: Option<&str>, spares| {
        let what = Revoke::Minted {
            before: NOW,
            service: service.map(|name| name.parse().expect("a service")),
            spares,
        };
        Revocation::new(what, NOW)
    };
    let payment = Revoke::Payment(PaymentHash::from_bytes([4; 32]));
    vec![
        token(1),
        Revocation::new(payment, NOW).with_end(UnixTime::from_secs(1_790_086_400)),
        minted(None, None),
        minted(Some("weather"), Some(KeyNumber(7))),
    ]
}

/// Reads all, in steps of this size.
fn read(register: &dyn Register, step: u32) -> Vec<Revocation> {
    let (mut all, mut last) = (Vec::new(), 0);
    loop {
        let some = register.revoked_after(last, step).expect("it is read");
        assert!(some.len() <= step as usize);
        let Some((newest, _)) = some.last() else {
            return all;
        };
        assert!(some.is_sorted_by_key(|(number, _)| *number));
        assert!(some[0].0 > last);
        last = *newest;
        all.extend(some.into_iter().map(|(_, revocation)| revocation));
    }
}

/// What is revoked is read as it was written, in its order, and never twice.
fn keeps_what_was_revoked(open: &dyn Fn() -> Arc<dyn Register>) {
    let (one, other) = (open(), open());
    assert_eq!(one.revoke(&each_kind()).expect("written"), [true; 4]);
    assert_eq!(read(&*other, 3), each_kind());
    // A second time, beside a new one; and within one call.
    let again = [token(1), token(2), token(2)];
    assert_eq!(other.revoke(&again).expect("written"), [false, true, false]);
    let mut all = each_kind();
    all.push(token(2));
    for step in [1, 2, 100] {
        assert_eq!(read(&*one, step), all);
    }
    assert_eq!(read(&*open(), 100), all);
}

/// A reader that asks again and again hears of what others write: more often than it says so anyway, once in
/// `of` calls.
fn tells_of_changes(open: &dyn Fn() -> Arc<dyn Register>, of: usize) {
    let (reader, writer) = (open(), open());
    assert!(
        reader.changed().expect("it is read"),
        "nothing was seen yet"
    );
    let heard = || (0..200).filter(|_| reader.changed().expect("it is read"));
    // The tables may have been made by the first call.
    let _ = heard().count();
    for number in 10..13 {
        let anyway = heard().count();
        assert_eq!(anyway, 200_usize.checked_div(of).unwrap_or(0));
        assert_eq!(writer.revoke(&[token(number)]).expect("written"), [true]);
        assert!(heard().count() > anyway, "after {number}");
    }
}

/// The next number begins above all that are known, with the key of the one that sells.
fn begins_the_next_number(register: &dyn Register) {
    let next = || begin_next_number(register, NOW).expect("it is written");
    assert_eq!(next(), None, "no number sells yet");
    let begun = identify(register, NOW, |ledger| {
        ledger.number = Some(KeyNumber(3));
        ledger.fingerprints.insert(KeyNumber(3), [3; 16]);
        ledger.fingerprints.insert(KeyNumber(5), [5; 16]);
        Ok::<_, std::convert::Infallible>(())
    });
    assert!(begun.expect("it is written").is_ok());
    assert_eq!(next(), Some(KeyNumber(6)));
    let known = identify(register, NOW, |_| Ok::<_, ()>(())).expect("it is read");
    let known = known.expect("nothing was refused");
    assert_eq!(known.number, Some(KeyNumber(6)));
    assert_eq!(known.fingerprints[&KeyNumber(6)], [3; 16]);
    assert_eq!(next(), Some(KeyNumber(7)));
}

/// Runs all promises, each on a store of its own.
fn promises(fresh: &dyn Fn() -> Box<dyn Fn() -> Arc<dyn Register>>, of: usize) {
    keeps_what_was_revoked(&fresh());
    tells_of_changes(&fresh(), of);
    begins_the_next_number(&*fresh()());
}

#[test]
fn sqlite_keeps_its_promises() {
    promises(
        &|| {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("ledger.db");
            let made = identify(&SqliteRegister::at(&path), NOW, |_| Ok::<_, ()>(()));
            made.expect("it is made").expect("nothing was refused");
            Box::new(move || {
                assert!(folder.path().is_dir());
                Arc::new(SqliteRegister::keep_open(&path))
            })
        },
        0,
    );
}

#[cfg(feature = "postgres")]
#[test]
fn postgres_keeps_its_promises() {
    use l402_server::ledger::register::PostgresRegister;
    use l402_testkit::postgres::PostgresServer;

    let server = PostgresServer::start();
    promises(
        &|| {
            let _ = server.sql("DROP SCHEMA public CASCADE");
            let _ = server.sql("CREATE SCHEMA public");
            let url: l402_host::PostgresUrl = server.url().parse().expect("an address");
            Box::new(move || Arc::new(PostgresRegister::at(&url).expect("an address")))
        },
        4,
    );
}

/// The number that is taken first is seen first, whichever transaction ends first.
#[cfg(feature = "postgres")]
#[test]
fn a_reader_of_postgres_never_misses_a_lower_number() {
    use l402_server::ledger::register::PostgresRegister;
    use l402_testkit::postgres::PostgresServer;

    let server = PostgresServer::start();
    let url: l402_host::PostgresUrl = server.url().parse().expect("an address");
    let open = || PostgresRegister::at(&url).expect("an address");
    let reader = open();
    assert_eq!(reader.revoke(&[token(0)]).expect("written"), [true]);
    let writers = (0..4_u8).map(|writer| {
        let register = open();
        std::thread::spawn(move || {
            for number in 0..25 {
                let some = [
                    token(1 + writer * 50 + number * 2),
                    token(2 + writer * 50 + number * 2),
                ];
                assert_eq!(register.revoke(&some).expect("written"), [true; 2]);
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    let (mut last, mut count) = (0, 0);
    while count < 201 {
        let some = reader.revoked_after(last, 1000).expect("it is read");
        count += some.len();
        last = some.last().map_or(last, |(number, _)| *number);
        if writers.iter().all(std::thread::JoinHandle::is_finished) {
            count += reader.revoked_after(last, 1000).expect("it is read").len();
            break;
        }
    }
    for writer in writers {
        writer.join().expect("no panic");
    }
    assert_eq!(count, 201);
}

#[test]
fn a_revocation_that_this_version_does_not_know_is_an_error_and_never_skipped() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    let register = SqliteRegister::at(&path);
    register.revoke(&[token(1)]).expect("written");
    for (kind, subject) in [(9, vec![1; 32]), (1, vec![1; 31]), (3, b"\0\0No".to_vec())] {
        let raw = rusqlite::Connection::open(&path).expect("a database");
        let sql = "INSERT INTO revocations (kind, subject, before, revoked) VALUES (?1, ?2, 0, 0)";
        raw.execute(sql, (kind, &subject)).expect("a row");
        let read = register.revoked_after(1, 10);
        assert_eq!(read.unwrap_err().kind(), LedgerErrorKind::Damaged);
        let sql = "DELETE FROM revocations WHERE number > 1";
        assert_eq!(raw.execute(sql, []).expect("a row"), 1);
        assert!(
            register
                .revoked_after(1, 10)
                .expect("it is read")
                .is_empty()
        );
    }
}
