//! Claims and owners.

use l402::UnixTime;
use rusqlite::{Connection, params};

use super::listings::{Known, existing};
use super::row::{LISTING, listing, proof, secs, time};
use crate::listing::{Listing, ListingId, Owner, WordsFrom};
use crate::store::{Claim, StoreError};

/// The open claims of a listing.
const CLAIMS_MAX: u32 = 100;

/// The seconds for which a claim keeps its place from newer ones. It is enough for a file, and strangers who
/// fill the places keep nobody out for longer.
const PLACE_KEPT: i64 = 3600;

/// Keeps a claim.
pub(super) fn open_claim(
    connection: &Connection,
    claim: &Claim,
    now: UnixTime,
) -> Result<(), StoreError> {
    let n = existing(connection, claim.listing)?.n;
    connection
        .prepare_cached("DELETE FROM claims WHERE n = ? AND until < ?")?
        .execute(params![n, secs(now)])?;
    // Anybody may claim: without a bound, one listing could fill the file.
    let open: u32 = connection
        .prepare_cached("SELECT count(*) FROM claims WHERE n = ?")?
        .query_row([n], |row| row.get(0))?;
    if open >= CLAIMS_MAX && !make_room(connection, n, claim)? {
        return Err(StoreError::TooMany);
    }
    let added = connection
        .prepare_cached("INSERT INTO claims VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING")?
        .execute(params![
            claim.nonce,
            n,
            claim.proof.name(),
            claim.key_hash,
            secs(claim.until)
        ])?;
    if added == 0 {
        return Err(StoreError::Taken);
    }
    Ok(())
}

/// Deletes the oldest claim of a listing, if it has had its place for long enough.
fn make_room(connection: &Connection, n: i64, new: &Claim) -> Result<bool, StoreError> {
    let until = secs(new.until).saturating_sub(PLACE_KEPT);
    let deleted = connection
        .prepare_cached(
            "DELETE FROM claims WHERE nonce = (SELECT nonce FROM claims \
             WHERE n = ? AND until <= ? ORDER BY until LIMIT 1)",
        )?
        .execute(params![n, until])?;
    Ok(deleted > 0)
}

/// Returns a claim that is not void.
pub(super) fn claim(
    connection: &Connection,
    nonce: &str,
    now: UnixTime,
) -> Result<Option<Claim>, StoreError> {
    let mut query = connection.prepare_cached(
        "SELECT nonce, id, proof, key_hash, until FROM claims JOIN listings USING (n) \
         WHERE nonce = ? AND until >= ?",
    )?;
    let mut rows = query.query(params![nonce, secs(now)])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    Ok(Some(Claim {
        nonce: row.get("nonce")?,
        listing: ListingId::from_bytes(row.get("id")?),
        proof: proof(row.get("proof")?)?,
        key_hash: row.get("key_hash")?,
        until: time(row.get("until")?),
    }))
}

/// A change of a listing's owner.
pub(super) struct OwnerChange {
    /// The hash of the key of the owner that is replaced.
    pub(super) before: Option<String>,
    /// The owner from now on.
    pub(super) owner: Option<Owner>,
    /// The claim that is used up.
    pub(super) claim: Option<String>,
}

/// Changes the owner, if it is still the one that the caller knows.
pub(super) fn set_owner(
    connection: &Connection,
    id: ListingId,
    change: &OwnerChange,
    now: UnixTime,
) -> Result<(), StoreError> {
    let known = existing(connection, id)?;
    if known.owner_key != change.before {
        return Err(StoreError::Taken);
    }
    if let Some(nonce) = &change.claim {
        use_up(connection, known.n, nonce, now)?;
    }
    write_owner(connection, known.n, change.owner.as_ref(), now)?;
    if change.owner.is_none() {
        disown_words(connection, &known)?;
    }
    Ok(())
}

/// Takes what the last owner said for the word of anybody.
fn disown_words(connection: &Connection, known: &Known) -> Result<(), StoreError> {
    let words_from = match known.words_from {
        WordsFrom::Owner => WordsFrom::Submitted,
        other => other,
    };
    connection
        .prepare_cached("UPDATE listings SET words_from = ?, owner_said = 0 WHERE n = ?")?
        .execute(params![words_from.name(), known.n])?;
    Ok(())
}

/// Deletes a claim of this listing, which must not be void.
fn use_up(connection: &Connection, n: i64, nonce: &str, now: UnixTime) -> Result<(), StoreError> {
    let used = connection
        .prepare_cached("DELETE FROM claims WHERE nonce = ? AND n = ? AND until >= ?")?
        .execute(params![nonce, n, secs(now)])?;
    if used == 0 {
        return Err(StoreError::NotFound);
    }
    Ok(())
}

/// Writes the owner. Another look at the same proof is no change of the listing.
fn write_owner(
    connection: &Connection,
    n: i64,
    owner: Option<&Owner>,
    now: UnixTime,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE listings SET \
             changed = iif(owner_key IS ?2 AND owner_proof IS ?1 AND owner_node IS ?3, changed, ?7), \
             owner_proof = ?1, owner_key = ?2, owner_node = ?3, owner_since = ?4, \
             owner_checked = ?5, owner_failed = ?6 WHERE n = ?8",
        )?
        .execute(params![
            owner.map(|it| it.proof.name()),
            owner.map(|it| &it.key_hash),
            owner.and_then(|it| it.node.as_ref()),
            owner.map(|it| secs(it.since)),
            owner.map(|it| secs(it.checked)),
            owner.map(|it| it.failed),
            secs(now),
            n
        ])?;
    Ok(())
}

/// Returns listings with an owner whose proof was not looked at since `before`, the longest ago first.
pub(super) fn stale(
    connection: &Connection,
    before: UnixTime,
    limit: u32,
) -> Result<Vec<Listing>, StoreError> {
    let mut query = connection.prepare_cached(&format!(
        "{LISTING} WHERE owner_key IS NOT NULL AND owner_checked < ? ORDER BY owner_checked LIMIT ?"
    ))?;
    let mut rows = query.query(params![secs(before), limit])?;
    let mut stale = Vec::new();
    while let Some(row) = rows.next()? {
        stale.push(listing(row)?);
    }
    Ok(stale)
}

/// Deletes void claims.
pub(super) fn prune(connection: &Connection, now: UnixTime) -> rusqlite::Result<()> {
    connection
        .execute("DELETE FROM claims WHERE until < ?", [secs(now)])
        .map(drop)
}

/// Counts the listings that are shown and have an owner.
pub(super) fn count(connection: &Connection) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("SELECT count(*) FROM listings WHERE owner_key IS NOT NULL AND +shown = 1")?
        .query_row([], |row| row.get(0))
}
