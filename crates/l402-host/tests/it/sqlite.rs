//! Opening a database: new, older, newer, foreign and broken files.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use l402_host::sqlite::Schema;
use l402_host::{Clock as _, FileFault, SystemClock, sqlite};
use rusqlite::Connection;

use crate::NOTES;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Makes a file as another program, or another version, does with these statements.
fn made_with(folder: &Path, sql: &str) -> PathBuf {
    let path = folder.join("notes.db");
    let connection = Connection::open(&path).expect("a new file");
    connection.execute_batch(sql).expect("statements that hold");
    path
}

/// Opens a file that must be refused, and checks that not a byte of it has changed.
fn refused(path: &Path) -> FileFault {
    let before = fs::read(path).expect("the file");
    let error = sqlite::open(path, &NOTES).expect_err("it is refused");
    assert_eq!(fs::read(path).expect("the file"), before, "{error}");
    assert!(error.to_string().contains("notes.db"), "{error}");
    match sqlite::open(path, &NOTES) {
        Err(error) => {
            let text = error.to_string();
            assert!(
                text.contains("move it") || text.contains("upgrade"),
                "{text}"
            );
        }
        Ok(_) => panic!("a second try is refused too"),
    }
    let error = sqlite::open(path, &NOTES).expect_err("it is refused");
    assert_eq!(error.path(), path);
    into_fault(error)
}

/// A fault that can be matched on: the error keeps it.
fn into_fault(error: l402_host::FileError) -> FileFault {
    match error.fault() {
        FileFault::Newer { found, known } => FileFault::Newer {
            found: *found,
            known: *known,
        },
        FileFault::OtherProgram { wanted } => FileFault::OtherProgram { wanted },
        FileFault::Damaged(text) => FileFault::Damaged(text.clone()),
        FileFault::Empty => FileFault::Empty,
        other => panic!("another fault: {other}"),
    }
}

fn version(connection: &Connection) -> (i64, i64) {
    let pragma = |name| {
        connection
            .pragma_query_value(None, name, |row| row.get(0))
            .expect("a number")
    };
    (pragma("user_version"), pragma("application_id"))
}

#[test]
fn a_new_file_is_durable_and_carries_its_version() {
    let folder = folder();
    let connection = sqlite::open(&folder.path().join("notes.db"), &NOTES).unwrap();
    assert_eq!(version(&connection), (2, i64::from(NOTES.application_id)));
    let pragma = |name| -> rusqlite::types::Value {
        connection
            .pragma_query_value(None, name, |row| row.get(0))
            .unwrap()
    };
    assert_eq!(pragma("journal_mode"), "wal".to_owned().into());
    assert_eq!(pragma("synchronous"), 2_i64.into());
    assert_eq!(pragma("wal_autocheckpoint"), 1000_i64.into());
    assert_eq!(pragma("busy_timeout"), 5000_i64.into());
}

/// FAULTS C10: an empty file is not "no file". Also: a file that cannot be made elsewhere, and a
/// log that is left beside the empty file.
#[test]
fn an_empty_file_is_refused_and_a_new_one_is_never_empty() {
    let folder = folder();
    let path = folder.path().join("notes.db");
    fs::write(&path, "").unwrap();
    fs::write(folder.path().join("notes.db-wal"), "").unwrap();
    let fault = refused(&path);
    assert!(matches!(fault, FileFault::Empty), "{fault}");
    fs::remove_file(&path).unwrap();
    let error = sqlite::open(&path, &NOTES).unwrap_err();
    assert!(matches!(error.fault(), FileFault::LogAlone), "{error}");
    assert!(error.to_string().contains("notes.db-wal"), "{error}");
    fs::remove_file(folder.path().join("notes.db-wal")).unwrap();
    let error = sqlite::open_existing(&path, &NOTES).unwrap_err();
    assert!(error.to_string().contains("check folder"), "{error}");
    assert!(!path.exists(), "a file is made by `open` alone");
    let connection = sqlite::open(&path, &NOTES).unwrap();
    drop(connection);
    assert!(fs::metadata(&path).unwrap().len() >= 4096);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn an_older_file_is_upgraded_and_keeps_its_rows() {
    let folder = folder();
    let path = made_with(
        folder.path(),
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;
         INSERT INTO notes (text) VALUES ('kept');
         PRAGMA user_version = 1;",
    );
    for _ in 0..2 {
        let connection = sqlite::open(&path, &NOTES).unwrap();
        assert_eq!(version(&connection), (2, i64::from(NOTES.application_id)));
        let sql = "SELECT text FROM notes WHERE author IS NULL";
        let text: String = connection.query_row(sql, [], |row| row.get(0)).unwrap();
        assert_eq!(text, "kept");
    }
}

#[test]
fn a_current_file_without_an_application_id_is_taken_as_it_is() {
    let folder = folder();
    let path = folder.path().join("notes.db");
    let connection = sqlite::open(&path, &NOTES).unwrap();
    connection.pragma_update(None, "application_id", 0).unwrap();
    drop(connection);
    let connection = sqlite::open(&path, &NOTES).unwrap();
    assert_eq!(version(&connection), (2, 0));
}

#[test]
fn a_failed_upgrade_changes_nothing() {
    let folder = folder();
    // The column that the upgrade adds is there already.
    let path = made_with(
        folder.path(),
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT, author TEXT) STRICT;
         INSERT INTO notes (text) VALUES ('kept'); PRAGMA user_version = 1;",
    );
    let error = sqlite::open(&path, &NOTES).unwrap_err();
    assert!(error.to_string().contains("author"), "{error}");
    let connection = Connection::open(&path).unwrap();
    assert_eq!(version(&connection), (1, 0));
}

#[test]
fn a_newer_version_is_refused() {
    let folder = folder();
    let path = folder.path().join("notes.db");
    let connection = sqlite::open(&path, &NOTES).unwrap();
    connection.pragma_update(None, "user_version", 3).unwrap();
    drop(connection);
    let fault = refused(&path);
    assert!(
        matches!(fault, FileFault::Newer { found: 3, known: 2 }),
        "{fault}"
    );
}

#[test]
fn other_programs_files_are_refused() {
    for sql in [
        "CREATE TABLE other (x)",
        "CREATE TABLE other (x); PRAGMA user_version = 1",
        "CREATE TABLE other (x); PRAGMA user_version = 2; PRAGMA journal_mode = WAL",
        "CREATE TABLE notes (x); PRAGMA user_version = 2; PRAGMA application_id = 7",
        "CREATE TABLE notes (x); PRAGMA user_version = -1",
        "CREATE VIEW v AS SELECT 1",
    ] {
        let folder = folder();
        let path = made_with(folder.path(), sql);
        let fault = refused(&path);
        let wanted = matches!(fault, FileFault::OtherProgram { wanted: "notebook" });
        assert!(wanted, "{sql}: {fault}");
    }
}

/// Every file of a folder, with its content.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    let read = |path: PathBuf| (path.clone(), fs::read(path).expect("a file"));
    paths.into_iter().map(read).collect()
}

/// FAULTS S12: a refused file keeps its bytes, and with them its journal mode. Also: in WAL mode, with
/// a log that a kill has left, and newer files of ours.
#[test]
fn a_refused_file_is_left_as_it_was() {
    let newer = format!("{}; PRAGMA user_version = 9", NOTES.create);
    for (sql, journal) in [
        ("CREATE TABLE other (x)", "delete"),
        ("CREATE TABLE other (x)", "wal"),
        (
            "CREATE TABLE notes (x); PRAGMA user_version = 2; PRAGMA application_id = 7",
            "delete",
        ),
        (&newer, "delete"),
        (&newer, "truncate"),
        (&newer, "wal"),
    ] {
        for killed in [false, true] {
            let (made, folder) = (folder(), folder());
            let path = made_with(made.path(), sql);
            let connection = Connection::open(&path).unwrap();
            let set = format!("PRAGMA journal_mode = {journal}");
            connection.query_row(&set, [], |_| Ok(())).unwrap();
            connection.execute_batch("CREATE TABLE more (x)").unwrap();
            let kept = killed.then_some(connection);
            for (file, bytes) in contents(made.path()) {
                // The kernel forgets the shared memory, and with it the index of the log.
                if !file.to_string_lossy().ends_with("-shm") {
                    fs::write(folder.path().join(file.file_name().unwrap()), bytes).unwrap();
                }
            }
            drop(kept);
            let path = folder.path().join("notes.db");
            let before = contents(folder.path());
            for _ in 0..2 {
                let error = sqlite::open(&path, &NOTES).unwrap_err();
                let fault = error.fault();
                let known = matches!(
                    fault,
                    FileFault::OtherProgram { .. } | FileFault::Newer { .. }
                );
                assert!(known, "{sql} {journal} {killed}: {error}");
            }
            // A database in WAL mode gets the files that even reading needs; its own stay.
            let after = contents(folder.path());
            assert!(
                before.iter().all(|file| after.contains(file)),
                "{sql} {journal} {killed}"
            );
            let added = after.iter().filter(|file| !before.contains(file));
            for (file, bytes) in added {
                let name = file.to_string_lossy();
                let empty = name.ends_with("-wal") && bytes.is_empty();
                assert!(
                    journal == "wal" && (empty || name.ends_with("-shm")),
                    "{name}"
                );
            }
        }
    }
}

#[test]
fn what_is_no_database_is_refused() {
    for text in ["x".to_owned(), "no database, and long enough ".repeat(200)] {
        let folder = folder();
        let path = folder.path().join("notes.db");
        fs::write(&path, text).unwrap();
        let fault = refused(&path);
        assert!(matches!(fault, FileFault::OtherProgram { .. }), "{fault}");
    }
}

/// A file with a few pages, all of them in the file itself and none in a log.
fn several_pages(folder: &Path) -> PathBuf {
    let path = folder.join("notes.db");
    let connection = sqlite::open(&path, &NOTES).expect("it opens");
    for _ in 0..200 {
        let sql = "INSERT INTO notes (text) VALUES (hex(randomblob(200)))";
        connection.execute_batch(sql).expect("a row");
    }
    drop(connection);
    path
}

#[test]
fn truncated_and_damaged_files_are_refused() {
    let folder = folder();
    let path = several_pages(folder.path());
    let whole = fs::read(&path).unwrap();
    assert!(whole.len() > 40_000);
    let mut damaged = whole.clone();
    damaged[4096 * 3..4096 * 5].fill(0x55);
    for bytes in [&whole[..4096 * 5], &whole[..5000], &damaged[..]] {
        fs::write(&path, bytes).unwrap();
        let fault = refused(&path);
        assert!(matches!(fault, FileFault::Damaged(_)), "{fault}");
    }
    fs::write(&path, &whole[..50]).unwrap();
    refused(&path);
    fs::write(&path, &whole).unwrap();
    sqlite::open(&path, &NOTES).unwrap();
}

#[test]
fn a_file_with_an_index_of_words_is_checked_as_any_other() {
    const WORDS: Schema = Schema {
        create: "CREATE VIRTUAL TABLE notes USING fts5 (text); CREATE TABLE more (x)",
        upgrades: &[],
        ..NOTES
    };
    let folder = folder();
    let path = folder.path().join("notes.db");
    let rows = "INSERT INTO notes WITH RECURSIVE n (i) AS
                (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
                SELECT hex(randomblob(50)) FROM n;
                INSERT INTO more SELECT text FROM notes";
    let connection = sqlite::open(&path, &WORDS).unwrap();
    connection.execute_batch(rows).unwrap();
    drop(connection);
    drop(sqlite::open(&path, &WORDS).unwrap());
    let mut bytes = fs::read(&path).unwrap();
    let last_pages = bytes.len() - 3 * 4096;
    bytes[last_pages..].fill(0xff);
    fs::write(&path, bytes).unwrap();
    let fault = into_fault(sqlite::open(&path, &WORDS).unwrap_err());
    assert!(matches!(fault, FileFault::Damaged(_)), "{fault:?}");
}

// FAULTS T4: a file that is opened all day is not read as a whole each time.
#[test]
fn a_file_opened_often_is_checked_once_a_day_and_after_an_unclean_end() {
    const MINUTE: u64 = 60;
    let folder = folder();
    let path = several_pages(folder.path());
    let beside = |end: &str| folder.path().join(format!("notes.db{end}"));
    let checked = || sqlite::open_often(&path, &NOTES).map(|(_, checked)| checked);
    assert!(checked().unwrap(), "nobody has checked it yet");
    assert!(!checked().unwrap());
    let mut damaged = fs::read(&path).unwrap();
    damaged[4096 * 3..4096 * 5].fill(0x55);
    fs::write(&path, damaged).unwrap();
    assert!(!checked().unwrap(), "it is looked for once a day");

    let age = |minutes: u64| {
        let at = std::time::SystemTime::UNIX_EPOCH + now() - Duration::from_secs(minutes * MINUTE);
        let note = fs::File::options().write(true).open(beside("-checked"));
        note.unwrap().set_modified(at).unwrap();
    };
    age(24 * 60 - 1);
    assert!(!checked().unwrap());
    // A crash leaves a log. So does a program that has the file open, for which a minute is waited.
    fs::write(beside("-wal"), "a log").unwrap();
    age(2);
    let fault = into_fault(checked().unwrap_err());
    assert!(matches!(fault, FileFault::Damaged(_)), "{fault}");
    fs::remove_file(beside("-wal")).unwrap();
    age(24 * 60 + 1);
    let fault = into_fault(checked().unwrap_err());
    assert!(matches!(fault, FileFault::Damaged(_)), "{fault}");
    // A check that is refused is no check.
    checked().unwrap_err();
}

// Between two checks a file is opened without a look beforehand.
#[test]
fn a_foreign_file_in_the_place_of_one_opened_often_is_left_as_it_was() {
    let folder = folder();
    let path = folder.path().join("notes.db");
    assert!(sqlite::open_often(&path, &NOTES).unwrap().1);
    assert!(!sqlite::open_often(&path, &NOTES).unwrap().1);
    // With its newest row in the log alone, as a killed program leaves it.
    let other = folder.path().join("other");
    let killed = Connection::open(&other).unwrap();
    let sql = "PRAGMA journal_mode = WAL; CREATE TABLE other (x); INSERT INTO other VALUES (1)";
    killed.execute_batch(sql).unwrap();
    let beside = |path: &Path, end: &str| PathBuf::from(format!("{}{end}", path.display()));
    let ends = ["", "-wal"];
    let theirs = ends.map(|end| fs::read(beside(&other, end)).unwrap());
    assert!(!theirs[1].is_empty());
    for (end, bytes) in ends.iter().zip(&theirs) {
        fs::write(beside(&path, end), bytes).unwrap();
    }
    // So that the log alone is no reason for a look.
    let fault = into_fault(sqlite::open_often(&path, &NOTES).unwrap_err());
    assert!(matches!(fault, FileFault::OtherProgram { .. }), "{fault}");
    let left = ends.map(|end| fs::read(beside(&path, end)).unwrap());
    assert_eq!(left, theirs);
}

/// The time since 1970.
fn now() -> Duration {
    Duration::from_secs(SystemClock::default().wall().secs())
}

#[test]
fn a_missing_folder_is_named() {
    let folder = folder();
    let path = folder.path().join("missing").join("notes.db");
    let error = sqlite::open(&path, &NOTES).unwrap_err().to_string();
    assert!(error.contains("check folder"), "{error}");
}

#[test]
fn a_file_that_is_held_for_long_is_named_and_opens_afterwards() {
    let folder = folder();
    let layout = format!("{}; PRAGMA user_version = 2", NOTES.create);
    let path = made_with(folder.path(), &layout);
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let impatient = sqlite::Schema {
        busy_timeout: std::time::Duration::from_millis(50),
        ..NOTES
    };
    let error = sqlite::open(&path, &impatient).unwrap_err().to_string();
    assert!(error.contains("locked"), "{error}");
    other.execute_batch("ROLLBACK").unwrap();
    sqlite::open(&path, &NOTES).unwrap();
}

/// A database in the middle of a transaction, as a kill leaves it: with a journal that must be
/// rolled back before anybody can read.
fn with_a_hot_journal(folder: &Path, sql: &str) -> PathBuf {
    let (source, path) = (folder.join("source.db"), folder.join("notes.db"));
    let connection = Connection::open(&source).expect("a new file");
    connection.execute_batch(sql).expect("a layout");
    // A cache of one page makes SQLite write before the commit.
    let change = "PRAGMA cache_size = 1; BEGIN IMMEDIATE; CREATE TABLE more (x);
                  INSERT INTO more WITH RECURSIVE n (i) AS
                  (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
                  SELECT hex(randomblob(200)) FROM n";
    connection.execute_batch(change).expect("a change");
    fs::copy(&source, &path).expect("the file");
    let journal = |path: &Path| path.with_extension("db-journal");
    fs::copy(journal(&source), journal(&path)).expect("its journal");
    path
}

#[test]
fn a_start_that_was_killed_in_mid_change_does_not_lock_the_file() {
    let folder = folder();
    let layout = format!("{}; PRAGMA user_version = 2", NOTES.create);
    let path = with_a_hot_journal(folder.path(), &layout);
    let read_only = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let look = Connection::open_with_flags(&path, read_only).unwrap();
    let seen = look.query_row("SELECT 1 FROM notes", [], |_| Ok(()));
    assert!(
        seen.unwrap_err().to_string().contains("readonly"),
        "the journal is hot"
    );
    drop(look);
    let connection = sqlite::open(&path, &NOTES).unwrap();
    let left = "SELECT count(*) FROM sqlite_schema WHERE name = 'more'";
    let left: i64 = connection.query_row(left, [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0, "the unfinished change is rolled back");
}

#[test]
fn a_foreign_file_with_a_journal_is_refused_before_it_becomes_a_wal_file() {
    let folder = folder();
    let path = with_a_hot_journal(folder.path(), "CREATE TABLE other (x)");
    let error = sqlite::open(&path, &NOTES).unwrap_err();
    assert!(
        matches!(error.fault(), FileFault::OtherProgram { .. }),
        "{error}"
    );
    let connection = Connection::open(&path).unwrap();
    let mode: String = connection
        .pragma_query_value(None, "journal_mode", |row| row.get(0))
        .unwrap();
    assert_eq!(mode, "delete");
}
