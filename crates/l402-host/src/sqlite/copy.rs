//! A copy of a database that may be in use.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::fault::fault;
use crate::{FileError, FileFault, private};

/// The longest wait for a writer of the database.
const BUSY: Duration = Duration::from_secs(5);

/// Copies a database to a new file (0600), as it is at one moment, while other connections and
/// processes may write to it. The database may be one of a library's, with any layout.
///
/// # Errors
/// Those of [`private::open`] for the database, and [`FileFault::Damaged`], [`FileFault::Full`] or
/// [`FileFault::Sqlite`] for either. A file that exists is left as it is.
pub fn copy(from: &Path, to: &Path) -> Result<(), FileError> {
    private::own_size(from)?;
    let text = to.to_str().ok_or_else(|| {
        let text = "the path of a copy must be UTF-8".to_owned();
        FileError::new(to, FileFault::Sqlite(text))
    })?;
    // An empty file of ours, which SQLite fills: one that it makes would be open to others.
    if !private::create(to, b"")? {
        let exists = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
        return Err(FileError::new(to, exists.into()));
    }
    let copied = || {
        // Without the right to write, a log beside the database could not be read.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(from, flags)?;
        connection.busy_timeout(BUSY)?;
        connection.execute("VACUUM INTO ?1", [text]).map(drop)
    };
    copied().map_err(|error: rusqlite::Error| FileError::new(from, fault(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_in_use_is_copied_at_one_moment() {
        let folder = tempfile::tempdir().unwrap();
        let [from, to] = ["a.db", "b.db"].map(|name| folder.path().join(name));
        let writer = Connection::open(&from).unwrap();
        let mode: String = writer
            .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
            .unwrap();
        assert_eq!(mode, "wal");
        writer
            .execute_batch("CREATE TABLE t (n); INSERT INTO t VALUES (1)")
            .unwrap();
        // Not committed, so not in the copy.
        writer
            .execute_batch("BEGIN; INSERT INTO t VALUES (2)")
            .unwrap();
        copy(&from, &to).unwrap();
        let reader = Connection::open(&to).unwrap();
        let sum: i64 = reader
            .query_row("SELECT sum(n) FROM t", [], |row| row.get(0))
            .unwrap();
        assert_eq!(sum, 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(to.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert!(copy(&from, &to).is_err(), "never written over");
        assert!(copy(&folder.path().join("none.db"), &folder.path().join("c.db")).is_err());
    }
}
