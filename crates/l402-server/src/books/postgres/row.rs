//! A row of the table of entries: writing and reading.

use std::error::Error as StdError;

use bytes::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Error, Transaction};

use super::{COLUMNS, Field, ROW, Raw};

/// A row as it is written.
pub(in crate::books) struct Row<'a> {
    pub(in crate::books) writer: i64,
    pub(in crate::books) number: i64,
    pub(in crate::books) content: [Field<'a>; COLUMNS.len()],
    pub(in crate::books) seal: &'a [u8],
}

impl ToSql for Field<'_> {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Integer(integer) => integer.to_sql(kind, out),
            Self::Bytes(bytes) => bytes.to_sql(kind, out),
            Self::Text(text) => text.to_sql(kind, out),
        }
    }

    fn accepts(kind: &Type) -> bool {
        [Type::INT8, Type::BYTEA, Type::TEXT].contains(kind)
    }

    to_sql_checked!();
}

/// Inserts rows with one statement, and leaves out payments that are there already. Returns how many it
/// has inserted.
pub(in crate::books) async fn insert(tx: &Transaction<'_>, rows: &[Row<'_>]) -> Result<u64, Error> {
    let sql = format!(
        "INSERT INTO l402_books_entries ({ROW}) \
         SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[], \
         $6::bytea[], $7::text[], $8::text[], $9::bigint[], $10::bigint[], $11::bigint[], \
         $12::bigint[], $13::bigint[], $14::bigint[], $15::text[], $16::bigint[], $17::bytea[]) \
         ON CONFLICT (payment_hash) WHERE kind = 2 DO NOTHING"
    );
    let writers: Vec<_> = rows.iter().map(|row| row.writer).collect();
    let numbers: Vec<_> = rows.iter().map(|row| row.number).collect();
    let seals: Vec<_> = rows.iter().map(|row| row.seal).collect();
    let content: Vec<Vec<&Field<'_>>> = (0..COLUMNS.len())
        .map(|column| rows.iter().map(|row| &row.content[column]).collect())
        .collect();
    let mut columns: Vec<&(dyn ToSql + Sync)> = vec![&writers, &numbers];
    columns.extend(
        content
            .iter()
            .map(|column| -> &(dyn ToSql + Sync) { column }),
    );
    columns.push(&seals);
    tx.execute(&sql, &columns).await
}

/// Takes a row as it is.
pub(super) fn raw(row: &tokio_postgres::Row) -> Result<Raw, Error> {
    Ok(Raw {
        writer: row.try_get(0)?,
        number: row.try_get(1)?,
        kind: row.try_get(2)?,
        time: row.try_get(3)?,
        payment_hash: row.try_get(4)?,
        token_id: row.try_get(5)?,
        service: row.try_get(6)?,
        route: row.try_get(7)?,
        price: row.try_get(8)?,
        units: row.try_get(9)?,
        ends: row.try_get(10)?,
        msat: row.try_get(11)?,
        spent: row.try_get(12)?,
        fault: row.try_get(13)?,
        node: row.try_get(14)?,
        place: row.try_get(15)?,
        seal: row.try_get(16)?,
    })
}
