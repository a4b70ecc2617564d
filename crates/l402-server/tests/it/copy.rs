//! A ledger in a file, copied into a database: no paid token is lost, and no spent one fresh.

use std::path::Path;
use std::sync::Arc;

use l402::{KeyNumber, Msat, PaymentHash, UnixTime};
use l402_host::SystemClock;
use l402_lightning::{Settlement, SettlementIndex};
use l402_server::Ledger;
use l402_server::books::{
    Books, PostgresBooks, Report, Sealed, SqliteBooks, View, begin_at, copy_to_postgres,
    note_settlement, verify,
};
use l402_server::ledger::register::{SqliteRegister, identify};
use l402_server::ledger::{LedgerId, PostgresLedger, ReserveError, Settle, SqliteLedger};
use l402_testkit::postgres::PostgresServer;

use crate::contract::{claim, several};

/// Sells with a file: payment 1 is spent, 2 has three of ten uses spent and was given back twice, 3 has failed
/// four times, 4 is held by a process that ends, and 1,500 more are spent.
async fn sold(path: &Path) {
    identify(&SqliteRegister::at(path), UnixTime::from_secs(1), |known| {
        known.id = Some(LedgerId::from_bytes([7; 16]));
        known.number = Some(KeyNumber(3));
        known.uses_from = KeyNumber(2);
        known.epoch = 5;
        known.fingerprints.insert(KeyNumber(3), [9; 16]);
        Ok::<_, ()>(())
    })
    .expect("it works")
    .expect("it works");
    let ledger = SqliteLedger::open(path).expect("it works");
    let end = async |request, settle| {
        let held = ledger.reserve(request).await.expect("it works");
        ledger.settle(held, settle);
    };
    end(claim(1, 1), Settle::ONE_USE).await;
    end(several(2, 3, 10), Settle::Commit { units: 3 }).await;
    end(claim(2, 10), Settle::ReleaseBuyer).await;
    end(claim(2, 10), Settle::ReleaseBuyer).await;
    for _ in 0..4 {
        end(claim(3, 1), Settle::ReleaseUpstream).await;
    }
    let many: Vec<_> = (10..1510).map(|n| ledger.reserve(claim(n, 1))).collect();
    for held in futures_util::future::join_all(many).await {
        ledger.settle(held.expect("it works"), Settle::ONE_USE);
    }
    ledger.reserve(claim(4, 1)).await.expect("it works");
}

fn copy(path: &Path, server: &PostgresServer) -> Result<u64, String> {
    let (path, url) = (path.to_owned(), server.url().parse().expect("it works"));
    let done = std::thread::spawn(move || {
        let mut noted = None;
        let copied = copy_to_postgres(
            &path,
            None,
            &url,
            |mark| {
                noted = Some(mark.epoch);
                Ok(())
            },
            |_| (),
        );
        copied.map(|copied| (copied.payments, noted))
    });
    let copied = done
        .join()
        .expect("no panic")
        .map_err(|error| error.to_string())?;
    assert!(copied.1 > Some(5), "the copy is newer than the file");
    Ok(copied.0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_spent_in_the_file_is_spent_in_the_database() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("ledger.db");
    sold(&path).await;
    let server = PostgresServer::start();

    let open = SqliteLedger::open(&path).unwrap();
    let refused = copy(&path, &server).unwrap_err();
    assert!(refused.contains("a gateway has it open"), "{refused}");
    drop(open);
    assert_eq!(copy(&path, &server), Ok(1504));
    let again = copy(&path, &server).unwrap_err();
    assert!(again.contains("there is a ledger in it already"), "{again}");

    let url = server.url().parse().unwrap();
    let clock = Arc::new(SystemClock::default());
    let ledger = PostgresLedger::open(&url, clock, |_| ()).unwrap();
    for spent in [claim(1, 1), several(2, 8, 10), claim(10, 1), claim(1509, 1)] {
        let refused = ledger.reserve(spent).await;
        assert_eq!(refused, Err(ReserveError::Consumed));
    }
    let held = ledger.reserve(several(2, 7, 10)).await.unwrap();
    assert_eq!((held.left(), held.releases()), (0, 2));
    assert_eq!(ledger.reserve(claim(3, 1)).await.unwrap().failures(), 4);
    ledger
        .reserve(claim(4, 1))
        .await
        .expect("given back before the copy");
    drop(ledger);
    let known = server.sql("SELECT number, uses_from FROM l402_ledger");
    assert_eq!(known, "3|2");
    assert_eq!(server.sql("SELECT number FROM l402_keys"), "3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_cannot_be_noted_leaves_the_database_empty() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("ledger.db");
    sold(&path).await;
    let server = PostgresServer::start();
    let (from, url) = (path.clone(), server.url().parse().unwrap());
    let failed = std::thread::spawn(move || {
        let noted = |_| Err(std::io::Error::other("the disk is full"));
        copy_to_postgres(&from, None, &url, noted, |_| ())
            .unwrap_err()
            .to_string()
    });
    let failed = failed.join().expect("no panic");
    assert!(failed.contains("the disk is full"), "{failed}");
    assert_eq!(server.sql("SELECT count(*) FROM l402_payments"), "0");
    assert_eq!(copy(&path, &server), Ok(1504));
}

/// The books as a verification and every reader sees them.
fn read(books: &dyn Books) -> (Report, Vec<Sealed>) {
    let mut entries = Vec::new();
    let look = &mut |view: &dyn View| {
        view.in_order(&mut |entry| {
            entries.push(entry.expect("an entry of this version"));
            Ok(())
        })
    };
    books.view(look).expect("readable");
    let clock = SystemClock::default();
    (
        verify(books, None, None, &clock).expect("readable"),
        entries,
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_books_of_the_file_are_those_of_the_database() {
    let home = tempfile::tempdir().unwrap();
    let (path, file) = (home.path().join("ledger.db"), home.path().join("books.db"));
    sold(&path).await;
    let server = PostgresServer::start();
    let url = server.url().parse().unwrap();
    let compared = std::thread::spawn(move || {
        let now = UnixTime::from_secs(1_790_000_000);
        let books = SqliteBooks::open(&file).unwrap();
        for number in 1..=1_200_u64 {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&number.to_be_bytes());
            let paid = Settlement {
                payment_hash: PaymentHash::from_bytes(bytes),
                paid: Msat::new(number),
                index: SettlementIndex(number),
            };
            note_settlement(&books, &"sandbox".into(), &paid, None, now).unwrap();
        }
        drop(books);
        let copy = || {
            let copied = copy_to_postgres(&path, Some(&file), &url, |_| Ok(()), |_| ());
            copied.map_err(|error| error.to_string())
        };
        // Books of others are left as they are.
        let others = PostgresBooks::open(&url).unwrap();
        begin_at(&others, &"other".into(), SettlementIndex(1), now).unwrap();
        let refused = copy().unwrap_err();
        assert!(
            refused.contains("there are books in it already"),
            "{refused}"
        );
        server.sql("DELETE FROM l402_books_writers; DELETE FROM l402_books_entries");
        assert_eq!(copy().unwrap().entries, 1_200);

        let (report, entries) = read(&SqliteBooks::open(&file).unwrap());
        let (copied, same) = read(&PostgresBooks::open(&url).unwrap());
        assert_eq!((report.findings.len(), copied.findings.len()), (0, 0));
        assert_eq!(
            (copied.totals, copied.received),
            (report.totals, report.received)
        );
        assert_eq!(copied.received, 1_200 * 1_201 / 2);
        assert!(entries == same, "every entry with its seal");
    });
    compared.join().expect("no panic");
}
