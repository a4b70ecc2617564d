//! Adding, changing and removing listings.

use l402::UnixTime;
use rusqlite::{Connection, OptionalExtension, params};

use super::row::{json, secs, to_json, words_from};
use super::{fts, moderation};
use crate::listing::{CanonicalUrl, Edit, ListingId, NewListing, Words, WordsFrom};
use crate::store::{Added, StoreError};

/// The part of a listing that changes look at first.
pub(super) struct Known {
    pub(super) n: i64,
    pub(super) url: CanonicalUrl,
    pub(super) shown: bool,
    pub(super) words_from: WordsFrom,
    pub(super) owner_key: Option<String>,
}

/// Finds a listing that is to be changed.
pub(super) fn look_up(connection: &Connection, id: ListingId) -> Result<Option<Known>, StoreError> {
    let mut query = connection
        .prepare_cached("SELECT n, url, shown, words_from, owner_key FROM listings WHERE id = ?")?;
    let mut rows = query.query([id.as_bytes()])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    Ok(Some(Known {
        n: row.get("n")?,
        url: super::row::url(row)?,
        shown: row.get("shown")?,
        words_from: words_from(row.get("words_from")?)?,
        owner_key: row.get("owner_key")?,
    }))
}

/// Finds a listing that must be there.
pub(super) fn existing(connection: &Connection, id: ListingId) -> Result<Known, StoreError> {
    look_up(connection, id)?.ok_or(StoreError::NotFound)
}

/// Adds listings.
pub(super) fn add(
    connection: &Connection,
    new: Vec<NewListing>,
    now: UnixTime,
) -> Result<Vec<Added>, StoreError> {
    new.into_iter()
        .map(|new| add_one(connection, &new, now))
        .collect()
}

fn add_one(connection: &Connection, new: &NewListing, now: UnixTime) -> Result<Added, StoreError> {
    let id = ListingId::of(&new.url);
    let Some(known) = look_up(connection, id)? else {
        insert(connection, id, new, now)?;
        return Ok(Added::New(id));
    };
    // Another address with the same name was made so on purpose: the first one keeps it.
    if known.url == new.url && replaces(from_of(new), known.words_from) {
        // The same words are no change: the feed would show the listing as updated.
        let is_new = stored_words(connection, known.n)? != new.words;
        connection
            .prepare_cached(
                "UPDATE listings SET method = iif(owner_said & 1, method, ?), \
                 no_probe_said = iif(owner_said & 2, no_probe_said, ?), words_from = ?, \
                 changed = iif(?, ?, changed) WHERE n = ?",
            )?
            .execute(params![
                new.method,
                new.no_probe,
                from_of(new).name(),
                is_new,
                secs(now),
                known.n
            ])?;
        if is_new {
            write_words(connection, &known, &new.words)?;
        }
    }
    Ok(Added::Known(id))
}

/// Returns true if words of one source replace those of another. The same document or directory, read
/// again, may say something else; the second of two strangers may not.
fn replaces(new: WordsFrom, old: WordsFrom) -> bool {
    new > old || (new == old && matches!(new, WordsFrom::Document | WordsFrom::Imported))
}

/// Returns the source of a new listing's words. Only an edit has words of the owner.
fn from_of(new: &NewListing) -> WordsFrom {
    match new.words_from {
        WordsFrom::Owner => WordsFrom::Submitted,
        other => other,
    }
}

fn insert(
    connection: &Connection,
    id: ListingId,
    new: &NewListing,
    now: UnixTime,
) -> Result<(), StoreError> {
    let host = host_of(&new.url);
    connection
        .prepare_cached(
            "INSERT INTO listings (id, url, host, method, state, category, by_newest, words_from, \
             changed, no_probe_said, since, next_probe) \
             VALUES (?1, ?2, ?3, ?4, 'unknown', ?5, -?6, ?7, ?6, ?8, ?6, ?6)",
        )?
        .execute(params![
            id.as_bytes(),
            new.url.as_str(),
            host,
            new.method,
            new.words.category,
            secs(now),
            from_of(new).name(),
            new.no_probe,
        ])?;
    let n = connection.last_insert_rowid();
    connection
        .prepare_cached("INSERT INTO details (n, words) VALUES (?, ?)")?
        .execute(params![n, to_json(&new.words)?])?;
    // What is hidden has no place in the index of words, so that no search finds it.
    match moderation::ban_of(connection, &host)? {
        Some(reason) => moderation::hide_for_ban(connection, n, &reason)?,
        None => fts::insert(connection, n, &new.url, &new.words)?,
    }
    Ok(())
}

/// Returns the host as it is compared: without the dot that may end a name.
pub(super) fn host_of(url: &CanonicalUrl) -> String {
    plain_host(url.host())
}

/// Returns a host as it is compared.
pub(super) fn plain_host(host: &str) -> String {
    host.trim_matches('.').to_ascii_lowercase()
}

/// Reads the words of a listing.
pub(super) fn stored_words(connection: &Connection, n: i64) -> Result<Words, StoreError> {
    let text: Option<String> = connection
        .prepare_cached("SELECT words FROM details WHERE n = ?")?
        .query_row([n], |row| row.get(0))
        .optional()?;
    json(&text.ok_or(StoreError::NotFound)?)
}

/// Writes other words for a listing, to the index as well if it is shown.
fn write_words(connection: &Connection, known: &Known, words: &Words) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE details SET words = ? WHERE n = ?")?
        .execute(params![to_json(words)?, known.n])?;
    connection
        .prepare_cached("UPDATE listings SET category = ? WHERE n = ?")?
        .execute(params![words.category, known.n])?;
    if known.shown {
        fts::delete(connection, known.n)?;
        fts::insert(connection, known.n, &known.url, words)?;
    }
    Ok(())
}

/// Changes a listing for its owner.
pub(super) fn edit(
    connection: &Connection,
    id: ListingId,
    key_hash: &str,
    edit: &Edit,
    now: UnixTime,
) -> Result<(), StoreError> {
    let known = existing(connection, id)?;
    if known.owner_key.as_deref() != Some(key_hash) {
        return Err(StoreError::Taken);
    }
    connection
        .prepare_cached(
            "UPDATE listings SET method = coalesce(?2, method), \
             no_probe_said = coalesce(?3, no_probe_said), changed = ?4, owner_said = owner_said \
             | iif(?2 IS NULL, 0, 1) | iif(?3 IS NULL, 0, 2) WHERE n = ?1",
        )?
        .execute(params![known.n, edit.method, edit.no_probe, secs(now)])?;
    // A listing without a time would never come due.
    if edit.no_probe == Some(false) {
        connection
            .prepare_cached(
                "UPDATE listings SET next_probe = ? WHERE n = ? AND next_probe IS NULL",
            )?
            .execute(params![secs(now), known.n])?;
    }
    if let Some(words) = &edit.words {
        write_words(connection, &known, words)?;
        connection
            .prepare_cached("UPDATE listings SET words_from = ? WHERE n = ?")?
            .execute(params![WordsFrom::Owner.name(), known.n])?;
    }
    Ok(())
}

/// Removes a listing; with a key, only for its owner, and only if no moderator has hidden it: removed and
/// added again it would be shown.
pub(super) fn remove(
    connection: &Connection,
    id: ListingId,
    key_hash: Option<&str>,
) -> Result<(), StoreError> {
    let known = existing(connection, id)?;
    if key_hash.is_some() && (known.owner_key.as_deref() != key_hash || !known.shown) {
        return Err(StoreError::Taken);
    }
    fts::delete(connection, known.n)?;
    for table in [
        "points", "days", "paid", "claims", "reviews", "details", "listings",
    ] {
        // The names are these seven.
        connection
            .prepare_cached(&format!("DELETE FROM {table} WHERE n = ?"))?
            .execute([known.n])?;
    }
    Ok(())
}
