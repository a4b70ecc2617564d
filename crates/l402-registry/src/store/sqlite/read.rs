//! Questions about listings, searches apart.

use std::collections::BTreeMap;

use l402::UnixTime;
use rusqlite::{Connection, Row, params};

use super::owner;
use super::row::{LISTING, health, json, listing, secs, state, url};
use super::slots::hour_of;
use super::uptime;
use crate::listing::{Listing, ListingId, State, Words};
use crate::store::{Category, Due, StoreError, Totals};

/// The categories that are returned.
const CATEGORIES_MAX: usize = 200;

/// The listings of one page of an export.
const EXPORT_MAX: u32 = 1_000;

/// Returns a listing.
pub(super) fn one(connection: &Connection, id: ListingId) -> Result<Option<Listing>, StoreError> {
    let mut query = connection.prepare_cached(&format!("{LISTING} WHERE id = ?"))?;
    let mut rows = query.query([id.as_bytes()])?;
    rows.next()?.map(listing).transpose()
}

/// Returns the shown listings after this one, by name.
pub(super) fn page(
    connection: &Connection,
    after: Option<ListingId>,
    limit: u32,
) -> Result<Vec<Listing>, StoreError> {
    // Every name is longer than the empty one, and so comes after it.
    let after = after.map_or_else(Vec::new, |id| id.as_bytes().to_vec());
    let mut query = connection.prepare_cached(&format!(
        "{LISTING} WHERE id > ? AND +shown = 1 ORDER BY id LIMIT ?"
    ))?;
    let mut rows = query.query(params![after, limit.min(EXPORT_MAX)])?;
    let mut page = Vec::new();
    while let Some(row) = rows.next()? {
        page.push(listing(row)?);
    }
    Ok(page)
}

/// Returns the categories with their counts.
pub(super) fn categories(connection: &Connection) -> Result<Vec<Category>, StoreError> {
    let mut query = connection.prepare_cached(
        "SELECT category, count(*) FROM listings WHERE shown = 1 AND category IS NOT NULL \
         GROUP BY category",
    )?;
    let rows = query.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for row in rows {
        let (name, count): (String, u64) = row?;
        let ends = name.match_indices('/').map(|(at, _)| at);
        for end in ends.chain([name.len()]) {
            *counts.entry(name[..end].to_owned()).or_default() += count;
        }
    }
    let mut categories: Vec<Category> = counts
        .into_iter()
        .map(|(name, count)| Category { name, count })
        .collect();
    // The sort is stable: equal ones stay by name.
    categories.sort_by_key(|category| std::cmp::Reverse(category.count));
    categories.truncate(CATEGORIES_MAX);
    Ok(categories)
}

/// Returns the numbers of the registry.
pub(super) fn totals(connection: &Connection, now: UnixTime) -> Result<Totals, StoreError> {
    let mut query = connection
        .prepare_cached("SELECT state, count(*) FROM listings WHERE shown = 1 GROUP BY state")?;
    let rows = query.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
    let mut by_state: Vec<(State, u64)> = Vec::new();
    for row in rows {
        let (name, count) = row?;
        by_state.push((state(name)?, count));
    }
    let hour = hour_of(now);
    let probes_of_day = connection
        .prepare_cached("SELECT coalesce(sum(probes), 0) FROM probes WHERE hour > ? AND hour <= ?")?
        .query_row([hour - 24, hour], |row| row.get(0))?;
    Ok(Totals {
        listings: by_state.iter().map(|(_, count)| count).sum(),
        by_state,
        probes_of_day,
        owned: owner::count(connection)?,
    })
}

/// The columns of a service that is to be probed.
const DUE: &str = "SELECT id, url, method, words, node, state, reason, since, failures, \
    last_probe, next_probe FROM listings";

/// Returns listings whose probe is due, the longest overdue first.
pub(super) fn due(
    connection: &Connection,
    now: UnixTime,
    limit: u32,
) -> Result<Vec<Due>, StoreError> {
    let mut query = connection.prepare_cached(&format!(
        "{DUE} INDEXED BY listings_by_due JOIN details USING (n) WHERE shown = 1 AND no_probe_said = 0 AND next_probe IS NOT NULL \
         AND next_probe <= ? ORDER BY next_probe LIMIT ?"
    ))?;
    let mut rows = query.query(params![secs(now), limit])?;
    let mut due = Vec::new();
    while let Some(row) = rows.next()? {
        due.push(due_row(row)?);
    }
    Ok(due)
}

/// Returns what a probe of one listing needs to know.
pub(super) fn due_one(connection: &Connection, id: ListingId) -> Result<Option<Due>, StoreError> {
    let mut query =
        connection.prepare_cached(&format!("{DUE} JOIN details USING (n) WHERE id = ?"))?;
    let mut rows = query.query([id.as_bytes()])?;
    rows.next()?.map(due_row).transpose()
}

fn due_row(row: &Row<'_>) -> Result<Due, StoreError> {
    let words: Words = json(&row.get::<_, String>("words")?)?;
    Ok(Due {
        id: ListingId::from_bytes(row.get("id")?),
        url: url(row)?,
        method: row.get("method")?,
        request_schema: words.request_schema,
        health: health(row)?,
        node: row.get("node")?,
    })
}

/// Deletes hours that are older than is kept, and uptimes of the lists that no probe stands behind any more.
pub(super) fn prune(connection: &Connection, now: UnixTime) -> rusqlite::Result<()> {
    let hour = hour_of(now) - 31 * 24;
    connection.execute("DELETE FROM days WHERE day < ?", [hour.div_euclid(24)])?;
    connection.execute("DELETE FROM probes WHERE hour < ?", [hour])?;
    uptime::forget_old(connection, now)
}
