//! Hiding of listings, and bans of hosts.
//!
//! A listing of a banned host is never shown: one that is added is hidden at once, and to show one again
//! leaves it hidden for the ban.

use l402::UnixTime;
use rusqlite::{Connection, OptionalExtension, params};

use super::fts;
use super::listings::{existing, host_of, plain_host, stored_words};
use super::row::{secs, url};
use crate::listing::{CanonicalUrl, Hidden, ListingId};
use crate::store::StoreError;

/// The condition that a listing's host is `?1`, or lies below it.
const AT_HOST: &str = "(host = ?1 OR substr(host, -length(?1) - 1) = '.' || ?1)";

/// Returns the reason why a host is banned: by itself, or by a name above it.
pub(super) fn ban_of(connection: &Connection, host: &str) -> rusqlite::Result<Option<String>> {
    let mut query = connection.prepare_cached("SELECT reason FROM bans WHERE host = ?")?;
    let mut name = host;
    loop {
        let reason = query.query_row([name], |row| row.get(0)).optional()?;
        if reason.is_some() {
            return Ok(reason);
        }
        match name.split_once('.') {
            Some((_, above)) => name = above,
            None => return Ok(None),
        }
    }
}

/// Hides a listing that is not in the index, because its host is banned.
pub(super) fn hide_for_ban(connection: &Connection, n: i64, reason: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE listings SET shown = 0, hidden_reason = ?, merged_into = NULL, \
             hidden_by_ban = 1 WHERE n = ?",
        )?
        .execute(params![reason, n])
        .map(drop)
}

/// Hides a listing, or shows it again.
pub(super) fn hide(
    connection: &Connection,
    id: ListingId,
    hidden: Option<&Hidden>,
    now: UnixTime,
) -> Result<(), StoreError> {
    let known = existing(connection, id)?;
    connection
        .prepare_cached(
            "UPDATE listings SET shown = ?, hidden_reason = ?, merged_into = ?, \
             hidden_by_ban = 0, changed = ? WHERE n = ?",
        )?
        .execute(params![
            hidden.is_none(),
            hidden.map(|it| &it.reason),
            hidden.and_then(|it| it.merged_into.as_ref()),
            secs(now),
            known.n
        ])?;
    // To show it as well: one that is shown already must not be inserted twice.
    fts::delete(connection, known.n)?;
    if hidden.is_none() {
        show(connection, known.n, &known.url)?;
    }
    Ok(())
}

/// Writes a listing that is marked as shown to the index, or hides it for a ban.
fn show(connection: &Connection, n: i64, url: &CanonicalUrl) -> Result<(), StoreError> {
    match ban_of(connection, &host_of(url))? {
        Some(reason) => hide_for_ban(connection, n, &reason)?,
        None => fts::insert(connection, n, url, &stored_words(connection, n)?)?,
    }
    Ok(())
}

/// Bans a host, or lifts the ban.
pub(super) fn ban(
    connection: &Connection,
    host: &str,
    reason: Option<&str>,
    now: UnixTime,
) -> Result<(), StoreError> {
    let host = plain_host(host);
    match reason {
        Some(reason) => {
            connection.execute(
                "INSERT INTO bans VALUES (?1, ?2) ON CONFLICT DO UPDATE SET reason = ?2",
                [host.as_str(), reason],
            )?;
            hide_host(connection, &host, reason, now)
        }
        None => {
            connection.execute("DELETE FROM bans WHERE host = ?", [&host])?;
            show_host(connection, &host, now)
        }
    }
}

/// Hides what is shown at a host. What a moderator has hidden keeps its reason.
fn hide_host(
    connection: &Connection,
    host: &str,
    reason: &str,
    now: UnixTime,
) -> Result<(), StoreError> {
    connection.execute(
        &format!(
            "DELETE FROM found WHERE rowid IN \
             (SELECT n FROM listings WHERE shown = 1 AND {AT_HOST})"
        ),
        [host],
    )?;
    connection.execute(
        &format!(
            "UPDATE listings SET shown = 0, hidden_reason = ?2, hidden_by_ban = 1, changed = ?3 \
             WHERE (shown = 1 OR hidden_by_ban = 1) AND {AT_HOST}"
        ),
        params![host, reason, secs(now)],
    )?;
    Ok(())
}

/// Shows again what was hidden for a ban alone, unless another ban covers it.
fn show_host(connection: &Connection, host: &str, now: UnixTime) -> Result<(), StoreError> {
    let mut query = connection.prepare(&format!(
        "SELECT n, url FROM listings WHERE hidden_by_ban = 1 AND {AT_HOST}"
    ))?;
    // Collected first: SQLite does not say if a running query sees the changes below.
    let mut rows = query.query([host])?;
    let mut hidden = Vec::new();
    while let Some(row) = rows.next()? {
        hidden.push((row.get("n")?, url(row)?));
    }
    for (n, url) in hidden {
        connection
            .prepare_cached(
                "UPDATE listings SET shown = 1, hidden_reason = NULL, hidden_by_ban = 0, \
                 changed = ? WHERE n = ?",
            )?
            .execute(params![secs(now), n])?;
        show(connection, n, &url)?;
    }
    Ok(())
}

/// Returns the banned hosts with the reasons.
pub(super) fn banned(connection: &Connection) -> Result<Vec<(String, String)>, StoreError> {
    let mut query = connection.prepare_cached("SELECT host, reason FROM bans ORDER BY host")?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
