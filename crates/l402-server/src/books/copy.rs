//! A ledger and its books in files, copied into an empty database.

use std::path::Path;

use l402_host::PostgresUrl;
use l402_host::postgres::PostgresError;
use rusqlite::Connection;
use tokio_postgres::Transaction;

use super::postgres::{Row, failed, insert, lock_alone};
use super::raw::{ROW, Raw};
use super::sqlite::raw;
use super::{PostgresBooks, SqliteBooks};
use crate::ledger::{Copied, LedgerError, LedgerMark, copy_with};

/// The entries that one statement carries.
const AT_ONCE: usize = 1000;

/// Copies a ledger with its payments, keys, revocations, id and epoch into an empty database, and its
/// books with their seals, in one transaction. No process may have the ledger open; what ended ones hold is given
/// back first. `books` is `None` if none were kept. Blocks.
///
/// `commits` is called with the mark of the copy, whose epoch is above the file's, when all is written and
/// nothing is durable: once it has noted the mark beside the keys, the file counts as older than the
/// ledger. `told` is called with the number of payments so far.
///
/// # Errors
/// [`LedgerError`] if the ledger is in use, if a file cannot be read, if there are a ledger or books in the
/// database, and those of `commits`. Then nothing was copied.
pub fn copy_to_postgres(
    ledger: &Path,
    books: Option<&Path>,
    to: &PostgresUrl,
    commits: impl FnOnce(LedgerMark) -> Result<(), std::io::Error>,
    told: impl FnMut(u64),
) -> Result<Copied, LedgerError> {
    let also = async |tx: &Transaction<'_>| match books {
        Some(books) => copy(books, tx).await,
        None => refuse_used(tx).await.map(|()| 0),
    };
    // Tables alone: they are empty until the ledger is there, too.
    PostgresBooks::open(to).map_err(|error| LedgerError::books(to, &error))?;
    copy_with(ledger, to, also, commits, told)
}

async fn copy(books: &Path, tx: &Transaction<'_>) -> Result<u64, PostgresError> {
    let file = SqliteBooks::open(books).map_err(|error| PostgresError::local(&error))?;
    refuse_used(tx).await?;
    let mut read = file.into_reading();
    // Both tables of one moment.
    let look = read.transaction().map_err(unreadable)?;
    copy_writers(&look, tx).await?;
    copy_entries(&look, tx).await
}

/// Refuses a database that has books. Until the end of the transaction nobody begins any.
async fn refuse_used(tx: &Transaction<'_>) -> Result<(), PostgresError> {
    lock_alone(tx).await.map_err(failed)?;
    let sql = "SELECT EXISTS (SELECT FROM l402_books_writers) \
               OR EXISTS (SELECT FROM l402_books_entries)";
    if tx.query_one(sql, &[]).await.map_err(failed)?.get(0) {
        return Err(PostgresError::local(
            &"there are books in it already; name an empty database",
        ));
    }
    Ok(())
}

fn unreadable(error: rusqlite::Error) -> PostgresError {
    PostgresError::local(&format!("the books cannot be read: {error}"))
}

async fn copy_writers(file: &Connection, tx: &Transaction<'_>) -> Result<(), PostgresError> {
    let sql = "SELECT writer, base, base_seal, newest, newest_seal FROM writers";
    let mut query = file.prepare(sql).map_err(unreadable)?;
    let mut rows = query.query([]).map_err(unreadable)?;
    while let Some(row) = rows.next().map_err(unreadable)? {
        let (writer, base, base_seal, newest, newest_seal): (i64, i64, Vec<u8>, i64, Vec<u8>) =
            row.try_into().map_err(unreadable)?;
        let sql = "INSERT INTO l402_books_writers VALUES ($1, $2, $3, $4, $5)";
        tx.execute(sql, &[&writer, &base, &base_seal, &newest, &newest_seal])
            .await
            .map_err(failed)?;
    }
    Ok(())
}

/// Copies the entries as they are: a damaged one stays one that the verification finds.
async fn copy_entries(file: &Connection, tx: &Transaction<'_>) -> Result<u64, PostgresError> {
    let sql = format!("SELECT {ROW} FROM entries ORDER BY writer, number");
    let mut query = file.prepare(&sql).map_err(unreadable)?;
    let mut rows = query.query([]).map_err(unreadable)?;
    let (mut copied, mut some) = (0, Vec::with_capacity(AT_ONCE));
    loop {
        let row = rows.next().map_err(unreadable)?;
        let is_last = row.is_none();
        if let Some(row) = row {
            some.push(raw(row).map_err(unreadable)?);
        }
        if is_last || some.len() >= AT_ONCE {
            copied += write(&some, tx).await?;
            some.clear();
        }
        if is_last {
            return Ok(copied);
        }
    }
}

async fn write(some: &[Raw], tx: &Transaction<'_>) -> Result<u64, PostgresError> {
    let rows: Vec<_> = some
        .iter()
        .map(|raw| Row {
            writer: raw.writer,
            number: raw.number,
            content: raw.fields(),
            seal: &raw.seal,
        })
        .collect();
    if insert(tx, &rows).await.map_err(failed)? != rows.len() as u64 {
        let text = "the books have a payment twice: run `l402 books verify`";
        return Err(PostgresError::local(&text));
    }
    Ok(rows.len() as u64)
}
