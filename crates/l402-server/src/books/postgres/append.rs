//! Appending entries to those of a writer.

use tokio_postgres::types::Type;
use tokio_postgres::{Error, Transaction};

use super::row::{self, Row};
use super::{Entry, Kind, Seal, seal_of};

/// The last entry of a writer, and those after it that are not inserted yet.
struct Chain<'a> {
    writer: i64,
    number: i64,
    last: Seal,
    waiting: Vec<(i64, &'a Entry, Seal)>,
}

/// Appends entries to those of a writer. Returns the seal of the last one.
///
/// Payments are inserted one by one, since the number after them depends on who was first; all others
/// together.
pub(super) async fn append(
    tx: &Transaction<'_>,
    writer: i64,
    entries: &[Entry],
) -> Result<Seal, Error> {
    let (number, last) = newest(tx, writer).await?;
    let waiting = Vec::new();
    let mut chain = Chain {
        writer,
        number,
        last,
        waiting,
    };
    for entry in entries {
        if entry.kind == Kind::Payment {
            // Before the payment, which looks in the table for the latest place of its node.
            chain.flush(tx).await?;
            chain.payment(tx, entry).await?;
        } else {
            chain.add(entry);
        }
    }
    chain.flush(tx).await?;
    let sql = "INSERT INTO l402_books_writers VALUES ($1, 0, $4, $2, $3) \
               ON CONFLICT (writer) DO UPDATE SET newest = $2, newest_seal = $3";
    let (last, none) = (chain.last.as_slice(), [0_u8; 32]);
    tx.execute(sql, &[&writer, &chain.number, &last, &none.as_slice()])
        .await?;
    Ok(chain.last)
}

impl<'a> Chain<'a> {
    fn add(&mut self, entry: &'a Entry) {
        self.number += 1;
        self.last = seal_of(&self.last, self.writer, self.number, entry);
        self.waiting.push((self.number, entry, self.last));
    }

    async fn flush(&mut self, tx: &Transaction<'_>) -> Result<(), Error> {
        let rows: Vec<_> = self
            .waiting
            .iter()
            .map(|(number, entry, seal)| row(self.writer, *number, entry, seal))
            .collect();
        if !rows.is_empty() {
            row::insert(tx, &rows).await?;
        }
        self.waiting.clear();
        Ok(())
    }

    /// Inserts a payment. If the books have it, its place is noted if that is a later one.
    async fn payment(&mut self, tx: &Transaction<'_>, entry: &Entry) -> Result<(), Error> {
        if self.inserted(tx, entry).await? {
            return Ok(());
        }
        let Some(node) = &entry.node else {
            return Ok(());
        };
        if let Some(position) = entry.position_after(place(tx, node).await?) {
            self.inserted(tx, &position).await?;
        }
        Ok(())
    }

    /// Inserts an entry. Returns false if it is a payment that is there already.
    async fn inserted(&mut self, tx: &Transaction<'_>, entry: &Entry) -> Result<bool, Error> {
        let (number, next) = (
            self.number + 1,
            seal_of(&self.last, self.writer, self.number + 1, entry),
        );
        let row = row(self.writer, number, entry, &next);
        let is_new = row::insert(tx, &[row]).await? == 1;
        // A payment that was there already takes no number: a gap would look like a missing entry.
        if is_new {
            (self.number, self.last) = (number, next);
        }
        Ok(is_new)
    }
}

fn row<'a>(writer: i64, number: i64, entry: &'a Entry, seal: &'a Seal) -> Row<'a> {
    Row {
        writer,
        number,
        content: entry.fields(),
        seal,
    }
}

/// Returns the number and the seal of a writer's last entry.
async fn newest(tx: &Transaction<'_>, writer: i64) -> Result<(i64, Seal), Error> {
    let sql = "SELECT newest, newest_seal FROM l402_books_writers WHERE writer = $1";
    let rows = tx.query_typed(sql, &[(&writer, Type::INT8)]).await?;
    let Some(row) = rows.first() else {
        return Ok((0, [0; 32]));
    };
    let seal: Vec<u8> = row.try_get(1)?;
    // One of another length was written by hand, and the next seal shows it.
    Ok((row.try_get(0)?, seal.try_into().unwrap_or([0; 32])))
}

/// Returns the latest place that was read of a node.
async fn place(tx: &Transaction<'_>, node: &str) -> Result<Option<u64>, Error> {
    let sql = "SELECT max(place) FROM l402_books_entries WHERE node = $1";
    let rows = tx.query_typed(sql, &[(&node, Type::TEXT)]).await?;
    let place: Option<i64> = rows.first().map_or(Ok(None), |row| row.try_get(0))?;
    Ok(place.and_then(|place| u64::try_from(place).ok()))
}
