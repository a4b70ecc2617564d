//! Ledger files that an earlier version of the program wrote.

use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};

use l402::UnixTime;
use l402_server::Ledger;
use l402_server::ledger::register::{SqliteRegister, identify};
use l402_server::ledger::{LedgerErrorKind, LedgerIdentity, ReserveError, Settle, SqliteLedger};

use crate::contract::{claim, several};
use crate::sqlite::open;

/// A file of version 1, as the program wrote it that counted uses, left by a process that was
/// killed. Payment 1: its only use is spent. 2: three of ten. 3: given back by its buyer twice.
/// 4: failed by the upstream four times. 5: reserved. 6: two of ten are spent and two reserved.
const EARLIER: &[u8] = include_bytes!("ledger-1.db");

/// Puts that file into a folder.
pub(crate) fn earlier(home: &Path) -> PathBuf {
    let path = home.join("ledger.db");
    fs::write(&path, EARLIER).expect("a copy");
    path
}

/// The tables and indexes of a file, and the columns of each table.
fn layout(path: &Path) -> Vec<(String, String)> {
    let connection = rusqlite::Connection::open(path).expect("a database");
    let sql = "SELECT s.name, group_concat(c.name || ' ' || c.type || ' ' || c.\"notnull\" || ' ' \
               || c.pk || ' ' || coalesce(c.dflt_value, '')) FROM sqlite_schema AS s \
               JOIN pragma_table_xinfo(s.name) AS c GROUP BY s.name ORDER BY s.name";
    let mut query = connection.prepare(sql).expect("a query");
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.expect("rows").map(|row| row.expect("a row")).collect()
}

#[tokio::test]
async fn in_a_file_of_version_1_what_is_spent_stays_spent() {
    // The first ones were written without an application id.
    for id in [i32::from_be_bytes(*b"l4ld"), 0] {
        let home = tempfile::tempdir().unwrap();
        let path = earlier(home.path());
        let raw = rusqlite::Connection::open(&path).unwrap();
        raw.pragma_update(None, "application_id", id).unwrap();
        drop(raw);
        let ledger = open(&path);
        let spent = ledger.reserve(claim(1, 1)).await;
        assert_eq!(spent, Err(ReserveError::Consumed));
        // The dead process's reservations are given back, and nothing that was spent is.
        let left = async |n, units| ledger.reserve(several(n, units, 10)).await.unwrap().left();
        assert_eq!(left(2, 7).await, 0);
        assert_eq!(left(6, 8).await, 0);
        ledger.reserve(claim(5, 1)).await.unwrap();
        let failed = ledger.reserve(claim(4, 1)).await.unwrap();
        assert_eq!(failed.failures(), 4);
        // Of five times that a buyer gets the use back, two are gone.
        for _ in 2..=5 {
            let held = ledger.reserve(claim(3, 1)).await.unwrap();
            ledger.settle(held, Settle::ReleaseBuyer);
        }
        let spent = ledger.reserve(claim(3, 1)).await;
        assert_eq!(spent, Err(ReserveError::Consumed));
    }
}

/// FAULTS S7: a file from before there were ids gets one, and is told from a new file.
#[tokio::test]
async fn a_file_of_version_1_has_an_id_and_no_number() {
    let home = tempfile::tempdir().unwrap();
    let path = earlier(home.path());
    let mut read = Vec::new();
    for path in [&path, &path, &home.path().join("new.db")] {
        let look = |known: &mut LedgerIdentity| {
            read.push((known.is_new(), known.id, known.number, known.epoch));
            Ok::<_, Infallible>(())
        };
        identify(&SqliteRegister::at(path), UnixTime::from_secs(1), look)
            .unwrap()
            .unwrap();
    }
    assert_eq!(read[0], read[1]);
    assert!(!read[0].0 && read[0].1.is_some(), "{read:?}");
    assert_eq!((read[0].2, read[0].3), (None, 0));
    assert_eq!(read[2], (true, None, None, 0));
}

#[tokio::test]
async fn a_file_of_version_1_becomes_as_a_new_one() {
    let home = tempfile::tempdir().unwrap();
    let (path, new) = (earlier(home.path()), home.path().join("new.db"));
    assert_ne!(layout(&path), []);
    drop(open(&path));
    drop(open(&new));
    assert_eq!(layout(&path), layout(&new));
    let raw = rusqlite::Connection::open(&path).unwrap();
    let version = |name| raw.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    assert_eq!(version("user_version").unwrap(), 5);
    let id = i32::from_be_bytes(*b"l4ld");
    assert_eq!(version("application_id").unwrap(), id);
}

/// A process of an older version counts in another way: beside it a use could be had twice.
#[tokio::test]
async fn a_file_that_an_older_process_has_open_is_refused_as_it_is() {
    let home = tempfile::tempdir().unwrap();
    let path = earlier(home.path());
    let lock = home.path().join("ledger.db.owner-7fffffffffffffff.lock");
    let lock = fs::File::create(lock).unwrap();
    lock.try_lock().unwrap();
    let before = fs::read(&path).unwrap();
    let look = |_: &mut LedgerIdentity| Ok::<_, Infallible>(());
    let identified = identify(&SqliteRegister::at(&path), UnixTime::from_secs(1), look);
    for error in [
        identified.unwrap_err(),
        SqliteLedger::open(&path).unwrap_err(),
    ] {
        assert_eq!(error.kind(), LedgerErrorKind::Unwritable);
        assert!(error.to_string().contains("end that first"), "{error}");
    }
    assert_eq!(fs::read(&path).unwrap(), before);
    drop(lock);
    open(&path).reserve(claim(5, 1)).await.unwrap();
}
