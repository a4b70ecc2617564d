//! The database at one moment.

use std::cell::{Cell, RefCell};
use std::fmt::Write as _;
use std::path::Path;

use l402::PaymentHash;
use l402_host::FileFault;
use l402_host::postgres::{Blocking, PostgresError};
use l402_lightning::SettlementIndex;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::link::{READING, failed, within};
use super::row::raw;
use super::{BooksError, Head, ROW, Raw, View, Visit};

/// The rows that one step of a cursor brings.
const AT_ONCE: usize = 1000;

/// A transaction that reads. Ends with this value.
pub(super) struct PostgresView<'a> {
    connection: RefCell<&'a mut Blocking>,
    place: &'a str,
    cursors: Cell<u32>,
}

impl<'a> PostgresView<'a> {
    pub(super) fn begin(connection: &'a mut Blocking, place: &'a str) -> Result<Self, BooksError> {
        let sql = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        let begun = connection.run(async |client, _| {
            let begun = async { client.batch_execute(sql).await.map_err(failed) };
            within(READING, begun).await
        });
        begun.map_err(|error| BooksError::database(place, &error))?;
        Ok(Self {
            connection: RefCell::new(connection),
            place,
            cursors: Cell::new(0),
        })
    }

    /// Reads rows within the transaction. If the connection has ended, so has the transaction.
    fn query(
        &self,
        sql: &str,
        values: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, BooksError> {
        let rows = self.connection.borrow_mut().go_on(async |client, _| {
            let rows = async { client.query_typed(sql, values).await.map_err(failed) };
            within(READING, rows).await
        });
        rows.map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &PostgresError) -> BooksError {
        BooksError::database(self.place, error)
    }

    fn damaged(&self) -> BooksError {
        let text = "a row holds what was never written: compare with a backup".to_owned();
        BooksError::new(Path::new(self.place), FileFault::Damaged(text))
    }

    /// Visits the rows of a query, some at a time.
    fn visit(&self, sql: &str, visit: &mut Visit<'_>) -> Result<(), BooksError> {
        let number = self.cursors.get();
        self.cursors.set(number + 1);
        let name = format!("l402_{number}");
        self.query(&format!("DECLARE {name} NO SCROLL CURSOR FOR {sql}"), &[])?;
        let fetch = format!("FETCH {AT_ONCE} FROM {name}");
        loop {
            let rows = self.query(&fetch, &[])?;
            for row in &rows {
                visit(
                    raw(row)
                        .map(Raw::read)
                        .map_err(|error| self.failed(&failed(error)))?,
                )?;
            }
            if rows.len() < AT_ONCE {
                break;
            }
        }
        self.query(&format!("CLOSE {name}"), &[]).map(|_| ())
    }
}

impl Drop for PostgresView<'_> {
    fn drop(&mut self) {
        // Without a connection there is nothing to end.
        let _ = self.query("COMMIT", &[]);
    }
}

impl View for PostgresView<'_> {
    fn settlement_index(&self, node: &str) -> Result<Option<SettlementIndex>, BooksError> {
        let sql = "SELECT max(place) FROM l402_books_entries WHERE node = $1";
        let rows = self.query(sql, &[(&node, Type::TEXT)])?;
        let place: Option<i64> = rows.first().and_then(|row| row.get(0));
        place
            .map(|place| u64::try_from(place).map(SettlementIndex))
            .transpose()
            .map_err(|_| self.damaged())
    }

    fn heads(&self) -> Result<Vec<Head>, BooksError> {
        let rows = self.query(HEADS, &[])?;
        let heads: Option<_> = rows.iter().map(head).collect();
        heads.ok_or_else(|| self.damaged())
    }

    fn in_order(&self, visit: &mut Visit<'_>) -> Result<(), BooksError> {
        let sql = format!("SELECT {ROW} FROM l402_books_entries ORDER BY writer, number");
        self.visit(&sql, visit)
    }

    fn of_writer(&self, writer: i64, after: i64, visit: &mut Visit<'_>) -> Result<(), BooksError> {
        // Both are numbers: a cursor takes no values.
        let sql = format!(
            "SELECT {ROW} FROM l402_books_entries WHERE writer = {writer} AND number > {after} \
             ORDER BY number"
        );
        self.visit(&sql, visit)
    }

    fn by_payment(
        &self,
        only: Option<PaymentHash>,
        visit: &mut Visit<'_>,
    ) -> Result<(), BooksError> {
        let which = only.map_or("IS NOT NULL".to_owned(), |hash| literal(&hash));
        let sql = format!(
            "SELECT {ROW} FROM l402_books_entries WHERE payment_hash {which} \
             ORDER BY payment_hash, kind <> 2, time, writer, number"
        );
        self.visit(&sql, visit)
    }
}

/// Returns the condition for a payment. A cursor takes no values.
fn literal(hash: &PaymentHash) -> String {
    let mut text = "= '\\x".to_owned();
    for byte in hash.as_bytes() {
        // A text takes everything.
        let _ = write!(text, "{byte:02x}");
    }
    text + "'::bytea"
}

/// Reads the first and the last entry of each writer.
pub(super) const HEADS: &str =
    "SELECT writer, base, base_seal, newest, newest_seal FROM l402_books_writers ORDER BY writer";

/// Reads a row of [`HEADS`]; `None` if a seal has another length.
pub(super) fn head(row: &Row) -> Option<Head> {
    Some(Head {
        writer: row.get(0),
        base: (row.get(1), row.get::<_, Vec<u8>>(2).try_into().ok()?),
        newest: (row.get(3), row.get::<_, Vec<u8>>(4).try_into().ok()?),
    })
}
