//! The opening of a file, in one way for every caller.

use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use super::due::{self, beside};
use super::fault::{StepError, retry};
use super::schema::Schema;
use crate::{Clock as _, FileError, FileFault, SystemClock, private};

/// The largest file that is checked as a whole at each start, in bytes. The check takes about a
/// second for each GiB, and without it SQLite reports damage when it reads the damaged page.
const CHECK_MAX_BYTES: u64 = 64 * 1024 * 1024;

/// The size of SQLite's smallest page, in bytes. SQLite takes a shorter file for an empty database
/// and would overwrite it, but no database is that short.
const PAGE_MIN_BYTES: u64 = 512;

/// The look at a file before it is opened for writing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    /// None: it was looked at less than a day ago.
    Skipped,
    /// Through a connection that cannot change it, at all of it unless it is too large for that.
    Whole,
}

impl Look {
    const fn at(due: bool) -> Self {
        if due { Self::Whole } else { Self::Skipped }
    }
}

/// Opens a file, or makes it (0600). Blocks while other processes hold the file, for at most a few
/// busy time-outs.
///
/// Version and application id are read before anything is changed, so a refused file stays as it
/// was, byte for byte. A new file gets its tables under another name
/// and is put in its place whole, so one that is empty has lost its content, and is refused.
///
/// # Errors
/// Those of [`private::open`], and [`FileFault::Damaged`], [`FileFault::Empty`], [`FileFault::Full`],
/// [`FileFault::LogAlone`], [`FileFault::Newer`], [`FileFault::OtherProgram`] or [`FileFault::Sqlite`].
pub fn open(path: &Path, schema: &Schema) -> Result<Connection, FileError> {
    open_looking(path, schema, Look::Whole)
}

/// Opens a file as [`open`] does, for a program that opens it many times a day. The whole of it is
/// checked once a day, and where a log was left beside it: by a program that was killed, or by one
/// that has the file open, for which a minute is waited. The second value is true if it was checked
/// now: the time for other housekeeping.
///
/// The time of the last check is that of the empty file `FILE-checked` beside it.
///
/// # Errors
/// Those of [`open`]. Damage that was not looked for is an error of SQLite when it is read.
pub fn open_often(path: &Path, schema: &Schema) -> Result<(Connection, bool), FileError> {
    let due = due::is_due(path, SystemClock::default().wall());
    let connection = open_looking(path, schema, Look::at(due))?;
    if due {
        due::note(path);
    }
    Ok((connection, due))
}

/// Opens a file, or makes it, after this look.
fn open_looking(path: &Path, schema: &Schema, look: Look) -> Result<Connection, FileError> {
    // Also a link that leads nowhere is there: it is refused below.
    if private::is_missing(path) {
        // SQLite would write an older log into the new file. Looked at again, since another process
        // may have made the file meanwhile, and then the log is its own.
        let log = beside(path, "-wal");
        if !private::is_missing(&log) && private::is_missing(path) {
            return Err(FileError::new(&log, FileFault::LogAlone));
        }
        make(path, schema)?;
    }
    open_there(path, schema, look)
}

/// Narrows the modes of a database and of the files that SQLite keeps beside it to 0600, without
/// opening any. Files that are missing are none. For a database that is opened later.
///
/// # Errors
/// Those of [`private::open`].
pub fn narrow(path: &Path) -> Result<(), FileError> {
    private::narrow_path(path)?;
    for end in ["-wal", "-shm", "-journal"] {
        private::narrow_path(&beside(path, end))?;
    }
    Ok(())
}

/// Opens a file as [`open`] does, and makes none.
///
/// # Errors
/// Those of [`open`], and [`FileFault::System`] if there is no file.
pub fn open_existing(path: &Path, schema: &Schema) -> Result<Connection, FileError> {
    open_there(path, schema, Look::Whole)
}

fn open_there(path: &Path, schema: &Schema, look: Look) -> Result<Connection, FileError> {
    let fail = |fault: FileFault| FileError::new(path, fault);
    let bytes = private::own_size(path)?;
    if bytes == 0 {
        return Err(fail(FileFault::Empty));
    }
    if bytes < PAGE_MIN_BYTES {
        let wanted = schema.name;
        return Err(fail(FileFault::OtherProgram { wanted }));
    }
    if look == Look::Whole {
        let whole = bytes <= CHECK_MAX_BYTES;
        retry(schema, || look_at(path, schema, whole)).map_err(fail)?;
    }
    narrow(path)?;
    retry(schema, || connect(path, schema)).map_err(fail)
}

/// Makes a new file. Of several that make one at once, one puts its file in place.
fn make(path: &Path, schema: &Schema) -> Result<(), FileError> {
    private::create_with(path, |draft| {
        // Closed before it gets its name. SQLite then moves its log into the file.
        retry(schema, || connect(draft, schema)).map(drop)
    })
}

/// Refuses a file that is not ours, through a connection that cannot change it.
fn look_at(path: &Path, schema: &Schema, whole: bool) -> Result<(), StepError> {
    match checked_read_only(path, schema, whole) {
        // A crash in the middle of a first start or an upgrade has left a journal, and only a
        // connection that may write can roll it back. `connect` does, and checks before it changes
        // anything else.
        Err(StepError::Sqlite(error)) if error.sqlite_error_code() == Some(ErrorCode::ReadOnly) => {
            Ok(())
        }
        checked => checked,
    }
}

fn checked_read_only(path: &Path, schema: &Schema, whole: bool) -> Result<(), StepError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(schema.busy_timeout)?;
    checked_version(&connection.unchecked_transaction()?, schema)?;
    if whole {
        let mut check = connection.prepare("PRAGMA quick_check(10)")?;
        let verdicts = check.query_map([], |row| row.get::<_, String>(0))?;
        for verdict in verdicts {
            let verdict = verdict?;
            if verdict != "ok" && !is_unchecked_index(&verdict) {
                return Err(StepError::Fault(FileFault::Damaged(verdict)));
            }
        }
    }
    Ok(())
}

/// Returns true if SQLite could not look at an index of words: FTS5 checks its own through a statement
/// that writes nothing, and that a connection for reading refuses all the same. The pages below such an
/// index are checked like all others.
fn is_unchecked_index(verdict: &str) -> bool {
    verdict.starts_with("unable to validate the inverted index for FTS5 table")
        && verdict.ends_with("attempt to write a readonly database")
}

/// Returns the version of a file of ours, or 0 for an empty one. Takes a transaction so that all is
/// read at one moment, since another process may be making the tables.
fn checked_version(tx: &Transaction<'_>, schema: &Schema) -> Result<i64, StepError> {
    let pragma = |name| tx.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (id, version) = (pragma("application_id")?, pragma("user_version")?);
    let other = Err(StepError::Fault(FileFault::OtherProgram {
        wanted: schema.name,
    }));
    if id != 0 && id != i64::from(schema.application_id) {
        return other;
    }
    let known = schema.version();
    if version > known {
        let found = version;
        return Err(StepError::Fault(FileFault::Newer { found, known }));
    }
    let tables = tables(tx)?;
    let has = |name: &&str| tables.iter().any(|table| table == name);
    match version {
        0 if tables.is_empty() => Ok(0),
        1.. if schema.tables.iter().all(has) => Ok(version),
        _ => other,
    }
}

/// Returns the names of all tables and indexes.
fn tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut query = connection.prepare("SELECT name FROM sqlite_schema")?;
    let names = query.query_map([], |row| row.get(0))?;
    names.collect()
}

/// Opens the file for writing, sets WAL mode, and brings the layout up to date.
fn connect(path: &Path, schema: &Schema) -> Result<Connection, StepError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(schema.busy_timeout)?;
    // A file that is refused stays as it is: its end here must not move its log into it.
    let keeps_log = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
    connection.set_db_config(keeps_log, true)?;
    // Here too, because the read-only look cannot see behind a journal that a crash has left, and is
    // not made at each opening.
    let found = checked_version(&connection.unchecked_transaction()?, schema)?;
    connection.set_db_config(keeps_log, false)?;
    // `pragma_update` would take the row that this statement returns for an error.
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        let text = format!("the file system cannot hold a write-ahead log (mode {mode})");
        return Err(StepError::Fault(FileFault::Sqlite(text)));
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", schema.checkpoint_pages)?;
    // Most starts find the file up to date, and need no lock for writing.
    if found < schema.version() {
        bring_up(&mut connection, schema)?;
    }
    Ok(connection)
}

/// Makes the tables of a new file, or upgrades an older one, in one transaction.
fn bring_up(connection: &mut Connection, schema: &Schema) -> Result<(), StepError> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have done it since the check above.
    let found = checked_version(&tx, schema)?;
    if found < schema.version() {
        write_layout(&tx, schema, found)?;
    }
    tx.commit()?;
    Ok(())
}

/// Runs the statements from version `found` to the current one.
fn write_layout(tx: &Transaction<'_>, schema: &Schema, found: i64) -> rusqlite::Result<()> {
    let done = usize::try_from(found).unwrap_or(0);
    if done == 0 {
        tx.execute_batch(schema.create)?;
    } else {
        for upgrade in schema.upgrades.iter().skip(done - 1) {
            tx.execute_batch(upgrade)?;
        }
    }
    // In the same transaction as the tables, so that a crash leaves an old file or a new one.
    tx.pragma_update(None, "application_id", schema.application_id)?;
    tx.pragma_update(None, "user_version", schema.version())
}
