//! Pruning by age, in one transaction.

use std::collections::HashMap;

use l402::UnixTime;
use rusqlite::Transaction;

use super::row;
use super::view::heads;
use super::{Entry, Head, Kind, ROW, Seal, Split, append};

/// Prunes. Returns the number of entries that went, or `None` if one of them is damaged: then nothing
/// is changed.
pub(super) fn prune(
    tx: &Transaction<'_>,
    writer: i64,
    before: UnixTime,
    now: UnixTime,
) -> rusqlite::Result<Option<u64>> {
    let mut cuts = HashMap::new();
    for head in heads(tx)? {
        let cut = cut(tx, &head, before)?;
        if cut > head.base.0 {
            cuts.insert(head.writer, (head, cut));
        }
    }
    if cuts.is_empty() {
        return Ok(Some(0));
    }
    // Before anything is removed: what stays is made of the old entries.
    let Some(mut stay) = split(tx, &cuts, now)? else {
        return Ok(None);
    };
    stay.extend(places(tx, Kind::Position, "", now)?);
    let mut removed = 0;
    for (head, cut) in cuts.values() {
        let of_these = format!(
            "AND kind IN (2, 7) AND writer = {} AND number <= {cut}",
            head.writer
        );
        stay.extend(places(tx, Kind::Floor, &of_these, now)?);
        remove(tx, head.writer, *cut)?;
        removed += u64::try_from(cut - head.base.0).unwrap_or(0);
    }
    append(tx, writer, &stay)?;
    Ok(Some(removed))
}

/// Returns the number of the last entry of a writer before which all are older than `before`.
fn cut(tx: &Transaction<'_>, head: &Head, before: UnixTime) -> rusqlite::Result<i64> {
    let sql = "SELECT min(number) FROM entries WHERE writer = ?1 AND time >= ?2";
    let before = i64::try_from(before.secs()).unwrap_or(i64::MAX);
    let first: Option<i64> = tx
        .prepare_cached(sql)?
        .query_row((head.writer, before), |row| row.get(0))?;
    Ok(first.map_or(head.newest.0, |first| first - 1))
}

type Cuts = HashMap<i64, (Head, i64)>;

/// Sums up the payments that are finished, and returns these sums and the old entries of all others.
fn split(tx: &Transaction<'_>, cuts: &Cuts, now: UnixTime) -> rusqlite::Result<Option<Vec<Entry>>> {
    let sql = format!(
        "SELECT {ROW} FROM entries WHERE payment_hash IS NOT NULL OR kind = 6 ORDER BY payment_hash"
    );
    let mut query = tx.prepare(&sql)?;
    let mut rows = query.query([])?;
    let mut split = Split::new(now);
    while let Some(found) = rows.next()? {
        let Ok(sealed) = row::read(found)? else {
            return Ok(None);
        };
        let is_old = cuts
            .get(&sealed.writer)
            .is_some_and(|(_, cut)| sealed.number <= *cut);
        split.take(sealed.entry, is_old);
    }
    Ok(Some(split.end()))
}

/// Returns an entry with the highest place of each node, so that it outlives the entries that have it.
fn places(
    tx: &Transaction<'_>,
    kind: Kind,
    of_these: &str,
    now: UnixTime,
) -> rusqlite::Result<Vec<Entry>> {
    let sql = format!(
        "SELECT node, max(place) FROM entries WHERE node IS NOT NULL {of_these} GROUP BY node"
    );
    let mut query = tx.prepare(&sql)?;
    let places = query.query_map([], |row| {
        let mut place = Entry::new(kind, now);
        place.node = row.get(0)?;
        place.index = row.get(1)?;
        Ok(place)
    })?;
    places.collect()
}

/// Removes the entries of a writer up to a number, and notes the seal of that one.
fn remove(tx: &Transaction<'_>, writer: i64, up_to: i64) -> rusqlite::Result<()> {
    let sql = "SELECT seal FROM entries WHERE writer = ?1 AND number = ?2";
    let seal: Seal = tx
        .prepare_cached(sql)?
        .query_row((writer, up_to), |row| row.get(0))?;
    let sql = "UPDATE writers SET base = ?2, base_seal = ?3 WHERE writer = ?1";
    tx.prepare_cached(sql)?.execute((writer, up_to, seal))?;
    let sql = "DELETE FROM entries WHERE writer = ?1 AND number <= ?2";
    tx.prepare_cached(sql)?.execute((writer, up_to))?;
    Ok(())
}
