//! The handle on the database.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use l402::UnixTime;
use l402_host::postgres::{Blocking, PostgresError, Target, migrate};
use l402_host::{FileFault, PostgresUrl};
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::append::append;
use super::link::{READING, WRITING, begin, begin_alone, failed, within};
use super::schema::STEPS;
use super::view::PostgresView;
use super::{Books, BooksError, Entry, Kind, Seal, View, new_writer, prune};

/// The books in a database. Several processes may open it. Keeps its connections, and makes them again
/// if they break. Not for a thread of an asynchronous runtime.
#[derive(Debug)]
pub struct PostgresBooks {
    place: String,
    write: Mutex<Write>,
    /// For reading alone, so that a long look keeps nobody from writing.
    read: Mutex<Blocking>,
}

#[derive(Debug)]
struct Write {
    connection: Blocking,
    /// The number of this writer; `None` before the first entry, and after an error.
    writer: Option<i64>,
    /// Uses of which nobody knows if they were written.
    doubt: Option<Doubt>,
}

#[derive(Debug)]
struct Doubt {
    writer: i64,
    /// The seal of the last of them.
    last: Seal,
    entries: Vec<Entry>,
}

impl PostgresBooks {
    /// Opens the books, and makes or upgrades their tables. Blocks for a moment.
    ///
    /// # Errors
    /// [`BooksError`] if the database cannot be used, or a newer program has made the tables.
    pub fn open(url: &PostgresUrl) -> Result<Self, BooksError> {
        let place = url.to_string();
        let failed = |error: PostgresError| BooksError::database(&place, &error);
        let connect = || Blocking::new(Target::read(url)?);
        let (mut connection, read) = connect()
            .and_then(|write| Ok((write, connect()?)))
            .map_err(failed)?;
        connection
            .run(async |client, _| within(WRITING, migrate(client, "books", STEPS)).await)
            .map_err(failed)?;
        let write = Write {
            connection,
            writer: None,
            doubt: None,
        };
        Ok(Self {
            write: Mutex::new(write),
            read: Mutex::new(read),
            place,
        })
    }

    /// Opens books that are there; `None` if the database has none. Blocks for a moment.
    ///
    /// # Errors
    /// As [`PostgresBooks::open`].
    pub fn find(url: &PostgresUrl) -> Result<Option<Self>, BooksError> {
        let place = url.to_string();
        let sql = "SELECT to_regclass('l402_books_writers') IS NOT NULL";
        let found = Target::read(url)
            .and_then(Blocking::new)
            .and_then(|mut look| {
                look.run(async |client, _| {
                    let row = async { client.query_one(sql, &[]).await.map_err(self::failed) };
                    within(WRITING, row).await
                })
            });
        let found = found.map_err(|error| BooksError::database(&place, &error))?;
        if found.get(0) {
            return Self::open(url).map(Some);
        }
        Ok(None)
    }

    fn failed(&self, error: &PostgresError) -> BooksError {
        BooksError::database(&self.place, error)
    }
}

impl Books for PostgresBooks {
    fn append(&self, entries: &[Entry]) -> Result<(), BooksError> {
        let mut write = lock(&self.write);
        if write
            .has_written(entries)
            .map_err(|error| self.failed(&error))?
        {
            return Ok(());
        }
        let writer = match write.writer.take() {
            Some(writer) => writer,
            None => new_writer(Path::new(&self.place))?,
        };
        write
            .append(writer, entries)
            .map_err(|error| self.failed(&error))
    }

    fn view(
        &self,
        look: &mut dyn FnMut(&dyn View) -> Result<(), BooksError>,
    ) -> Result<(), BooksError> {
        let mut read = lock(&self.read);
        look(&PostgresView::begin(&mut read, &self.place)?)
    }

    fn prune(&self, before: UnixTime, now: UnixTime) -> Result<u64, BooksError> {
        let writer = new_writer(Path::new(&self.place))?;
        let mut write = lock(&self.write);
        let pruned = write.connection.run(async |client, _| {
            let pruned = async {
                let tx = begin_alone(client).await?;
                let pruned = prune::prune(&tx, writer, before, now).await?;
                tx.commit().await?;
                Ok(pruned)
            };
            within(READING, async { pruned.await.map_err(failed) }).await
        });
        pruned.map_err(|error| self.failed(&error))?.ok_or_else(|| {
            let text = "an entry is damaged: run `l402 books verify`".to_owned();
            BooksError::new(Path::new(&self.place), FileFault::Damaged(text))
        })
    }
}

impl Write {
    /// Returns true if these are the uses in doubt, and the books have them. Payments are never in doubt: they
    /// can be appended again.
    fn has_written(&mut self, entries: &[Entry]) -> Result<bool, PostgresError> {
        let Some(doubt) = self.doubt.as_ref().filter(|_| has_uses(entries)) else {
            return Ok(false);
        };
        let was_written = self
            .connection
            .run(async |client, _| within(WRITING, was_written(client, doubt)).await)?;
        let is_the_same = doubt.entries == entries;
        self.doubt = None;
        Ok(was_written && is_the_same)
    }

    fn append(&mut self, writer: i64, entries: &[Entry]) -> Result<(), PostgresError> {
        let mut committing = None;
        let done = self.connection.run(async |client, _| {
            let appended = async {
                let tx = begin(client, writer).await?;
                committing = Some(append(&tx, writer, entries).await?);
                tx.commit().await
            };
            within(WRITING, async { appended.await.map_err(failed) }).await
        });
        match (&done, committing) {
            (Ok(()), _) => self.writer = Some(writer),
            (Err(_), Some(last)) if has_uses(entries) => {
                let entries = entries.to_vec();
                self.doubt = Some(Doubt {
                    writer,
                    last,
                    entries,
                });
            }
            (Err(_), _) => {}
        }
        done
    }
}

/// Returns true for entries that must not be appended twice.
fn has_uses(entries: &[Entry]) -> bool {
    let is_use = |entry: &Entry| matches!(entry.kind, Kind::Use | Kind::Missed);
    entries.iter().any(is_use)
}

/// Waits until the transaction in doubt has ended, and looks if it was done.
async fn was_written(client: &mut Client, doubt: &Doubt) -> Result<bool, PostgresError> {
    let tx = begin(client, doubt.writer).await.map_err(failed)?;
    let sql = "SELECT FROM l402_books_writers WHERE writer = $1 AND newest_seal = $2";
    let last = doubt.last.as_slice();
    let rows = tx
        .query_typed(sql, &[(&doubt.writer, Type::INT8), (&last, Type::BYTEA)])
        .await;
    Ok(!rows.map_err(failed)?.is_empty())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
