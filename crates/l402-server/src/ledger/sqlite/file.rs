//! The SQLite file: its schema, and the statements on it.

use std::path::Path;
use std::time::Duration;

use l402::{PaymentHash, UnixTime};
use l402_host::sqlite::{self, Schema, application_id};
use rusqlite::{Connection, OptionalExtension, Transaction};

use super::{LedgerError, Settle, UseRequest};
use crate::ledger::{GRACE_SECS, ReserveError, Tally};

/// The most rows that are pruned in one transaction, so that no request waits long for it.
const PRUNE_AT_ONCE: i64 = 512;

/// The schema. `expires` is in Unix seconds. The primary key of `reservations` keeps two processes
/// from holding the same use.
///
/// The write-ahead log may grow to 32 MiB before its pages are moved into the file. Payments are
/// scattered over the pages by their hashes, so under load a page is written many times before it
/// has to be moved once.
const SCHEMA: Schema = Schema {
    name: "ledger",
    application_id: application_id(*b"l4ld"),
    create: "
        CREATE TABLE payments (
            payment_hash BLOB PRIMARY KEY CHECK (length(payment_hash) = 32),
            used INTEGER NOT NULL,
            attempts INTEGER NOT NULL,
            failures INTEGER NOT NULL,
            expires INTEGER NOT NULL
        ) WITHOUT ROWID, STRICT;
        CREATE INDEX payments_by_end ON payments (expires);
        CREATE TABLE reservations (
            payment_hash BLOB NOT NULL CHECK (length(payment_hash) = 32),
            slot INTEGER NOT NULL,
            owner INTEGER NOT NULL,
            PRIMARY KEY (payment_hash, slot)
        ) WITHOUT ROWID, STRICT;
    ",
    upgrades: &[],
    tables: &["payments", "reservations"],
    busy_timeout: Duration::from_secs(2),
    checkpoint_pages: 8192,
};

/// The place of a reserved use in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) payment_hash: PaymentHash,
    pub(super) slot: i64,
    pub(super) expires: UnixTime,
}

/// Opens the file, or creates it.
pub(super) fn open(path: &Path) -> Result<Connection, LedgerError> {
    let connection = sqlite::open(path, &SCHEMA)
        .map_err(|error| LedgerError::new(path, error.fault().to_string()))?;
    // Enough for every statement of this module.
    connection.set_prepared_statement_cache_capacity(16);
    Ok(connection)
}

/// Reserves one use, if one is left.
pub(super) fn reserve(
    tx: &Transaction<'_>,
    request: &UseRequest,
    owner: i64,
) -> rusqlite::Result<Result<(Slot, Tally), ReserveError>> {
    // Read in the same write transaction as the insert: no other process can come between.
    let tally = tally(tx, &request.payment_hash)?;
    let taken = slots(tx, &request.payment_hash)?;
    if let Err(error) = tally.admit(request, u32::try_from(taken.len()).unwrap_or(u32::MAX)) {
        return Ok(Err(error));
    }
    // The lowest free slot. The list is sorted, so the first gap is free.
    let slot = (0..).zip(&taken).find(|(free, taken)| free != *taken);
    let slot = slot.map_or(
        i64::try_from(taken.len()).unwrap_or(i64::MAX),
        |(free, _)| free,
    );
    let sql = "INSERT INTO reservations (payment_hash, slot, owner) VALUES (?1, ?2, ?3)";
    tx.prepare_cached(sql)?
        .execute((request.payment_hash.as_bytes(), slot, owner))?;
    let (payment_hash, expires) = (request.payment_hash, request.expires);
    Ok(Ok((
        Slot {
            payment_hash,
            slot,
            expires,
        },
        tally,
    )))
}

/// Settles a use. Does nothing if the reservation is gone.
pub(super) fn settle(
    tx: &Transaction<'_>,
    slot: &Slot,
    owner: i64,
    settle: Settle,
) -> rusqlite::Result<()> {
    let hash = slot.payment_hash.as_bytes();
    let sql = "DELETE FROM reservations WHERE payment_hash = ?1 AND slot = ?2 AND owner = ?3";
    // Gone if this settlement is in the file already, by a commit that reported an error, or if
    // another process took this owner for dead. Counting it again would spend two uses for one.
    if tx.prepare_cached(sql)?.execute((hash, slot.slot, owner))? == 0 {
        return Ok(());
    }
    let tally = tally(tx, &slot.payment_hash)?.settled(settle);
    let expires = i64::try_from(slot.expires.secs()).unwrap_or(i64::MAX);
    let sql = "INSERT INTO payments (payment_hash, used, attempts, failures, expires) \
               VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (payment_hash) DO UPDATE SET used = ?2, \
               attempts = ?3, failures = ?4, expires = max(expires, ?5)";
    let row = (hash, tally.used, tally.attempts, tally.failures, expires);
    tx.prepare_cached(sql)?.execute(row)?;
    Ok(())
}

/// Returns the counts of a payment, all zero if there is no row.
fn tally(tx: &Transaction<'_>, hash: &PaymentHash) -> rusqlite::Result<Tally> {
    let sql = "SELECT used, attempts, failures FROM payments WHERE payment_hash = ?1";
    let found = tx.prepare_cached(sql)?.query_row([hash.as_bytes()], |row| {
        Ok(Tally {
            used: row.get(0)?,
            attempts: row.get(1)?,
            failures: row.get(2)?,
        })
    });
    Ok(found.optional()?.unwrap_or_default())
}

/// Returns the slots of a payment that are taken, in ascending order.
fn slots(tx: &Transaction<'_>, hash: &PaymentHash) -> rusqlite::Result<Vec<i64>> {
    let sql = "SELECT slot FROM reservations WHERE payment_hash = ?1 ORDER BY slot";
    tx.prepare_cached(sql)?
        .query_map([hash.as_bytes()], |row| row.get(0))?
        .collect()
}

/// Returns all owners of reservations except this one.
pub(super) fn others(tx: &Transaction<'_>, owner: i64) -> rusqlite::Result<Vec<i64>> {
    let sql = "SELECT DISTINCT owner FROM reservations WHERE owner != ?1";
    tx.prepare_cached(sql)?
        .query_map([owner], |row| row.get(0))?
        .collect()
}

/// Gives back all uses that an owner holds. Returns their number.
pub(super) fn give_back(tx: &Transaction<'_>, owner: i64) -> rusqlite::Result<usize> {
    tx.prepare_cached("DELETE FROM reservations WHERE owner = ?1")?
        .execute([owner])
}

/// Gives back the uses that an owner holds in the file and no longer knows of.
pub(super) fn sweep(
    tx: &Transaction<'_>,
    owner: i64,
    known: impl Fn(&PaymentHash, i64) -> bool,
) -> rusqlite::Result<()> {
    let sql = "SELECT payment_hash, slot FROM reservations WHERE owner = ?1";
    let mut query = tx.prepare_cached(sql)?;
    let rows = query.query_map([owner], |row| Ok((row.get::<_, [u8; 32]>(0)?, row.get(1)?)))?;
    let sql = "DELETE FROM reservations WHERE payment_hash = ?1 AND slot = ?2";
    for row in rows.collect::<rusqlite::Result<Vec<(_, i64)>>>()? {
        if !known(&PaymentHash::from_bytes(row.0), row.1) {
            tx.prepare_cached(sql)?.execute(row)?;
        }
    }
    Ok(())
}

/// Removes some payments whose tokens have ended. Returns true if there may be more.
pub(super) fn prune(tx: &Transaction<'_>, now: UnixTime) -> rusqlite::Result<bool> {
    // Later than the tokens end: the clock may have been ahead (ATTACKS R-13).
    let ended = i64::try_from(now.secs().saturating_sub(GRACE_SECS)).unwrap_or(i64::MAX);
    let sql = "DELETE FROM payments WHERE payment_hash IN \
               (SELECT payment_hash FROM payments WHERE expires <= ?1 LIMIT ?2)";
    let pruned = tx.prepare_cached(sql)?.execute((ended, PRUNE_AT_ONCE))?;
    Ok(i64::try_from(pruned).is_ok_and(|pruned| pruned == PRUNE_AT_ONCE))
}
