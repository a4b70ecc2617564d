//! Pruning by age, in one transaction beside which nobody appends.

use std::collections::HashMap;

use l402::UnixTime;
use tokio_postgres::{Error, Transaction};

use super::append::append;
use super::row::raw;
use super::view::{HEADS, head};
use super::{Entry, Head, Kind, ROW, Raw, Split};

/// The rows that are read at once.
const AT_ONCE: i32 = 1000;

type Cuts = HashMap<i64, (Head, i64)>;

/// Prunes. Returns the number of entries that went, or `None` if one of them is damaged: then nothing
/// is changed.
pub(super) async fn prune(
    tx: &Transaction<'_>,
    writer: i64,
    before: UnixTime,
    now: UnixTime,
) -> Result<Option<u64>, Error> {
    let Some(cuts) = cuts(tx, before).await? else {
        return Ok(None);
    };
    if cuts.is_empty() {
        return Ok(Some(0));
    }
    let Some(mut stay) = split(tx, &cuts, now).await? else {
        return Ok(None);
    };
    stay.extend(places(tx, Kind::Position, "", now).await?);
    let mut removed = 0;
    for (head, cut) in cuts.values() {
        let of_these = format!(
            "AND kind IN (2, 7) AND writer = {} AND number <= {cut}",
            head.writer
        );
        stay.extend(places(tx, Kind::Floor, &of_these, now).await?);
        remove(tx, head.writer, *cut).await?;
        removed += u64::try_from(cut - head.base.0).unwrap_or(0);
    }
    // After the removal: a payment that stays is entered under its hash again.
    append(tx, writer, &stay).await?;
    Ok(Some(removed))
}

/// Returns, of each writer that has such, the last entry before which all are older than `before`.
async fn cuts(tx: &Transaction<'_>, before: UnixTime) -> Result<Option<Cuts>, Error> {
    let sql = "SELECT min(number) FROM l402_books_entries WHERE writer = $1 AND time >= $2";
    let first = tx.prepare(sql).await?;
    let before = i64::try_from(before.secs()).unwrap_or(i64::MAX);
    let mut cuts = HashMap::new();
    for row in tx.query(HEADS, &[]).await? {
        let Some(head) = head(&row) else {
            return Ok(None);
        };
        let first = tx.query_one(&first, &[&head.writer, &before]).await?;
        let first: Option<i64> = first.try_get(0)?;
        let cut = first.map_or(head.newest.0, |first| first - 1);
        if cut > head.base.0 {
            cuts.insert(head.writer, (head, cut));
        }
    }
    Ok(Some(cuts))
}

/// Sums up the payments that are finished, and returns these sums and the old entries of all others.
async fn split(
    tx: &Transaction<'_>,
    cuts: &Cuts,
    now: UnixTime,
) -> Result<Option<Vec<Entry>>, Error> {
    let sql = format!(
        "SELECT {ROW} FROM l402_books_entries WHERE payment_hash IS NOT NULL OR kind = 6 \
         ORDER BY payment_hash"
    );
    // A portal hands out a part at a time, so that the whole table is never in memory.
    let portal = tx.bind(&sql, &[]).await?;
    let mut split = Split::new(now);
    loop {
        let rows = tx.query_portal(&portal, AT_ONCE).await?;
        if rows.is_empty() {
            return Ok(Some(split.end()));
        }
        for row in &rows {
            let Ok(sealed) = raw(row).map(Raw::read)? else {
                return Ok(None);
            };
            let cut = cuts.get(&sealed.writer);
            let is_old = cut.is_some_and(|(_, cut)| sealed.number <= *cut);
            split.take(sealed.entry, is_old);
        }
    }
}

/// Returns an entry with the highest place of each node, so that it outlives the entries that have it.
async fn places(
    tx: &Transaction<'_>,
    kind: Kind,
    of_these: &str,
    now: UnixTime,
) -> Result<Vec<Entry>, Error> {
    let sql = format!(
        "SELECT node, max(place) FROM l402_books_entries WHERE node IS NOT NULL {of_these} \
         GROUP BY node"
    );
    let rows = tx.query(&sql, &[]).await?;
    let place = |row: &tokio_postgres::Row| {
        let mut place = Entry::new(kind, now);
        let highest: Option<i64> = row.try_get(1)?;
        place.node = row.try_get::<_, Option<String>>(0)?.map(Into::into);
        place.index = highest.and_then(|highest| u64::try_from(highest).ok());
        Ok(place)
    };
    rows.iter().map(place).collect()
}

/// Removes the entries of a writer up to a number, and notes the seal of that one.
async fn remove(tx: &Transaction<'_>, writer: i64, up_to: i64) -> Result<(), Error> {
    let sql = "UPDATE l402_books_writers AS w SET base = e.number, base_seal = e.seal \
               FROM l402_books_entries AS e \
               WHERE w.writer = $1 AND e.writer = $1 AND e.number = $2";
    tx.execute(sql, &[&writer, &up_to]).await?;
    let sql = "DELETE FROM l402_books_entries WHERE writer = $1 AND number <= $2";
    tx.execute(sql, &[&writer, &up_to]).await.map(|_| ())
}
