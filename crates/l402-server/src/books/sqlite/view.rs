//! The file at one moment.

use std::path::Path;

use l402::PaymentHash;
use l402_host::sqlite;
use l402_lightning::SettlementIndex;
use rusqlite::{Params, Transaction};

use super::row;
use super::{BooksError, Head, ROW, View, Visit};

/// A transaction that reads.
pub(super) struct SqliteView<'a> {
    pub(super) tx: &'a Transaction<'a>,
    pub(super) path: &'a Path,
}

impl SqliteView<'_> {
    fn failed(&self, error: &rusqlite::Error) -> BooksError {
        BooksError::new(self.path, sqlite::fault(error))
    }

    /// Visits the rows of a query.
    fn visit(
        &self,
        sql: &str,
        params: impl Params,
        visit: &mut Visit<'_>,
    ) -> Result<(), BooksError> {
        let failed = |error: rusqlite::Error| self.failed(&error);
        let mut query = self.tx.prepare_cached(sql).map_err(failed)?;
        let mut rows = query.query(params).map_err(failed)?;
        while let Some(found) = rows.next().map_err(failed)? {
            visit(row::read(found).map_err(failed)?)?;
        }
        Ok(())
    }
}

impl View for SqliteView<'_> {
    fn settlement_index(&self, node: &str) -> Result<Option<SettlementIndex>, BooksError> {
        let place = row::place(self.tx, node).map_err(|error| self.failed(&error))?;
        Ok(place.map(SettlementIndex))
    }

    fn heads(&self) -> Result<Vec<Head>, BooksError> {
        heads(self.tx).map_err(|error| self.failed(&error))
    }

    fn in_order(&self, visit: &mut Visit<'_>) -> Result<(), BooksError> {
        let sql = format!("SELECT {ROW} FROM entries ORDER BY writer, number");
        self.visit(&sql, [], visit)
    }

    fn of_writer(&self, writer: i64, after: i64, visit: &mut Visit<'_>) -> Result<(), BooksError> {
        let sql =
            format!("SELECT {ROW} FROM entries WHERE writer = ?1 AND number > ?2 ORDER BY number");
        self.visit(&sql, (writer, after), visit)
    }

    fn by_payment(
        &self,
        only: Option<PaymentHash>,
        visit: &mut Visit<'_>,
    ) -> Result<(), BooksError> {
        let Some(hash) = only else {
            let sql = format!(
                "SELECT {ROW} FROM entries WHERE payment_hash IS NOT NULL \
                 ORDER BY payment_hash, kind <> 2, time, writer, number"
            );
            return self.visit(&sql, [], visit);
        };
        let sql = format!(
            "SELECT {ROW} FROM entries WHERE payment_hash = ?1 \
             ORDER BY kind <> 2, time, writer, number"
        );
        self.visit(&sql, [hash.as_bytes()], visit)
    }
}

/// Reads the first and the last entry of each writer.
pub(super) fn heads(tx: &Transaction<'_>) -> rusqlite::Result<Vec<Head>> {
    let sql = "SELECT writer, base, base_seal, newest, newest_seal FROM writers ORDER BY writer";
    let mut query = tx.prepare_cached(sql)?;
    let heads = query.query_map([], |row| {
        Ok(Head {
            writer: row.get(0)?,
            base: (row.get(1)?, row.get(2)?),
            newest: (row.get(3)?, row.get(4)?),
        })
    })?;
    heads.collect()
}
