//! What only a file can promise: restarts, crashes, several processes, foreign files.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use std::time::Duration;

use l402::UnixTime;
use l402_host::{Clock as _, ManualClock};
use l402_server::Ledger;
use l402_server::ledger::register::{SqliteRegister, identify};
use l402_server::ledger::{
    Allowance, LedgerErrorKind, LedgerIdentity, LedgerMark, ReserveError, ReserveRequest, Settle,
    SqliteLedger,
};

use crate::contract::{allowance, claim};
use crate::upgrade::earlier;

pub(crate) fn open(path: &Path) -> SqliteLedger {
    SqliteLedger::open(path).expect("the ledger opens")
}

/// Opens the file with a clock of the test's.
fn open_at(path: &Path, clock: &Arc<ManualClock>) -> SqliteLedger {
    SqliteLedger::open_with(path, clock.clone(), |_| {}).expect("the ledger opens")
}

/// What the file says of itself.
fn identity(path: &Path) -> LedgerIdentity {
    let read = |_: &mut LedgerIdentity| Ok::<_, Infallible>(());
    let known = identify(
        &SqliteRegister::at(path),
        UnixTime::from_secs(1_790_000_000),
        read,
    );
    let Ok(known) = known.expect("it opens");
    known
}

/// Uses up payment `n`, whose tokens end so many seconds after 1,790,000,000, at the clock's time.
async fn spend(ledger: &SqliteLedger, clock: &ManualClock, n: u32, life: u64) -> bool {
    let end = UnixTime::from_secs(1_790_000_000 + life);
    let allowance = Allowance::new(allowance(n, 1).payment_hash(), NonZeroU64::MIN, end);
    match ledger
        .reserve(ReserveRequest::one_use(allowance, clock.wall()))
        .await
    {
        Ok(held) => {
            ledger.settle(held, Settle::ONE_USE);
            ledger.flush().await;
            true
        }
        Err(ReserveError::Consumed) => false,
        Err(error) => panic!("{error}"),
    }
}

/// A file's bytes, and when they were written.
pub(crate) type State = (Vec<u8>, std::time::SystemTime);

/// Every file of a folder.
pub(crate) fn files(folder: &Path) -> BTreeMap<PathBuf, State> {
    let entries = fs::read_dir(folder).expect("a readable folder");
    let paths = entries.map(|entry| entry.expect("a readable entry").path());
    let read = |path: PathBuf| {
        let written = path
            .metadata()
            .and_then(|meta| meta.modified())
            .expect("a time");
        (
            path.clone(),
            (fs::read(&path).expect("a readable file"), written),
        )
    };
    paths.filter(|path| path.is_file()).map(read).collect()
}

/// Copies what the disk holds at this moment, as a kill would leave it, to another folder: there
/// the lock files are nobody's.
fn crashed(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("a folder");
    for (path, (bytes, _)) in files(folder) {
        fs::write(copy.path().join(path.file_name().expect("a name")), bytes).expect("a copy");
    }
    copy
}

/// ATTACKS R-09.
#[tokio::test]
async fn what_is_spent_stays_spent_after_a_restart() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("ledger.db");
    let ledger = open(&path);
    let held = ledger.reserve(claim(1, 1)).await.unwrap();
    ledger.settle(held, Settle::ONE_USE);
    let held = ledger.reserve(claim(2, 1)).await.unwrap();
    ledger.settle(held, Settle::ReleaseUpstream);
    drop(ledger);
    let ledger = open(&path);
    assert_eq!(
        ledger.reserve(claim(1, 1)).await,
        Err(ReserveError::Consumed)
    );
    assert_eq!(ledger.reserve(claim(2, 1)).await.unwrap().failures(), 1);
}

/// ATTACKS R-06.
#[tokio::test]
async fn after_a_crash_what_was_only_reserved_is_given_back() {
    let home = tempfile::tempdir().unwrap();
    let ledger = open(&home.path().join("ledger.db"));
    let spent = ledger.reserve(claim(1, 1)).await.unwrap();
    ledger.settle(spent, Settle::ONE_USE);
    ledger.flush().await;
    ledger.reserve(claim(2, 1)).await.unwrap();
    let after = crashed(home.path());
    let reopened = open(&after.path().join("ledger.db"));
    assert_eq!(
        reopened.reserve(claim(1, 1)).await,
        Err(ReserveError::Consumed)
    );
    reopened.reserve(claim(2, 1)).await.unwrap();
    assert_eq!(ledger.reserve(claim(2, 1)).await, Err(ReserveError::InUse));
}

/// ATTACKS R-10.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_open_ledgers_on_one_file_grant_each_use_once() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("ledger.db");
    let ledgers = [Arc::new(open(&path)), Arc::new(open(&path))];
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..100 {
        for turn in 0..6 {
            let ledger = Arc::clone(&ledgers[turn % 2]);
            tasks.spawn(async move {
                let held = ledger.reserve(claim(n, 1)).await;
                held.map(|held| ledger.settle(held, Settle::ONE_USE))
                    .is_ok()
            });
        }
    }
    let granted = tasks
        .join_all()
        .await
        .into_iter()
        .filter(|granted| *granted)
        .count();
    assert_eq!(granted, 100);
}

#[tokio::test]
async fn another_ledger_sees_what_is_held_and_gives_back_nothing_of_the_living() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("ledger.db");
    let first = open(&path);
    first.reserve(claim(1, 1)).await.unwrap();
    let second = open(&path);
    assert_eq!(second.reserve(claim(1, 1)).await, Err(ReserveError::InUse));
    drop(first);
    second.reserve(claim(1, 1)).await.unwrap();
}

/// A process that dies while another one runs on the file.
#[tokio::test]
async fn a_dead_owner_is_noticed_when_its_reservation_is_in_the_way() {
    let home = tempfile::tempdir().unwrap();
    let first = open(&home.path().join("ledger.db"));
    first.reserve(claim(1, 1)).await.unwrap();
    let second = open(&home.path().join("ledger.db"));
    second.reserve(claim(2, 1)).await.unwrap();
    let after = crashed(home.path());
    let path = after.path().join("ledger.db");
    // Only the second one's lock file is left to be found dead later: it is locked as if alive.
    let locks: Vec<_> = files(after.path())
        .into_keys()
        .filter(|path| path.extension().is_some_and(|end| end == "lock"))
        .map(|path| fs::OpenOptions::new().write(true).open(path).unwrap())
        .collect();
    assert_eq!(locks.len(), 2);
    locks.iter().for_each(|lock| lock.try_lock().unwrap());
    let survivor = open(&path);
    assert_eq!(
        survivor.reserve(claim(1, 1)).await,
        Err(ReserveError::InUse)
    );
    drop(locks);
    let later = |n| ReserveRequest::one_use(allowance(n, 1), UnixTime::from_secs(1_790_000_001));
    survivor.reserve(later(1)).await.unwrap();
    survivor.reserve(later(2)).await.unwrap();
}

#[tokio::test]
async fn a_row_ends_with_its_token_and_not_before() {
    let home = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(UnixTime::from_secs(1_790_000_000)));
    let ledger = open_at(&home.path().join("ledger.db"), &clock);
    assert!(spend(&ledger, &clock, 1, 100).await);
    clock.advance(Duration::from_secs(99));
    assert!(!spend(&ledger, &clock, 1, 100).await);
    clock.advance(Duration::from_secs(99_901));
    assert!(spend(&ledger, &clock, 2, 200_000).await);
    let row = spend(&ledger, &clock, 1, 100).await;
    assert!(row, "the row has been pruned");
}

/// FAULTS S8: the wall clock runs ahead, sells, and is set back. Also: by hours, and with a restart
/// beside another process that has the right time.
/// ATTACKS R-13.
#[tokio::test]
async fn a_clock_that_runs_ahead_makes_no_spent_token_fresh() {
    for ahead in [400 * 86_400, 3 * 3600] {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("ledger.db");
        let clock = Arc::new(ManualClock::new(UnixTime::from_secs(1_790_000_000)));
        let ledger = open_at(&path, &clock);
        assert!(spend(&ledger, &clock, 1, 3600).await);
        let right = clock.wall();
        clock.set_wall(right.saturating_add(Duration::from_secs(ahead)));
        for n in 0..300 {
            assert!(spend(&ledger, &clock, 100 + n, ahead + 3600).await);
        }
        // A second process starts with the wrong clock.
        let second = open_at(&path, &clock);
        for n in 0..300 {
            assert!(spend(&second, &clock, 1000 + n, ahead + 3600).await);
        }
        clock.set_wall(right);
        assert!(!spend(&ledger, &clock, 1, 3600).await);
        assert!(!spend(&second, &clock, 1, 3600).await);
        for n in [100, 399, 1000, 1299] {
            assert!(!spend(&second, &clock, n, ahead + 3600).await, "{n}");
        }
        assert!(identity(&path).latest <= right, "the time has not jumped");
    }
}

/// The clock of a process that was alone at its start leaps before its first use, while another one
/// has begun to count. Also: that one starts first, and the leap is by hours.
#[tokio::test]
async fn a_leap_at_a_late_first_use_forgets_nothing_that_another_process_needs() {
    for ahead in [400 * 86_400, 4 * 3600] {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("ledger.db");
        let right = l402_testkit::clock();
        let wrong = l402_testkit::clock();
        let idle = open_at(&path, &wrong);
        let busy = open_at(&path, &right);
        assert!(spend(&busy, &right, 1, 3600).await);
        wrong.set_wall(wrong.wall().saturating_add(Duration::from_secs(ahead)));
        assert!(spend(&idle, &wrong, 2, ahead + 3600).await);
        assert!(!spend(&busy, &right, 1, 3600).await, "forgotten");
    }
}

/// FAULTS S8: after a start alone with a clock that is far ahead, the right clock is behind.
/// ATTACKS R-13.
#[tokio::test]
async fn a_clock_behind_the_ledger_counts_no_use() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("ledger.db");
    let clock = Arc::new(ManualClock::new(UnixTime::from_secs(1_790_000_000)));
    assert!(spend(&open_at(&path, &clock), &clock, 1, 3600).await);
    clock.set_wall(UnixTime::from_secs(1_790_000_000 + 400 * 86_400));
    let ahead = open_at(&path, &clock);
    assert!(spend(&ahead, &clock, 2, 500 * 86_400).await);
    assert!(spend(&ahead, &clock, 1, 3600).await, "it is forgotten");
    drop(ahead);
    clock.set_wall(UnixTime::from_secs(1_790_000_100));
    let back = open_at(&path, &clock);
    let refused = back.reserve(claim(1, 1)).await;
    assert!(
        matches!(refused, Err(ReserveError::ClockBehind { .. })),
        "{refused:?}"
    );
    assert!(identity(&path).is_ahead_of(clock.wall()));
    // The clock of the request decides, so setting it right is enough.
    clock.set_wall(UnixTime::from_secs(1_790_000_000 + 400 * 86_400 - 1800));
    assert!(spend(&back, &clock, 3, 500 * 86_400).await);
}

/// FAULTS S7: the epoch grows with the first use, once a minute, and at the close.
#[tokio::test]
async fn the_epoch_grows_while_uses_are_counted() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("ledger.db");
    let begin = |known: &mut LedgerIdentity| {
        assert!(known.is_new());
        known.id = Some(l402_server::ledger::LedgerId::from_bytes([7; 16]));
        known.number = Some(l402::KeyNumber(3));
        Ok::<_, Infallible>(())
    };
    identify(
        &SqliteRegister::at(&path),
        UnixTime::from_secs(1_790_000_000),
        begin,
    )
    .unwrap()
    .unwrap();
    let clock = Arc::new(ManualClock::new(UnixTime::from_secs(1_790_000_000)));
    let (told, marks) = std::sync::mpsc::channel::<LedgerMark>();
    let ledger = SqliteLedger::open_with(&path, clock.clone(), move |mark| {
        told.send(mark).expect("the test listens");
    });
    let ledger = ledger.unwrap();
    let mut epochs = Vec::new();
    for (n, secs) in [0, 59, 1, 30].into_iter().enumerate() {
        clock.advance(Duration::from_secs(secs));
        assert!(spend(&ledger, &clock, u32::try_from(n).unwrap(), 3600).await);
        epochs.push(identity(&path).epoch);
    }
    drop(ledger);
    epochs.push(identity(&path).epoch);
    assert_eq!(epochs, [1, 1, 2, 2, 3]);
    let marks: Vec<_> = marks
        .iter()
        .map(|mark| (mark.epoch, mark.number.0))
        .collect();
    assert_eq!(marks, [(1, 3), (2, 3), (3, 3)]);
    drop(open_at(&path, &clock));
    assert_eq!(identity(&path).epoch, 3, "nothing was counted");
}

/// FAULTS S7: after an error of the disk no other file is taken for the ledger. Also: a missing one,
/// and a copy from earlier.
#[tokio::test]
async fn after_an_error_only_the_same_file_is_opened_again() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("ledger.db");
    let ledger = open(&path);
    let early = fs::read(&path).unwrap();
    let held = ledger.reserve(claim(1, 1)).await.unwrap();
    ledger.settle(held, Settle::ONE_USE);
    ledger.flush().await;
    let other = rusqlite::Connection::open(&path).unwrap();
    let away = "ALTER TABLE log RENAME TO away";
    other.execute_batch(away).unwrap();
    let refused = async |text: &str| match ledger.reserve(claim(1, 1)).await {
        Err(ReserveError::Unavailable(why)) => assert!(why.contains(text), "{why}"),
        outcome => panic!("{outcome:?}"),
    };
    refused("no such table: log").await;
    for end in ["", "-wal", "-shm"] {
        let from = home.path().join(format!("ledger.db{end}"));
        fs::rename(from, home.path().join(format!("kept.db{end}"))).unwrap();
    }
    refused("check folder").await;
    assert!(!path.exists(), "no new one is made");
    fs::write(&path, early).unwrap();
    refused("another file lies in its place").await;
}

/// More payments than one look at the file goes through.
#[tokio::test]
async fn all_rows_that_have_ended_are_forgotten_and_no_other() {
    const ROWS: u32 = 3000;
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("ledger.db");
    let ledger = open(&path);
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.execute_batch("BEGIN").unwrap();
    for n in 0..ROWS {
        let end = if n % 10 == 0 {
            2_000_000_000
        } else {
            1_780_000_000
        };
        let sql = "INSERT INTO payments VALUES (?1, 1, 0, 0, ?2, 0)";
        let hash = allowance(n, 1).payment_hash();
        raw.execute(sql, (hash.as_bytes(), end)).unwrap();
    }
    raw.execute_batch("COMMIT").unwrap();
    for n in 0..20 {
        let held = ledger.reserve(claim(ROWS + n, 1)).await.unwrap();
        ledger.settle(held, Settle::ReleaseUpstream);
    }
    ledger.flush().await;
    let left = |sql| raw.query_row(sql, [], |row| row.get::<_, u32>(0)).unwrap();
    assert_eq!(
        left("SELECT count(*) FROM payments WHERE used = 1"),
        ROWS / 10
    );
    for n in 0..20 {
        let held = ledger.reserve(claim(ROWS + n, 1)).await.unwrap();
        assert_eq!(held.failures(), 1, "not forgotten");
    }
}

fn refusal(path: &Path, kind: LedgerErrorKind, word: &str) {
    let error = SqliteLedger::open(path).expect_err("refused");
    assert_eq!(error.kind(), kind, "{error}");
    assert_eq!(error.place(), path);
    let (text, name) = (error.to_string(), path.file_name().expect("a name"));
    let named = text.contains(&*name.to_string_lossy());
    assert!(named && text.contains(word), "{error}");
}

/// ATTACKS O-19, D-13.
#[tokio::test]
async fn refuses_files_that_it_does_not_understand() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("ledger.db");
    drop(open(&path));
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 6).unwrap();
    drop(connection);
    refusal(&path, LedgerErrorKind::Newer, "upgrade");

    let other = home.path().join("other.db");
    let connection = rusqlite::Connection::open(&other).unwrap();
    connection.execute_batch("CREATE TABLE t (a)").unwrap();
    drop(connection);
    refusal(&other, LedgerErrorKind::OtherProgram, "other data");

    let text = home.path().join("text");
    let words = "no database at all, and longer than a header of one";
    fs::write(&text, words.repeat(9)).unwrap();
    refusal(&text, LedgerErrorKind::OtherProgram, "move it away");

    let nowhere = home.path().join("missing").join("ledger.db");
    refusal(&nowhere, LedgerErrorKind::Unwritable, "check folder");
    let error = SqliteLedger::open(&nowhere).unwrap_err();
    assert!(std::error::Error::source(&error).is_some(), "{error}");
}

/// A file in which the root of each table has been written over.
#[tokio::test]
async fn refuses_a_damaged_file() {
    let home = tempfile::tempdir().unwrap();
    let path = earlier(home.path());
    drop(open(&path));
    let mut bytes = fs::read(&path).unwrap();
    bytes[4096..].fill(0x77);
    fs::write(&path, bytes).unwrap();
    refusal(&path, LedgerErrorKind::Damaged, "damaged");
}

/// Sound pages that hold what no version has written.
#[tokio::test]
async fn refuses_damaged_rows() {
    for damage in [
        "UPDATE log SET entries = substr(entries, 1, length(entries) - 1)",
        "UPDATE log SET entries = x'09'",
        "UPDATE log SET number = 9223372036854775807 WHERE number = 1",
        "UPDATE payments SET used = -1",
    ] {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("ledger.db");
        let ledger = open(&path);
        ledger.reserve(claim(1, 1)).await.unwrap();
        drop(ledger);
        let hash = claim(1, 1).allowance().payment_hash();
        let db = rusqlite::Connection::open(&path).unwrap();
        let sql = "INSERT INTO payments VALUES (?1, 0, 0, 0, 0, 0)";
        db.execute(sql, [hash.as_bytes()]).unwrap();
        db.execute_batch(damage).unwrap();
        drop(db);
        refusal(&path, LedgerErrorKind::Damaged, "damaged");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn refuses_a_link_in_place_of_its_file() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("ledger.db");
    drop(open(&path));
    let link = home.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    refusal(&link, LedgerErrorKind::Unsafe, "not a plain file");
}

/// ATTACKS D-13, R-11: while the file is held by somebody else nothing is granted, and nothing
/// that was settled is lost.
#[tokio::test]
async fn a_locked_file_refuses_and_recovers() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("ledger.db");
    let ledger = open(&path);
    let held = ledger.reserve(claim(1, 1)).await.unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    ledger.settle(held, Settle::ONE_USE);
    let refused = ledger.reserve(claim(2, 1)).await;
    assert!(
        matches!(refused, Err(ReserveError::Unavailable(_))),
        "{refused:?}"
    );
    other.execute_batch("ROLLBACK").unwrap();
    ledger.flush().await;
    assert_eq!(
        ledger.reserve(claim(1, 1)).await,
        Err(ReserveError::Consumed)
    );
    ledger.reserve(claim(2, 1)).await.unwrap();
}

/// ATTACKS D-13: after any other error the file is opened anew, and what was settled meanwhile is
/// written then.
#[tokio::test]
async fn an_error_in_the_file_refuses_and_recovers() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("ledger.db");
    let ledger = open(&path);
    let held = ledger.reserve(claim(1, 1)).await.unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other
        .execute_batch("ALTER TABLE payments RENAME TO away")
        .unwrap();
    ledger.settle(held, Settle::ONE_USE);
    for _ in 0..2 {
        let refused = ledger.reserve(claim(2, 1)).await;
        assert!(
            matches!(refused, Err(ReserveError::Unavailable(_))),
            "{refused:?}"
        );
    }
    other
        .execute_batch("ALTER TABLE away RENAME TO payments")
        .unwrap();
    ledger.flush().await;
    assert_eq!(
        ledger.reserve(claim(1, 1)).await,
        Err(ReserveError::Consumed)
    );
    ledger.reserve(claim(2, 1)).await.unwrap();
}

/// ATTACKS O-12.
#[cfg(unix)]
#[test]
fn its_files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir().unwrap();
    let _ledger = open(&home.path().join("ledger.db"));
    let paths = files(home.path()).into_keys();
    let modes: Vec<_> = paths
        .map(|p| p.metadata().unwrap().permissions().mode() & 0o777)
        .collect();
    assert!(
        modes.len() >= 3 && modes.iter().all(|mode| *mode == 0o600),
        "{modes:?}"
    );
}
