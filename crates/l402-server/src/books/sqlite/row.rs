//! A row of the table `entries`: writing and reading.

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, OptionalExtension as _, Row, ToSql, Transaction, params_from_iter};

use super::{Entry, Field, Raw, Seal, Sealed};

impl ToSql for Field<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Owned(Value::Null),
            Self::Integer(integer) => ToSqlOutput::Owned(Value::Integer(*integer)),
            Self::Bytes(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        })
    }
}

/// Inserts an entry. Returns false if it is a payment that is there already.
pub(super) fn insert(
    tx: &Transaction<'_>,
    writer: i64,
    number: i64,
    entry: &Entry,
    seal: &Seal,
) -> rusqlite::Result<bool> {
    let sql = "INSERT INTO entries VALUES \
               (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17) \
               ON CONFLICT (payment_hash) WHERE kind = 2 DO NOTHING";
    let place = [Field::Integer(writer), Field::Integer(number)];
    let fields = place.into_iter().chain(entry.fields());
    let values = fields.chain([Field::Bytes(seal)]);
    let rows = tx.prepare_cached(sql)?.execute(params_from_iter(values))?;
    Ok(rows == 1)
}

/// Returns the latest place that was read of a node.
pub(super) fn place(db: &Connection, node: &str) -> rusqlite::Result<Option<u64>> {
    let sql = "SELECT place FROM entries WHERE node = ?1 AND place IS NOT NULL \
               ORDER BY place DESC LIMIT 1";
    let mut query = db.prepare_cached(sql)?;
    query.query_row([node], |row| row.get(0)).optional()
}

/// Reads an entry. One that no version writes is `Err` with writer and number.
pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Result<Sealed, (i64, i64)>> {
    let at = (row.get(0)?, row.get(1)?);
    // What is no text is damage, as a number out of range is.
    Ok(raw(row).map_or(Err(at), Raw::read))
}

/// Takes a row as it is.
pub(in crate::books) fn raw(row: &Row<'_>) -> rusqlite::Result<Raw> {
    Ok(Raw {
        writer: row.get(0)?,
        number: row.get(1)?,
        kind: row.get(2)?,
        time: row.get(3)?,
        payment_hash: row.get(4)?,
        token_id: row.get(5)?,
        service: row.get(6)?,
        route: row.get(7)?,
        price: row.get(8)?,
        units: row.get(9)?,
        ends: row.get(10)?,
        msat: row.get(11)?,
        spent: row.get(12)?,
        fault: row.get(13)?,
        node: row.get(14)?,
        place: row.get(15)?,
        seal: row.get(16)?,
    })
}
