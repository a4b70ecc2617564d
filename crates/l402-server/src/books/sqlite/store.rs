//! The books in a SQLite file.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use l402::UnixTime;
use l402_host::FileFault;
use l402_host::sqlite::{self, Schema, application_id};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Transaction, TransactionBehavior};

use super::view::SqliteView;
use super::{Books, BooksError, Entry, Seal, View, prune, row, seal_of};
use crate::books::writer_number::new_writer;

/// `entries` has a row for each entry, `writers` the first and the last one of each writer. An entry is
/// never changed; the oldest of a writer are removed when they are pruned.
const SCHEMA: Schema = Schema {
    name: "books",
    application_id: application_id(*b"l4bk"),
    create: "
        CREATE TABLE entries (
            writer INTEGER NOT NULL,
            number INTEGER NOT NULL,
            kind INTEGER NOT NULL,
            time INTEGER NOT NULL,
            payment_hash BLOB,
            token_id BLOB,
            service TEXT,
            route TEXT,
            price INTEGER,
            units INTEGER,
            ends INTEGER,
            msat INTEGER,
            spent INTEGER NOT NULL,
            fault INTEGER NOT NULL,
            node TEXT,
            place INTEGER,
            seal BLOB NOT NULL,
            PRIMARY KEY (writer, number)
        ) WITHOUT ROWID, STRICT;
        CREATE UNIQUE INDEX payments ON entries (payment_hash) WHERE kind = 2;
        CREATE INDEX accounts ON entries (payment_hash) WHERE payment_hash IS NOT NULL;
        CREATE INDEX places ON entries (node, place) WHERE node IS NOT NULL;
        CREATE TABLE writers (
            writer INTEGER PRIMARY KEY,
            base INTEGER NOT NULL,
            base_seal BLOB NOT NULL,
            newest INTEGER NOT NULL,
            newest_seal BLOB NOT NULL
        ) STRICT;
    ",
    upgrades: &[],
    tables: &["entries", "writers"],
    busy_timeout: Duration::from_secs(5),
    checkpoint_pages: 1000,
};

/// The books in a file. Several processes may open it.
#[derive(Debug)]
pub struct SqliteBooks {
    path: PathBuf,
    write: Mutex<Write>,
    /// For reading alone, so that a long look keeps nobody from writing.
    read: Mutex<Connection>,
}

#[derive(Debug)]
struct Write {
    connection: Connection,
    /// The number of this writer; `None` before the first entry, and after an error.
    writer: Option<i64>,
}

impl SqliteBooks {
    /// Opens the file, or makes it (0600). Blocks for a moment.
    ///
    /// # Errors
    /// [`BooksError`], whose fault says what to do.
    pub fn open(path: &Path) -> Result<Self, BooksError> {
        let connection =
            sqlite::open(path, &SCHEMA).map_err(|error| BooksError::file(path, &error))?;
        connection.set_prepared_statement_cache_capacity(16);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let read = Connection::open_with_flags(path, flags)
            .and_then(|read| read.busy_timeout(SCHEMA.busy_timeout).map(|()| read))
            .map_err(|error| BooksError::new(path, sqlite::fault(&error)))?;
        Ok(Self {
            path: path.to_owned(),
            write: Mutex::new(Write {
                connection,
                writer: None,
            }),
            read: Mutex::new(read),
        })
    }

    /// Returns the connection that reads, to copy the rows as they are.
    #[cfg(feature = "postgres")]
    pub(in crate::books) fn into_reading(self) -> Connection {
        self.read
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, error: &rusqlite::Error) -> BooksError {
        BooksError::new(&self.path, sqlite::fault(error))
    }

    /// Runs a transaction that writes. After an error the next one writes under a new number: what
    /// has become of this one is not known.
    fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>, i64) -> rusqlite::Result<T>,
    ) -> Result<T, BooksError> {
        let mut write = lock(&self.write);
        let writer = match write.writer.take() {
            Some(writer) => writer,
            None => new_writer(&self.path)?,
        };
        let done = write
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .and_then(|tx| {
                let done = work(&tx, writer)?;
                tx.commit()?;
                Ok(done)
            })
            .map_err(|error| self.failed(&error))?;
        write.writer = Some(writer);
        Ok(done)
    }
}

impl Books for SqliteBooks {
    fn append(&self, entries: &[Entry]) -> Result<(), BooksError> {
        self.write(|tx, writer| append(tx, writer, entries))
    }

    fn view(
        &self,
        look: &mut dyn FnMut(&dyn View) -> Result<(), BooksError>,
    ) -> Result<(), BooksError> {
        let mut read = lock(&self.read);
        let tx = read.transaction().map_err(|error| self.failed(&error))?;
        look(&SqliteView {
            tx: &tx,
            path: &self.path,
        })
    }

    fn prune(&self, before: UnixTime, now: UnixTime) -> Result<u64, BooksError> {
        self.write(|tx, writer| prune::prune(tx, writer, before, now))?
            .ok_or_else(|| {
                let text = "an entry is damaged: run `l402 books verify`".to_owned();
                BooksError::new(&self.path, FileFault::Damaged(text))
            })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Appends entries to those of a writer.
pub(super) fn append(tx: &Transaction<'_>, writer: i64, entries: &[Entry]) -> rusqlite::Result<()> {
    let (mut number, mut last) = newest(tx, writer)?;
    for entry in entries {
        let next = seal_of(&last, writer, number + 1, entry);
        if row::insert(tx, writer, number + 1, entry, &next)? {
            (number, last) = (number + 1, next);
        } else if let Some(position) = position_of(tx, entry)? {
            let next = seal_of(&last, writer, number + 1, &position);
            row::insert(tx, writer, number + 1, &position, &next)?;
            (number, last) = (number + 1, next);
        }
    }
    let sql = "INSERT INTO writers VALUES (?1, 0, zeroblob(32), ?2, ?3) \
               ON CONFLICT (writer) DO UPDATE SET newest = ?2, newest_seal = ?3";
    tx.prepare_cached(sql)?.execute((writer, number, last))?;
    Ok(())
}

/// Returns the number and the seal of a writer's last entry.
fn newest(tx: &Transaction<'_>, writer: i64) -> rusqlite::Result<(i64, Seal)> {
    let sql = "SELECT newest, newest_seal FROM writers WHERE writer = ?1";
    let row = tx
        .prepare_cached(sql)?
        .query_row([writer], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(row.unwrap_or((0, [0; 32])))
}

/// Returns the note of the place that a payment known before has now, if it is a later one.
fn position_of(tx: &Transaction<'_>, entry: &Entry) -> rusqlite::Result<Option<Entry>> {
    let Some(node) = &entry.node else {
        return Ok(None);
    };
    Ok(entry.position_after(row::place(tx, node)?))
}
