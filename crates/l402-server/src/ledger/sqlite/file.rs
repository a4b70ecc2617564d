//! The file: opening it, and the statements of a use.

use std::num::NonZeroU64;
use std::path::Path;
use std::time::Duration;

use l402::{PaymentHash, UnixTime};
use l402_host::sqlite::{self, Schema, application_id};
use rusqlite::{Connection, OptionalExtension, Transaction};

use super::{LedgerError, ReserveRequest, Settle};
use crate::ledger::{BUYER_RELEASES, ReserveError, Tally};

/// `payments` holds what has been settled, a row a payment, scattered by their hashes. `expires` is
/// Unix seconds; there is no index on it, because a new payment would have to write a page of that
/// index too. `reservations` holds what is in flight and nothing else, so it stays a few pages. Its
/// key keeps two processes from taking one place. `ledger` is one row that says which ledger this
/// is; a new one has no id. `latest` is Unix seconds. `keys` has a row for each key that has sold.
///
/// The log may hold 32 MiB before its pages go into the file: under load a page is written often
/// before it has to be moved once.
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
        CREATE TABLE reservations (
            payment_hash BLOB NOT NULL CHECK (length(payment_hash) = 32),
            slot INTEGER NOT NULL,
            owner INTEGER NOT NULL,
            units INTEGER NOT NULL DEFAULT 1 CHECK (units > 0),
            PRIMARY KEY (payment_hash, slot)
        ) WITHOUT ROWID, STRICT;
        CREATE TABLE ledger (
            id BLOB CHECK (length(id) = 16),
            epoch INTEGER NOT NULL,
            latest INTEGER NOT NULL,
            number INTEGER,
            uses_from INTEGER NOT NULL
        ) STRICT;
        INSERT INTO ledger VALUES (NULL, 0, 0, NULL, 0);
        CREATE TABLE keys (
            number INTEGER PRIMARY KEY,
            fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 16),
            began INTEGER NOT NULL
        ) STRICT;
    ",
    upgrades: &[FROM_1, FROM_2],
    tables: &["payments", "reservations"],
    busy_timeout: Duration::from_secs(2),
    checkpoint_pages: 8192,
};

/// Version 1 counted uses: one reservation was one use. All names stay, and `units` has a default,
/// so that a process of version 1 that still has the file open can settle what it has served.
const FROM_1: &str = "
    ALTER TABLE reservations ADD COLUMN units INTEGER NOT NULL DEFAULT 1 CHECK (units > 0);
    DROP INDEX payments_by_end;
";

/// Version 2 did not say which ledger it is. It gets its id here, and no number: so it differs from
/// a new file, which has sold nothing.
const FROM_2: &str = "
    CREATE TABLE ledger (
        id BLOB CHECK (length(id) = 16),
        epoch INTEGER NOT NULL,
        latest INTEGER NOT NULL,
        number INTEGER,
        uses_from INTEGER NOT NULL
    ) STRICT;
    INSERT INTO ledger VALUES (randomblob(16), 0, 0, NULL, 0);
    CREATE TABLE keys (
        number INTEGER PRIMARY KEY,
        fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 16),
        began INTEGER NOT NULL
    ) STRICT;
";

/// The place of a reservation in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) payment_hash: PaymentHash,
    pub(super) slot: i64,
    pub(super) units: i64,
    pub(super) expires: UnixTime,
}

/// Units that were reserved, and the state of their payment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reserved {
    pub(super) slot: Slot,
    pub(super) units: NonZeroU64,
    pub(super) left: u64,
    pub(super) failures: u32,
    pub(super) releases: u32,
}

/// The state of a payment in the file.
struct Found {
    tally: Tally,
    reserved: u64,
    next_slot: i64,
}

/// Opens the file, or makes it.
pub(super) fn open(path: &Path) -> Result<Connection, LedgerError> {
    let connection = sqlite::open(path, &SCHEMA).map_err(|error| LedgerError::file(path, error))?;
    connection.set_prepared_statement_cache_capacity(16);
    Ok(connection)
}

/// Opens a file that is there. After an error of the disk no new one may take its place: all that
/// is spent would be fresh.
pub(super) fn open_again(path: &Path) -> Result<Connection, LedgerError> {
    let connection =
        sqlite::open_existing(path, &SCHEMA).map_err(|error| LedgerError::file(path, error))?;
    connection.set_prepared_statement_cache_capacity(16);
    Ok(connection)
}

/// Reserves units, if enough of them are left.
///
/// The place is `at_least` this one. An owner passes a number above all places that it has ever
/// taken: a commit that failed in doubt may stand in the file after all, and a settle that is tried
/// again must not find another reservation at the place of its own.
pub(super) fn reserve(
    tx: &Transaction<'_>,
    request: &ReserveRequest,
    owner: i64,
    at_least: i64,
) -> rusqlite::Result<Result<Reserved, ReserveError>> {
    let allowance = request.allowance();
    let found = find(tx, &allowance.payment_hash())?;
    // No more than 2^63 - 1 are ever granted, so that the sums of SQLite hold.
    let Ok(units) = i64::try_from(request.units().get()) else {
        return Ok(Err(ReserveError::Consumed));
    };
    let left = match found.tally.admit(request, found.reserved) {
        Ok(left) => left,
        Err(error) => return Ok(Err(error)),
    };
    let slot = Slot {
        payment_hash: allowance.payment_hash(),
        slot: found.next_slot.max(at_least),
        units,
        expires: allowance.expires(),
    };
    let sql = "INSERT INTO reservations (payment_hash, slot, owner, units) VALUES (?1, ?2, ?3, ?4)";
    tx.prepare_cached(sql)?
        .execute((slot.payment_hash.as_bytes(), slot.slot, owner, units))?;
    Ok(Ok(Reserved {
        slot,
        units: request.units(),
        left,
        failures: found.tally.failures,
        releases: found.tally.attempts,
    }))
}

/// Reads a payment and its reservations, in one statement. A place is never taken again while a
/// later one is.
fn find(tx: &Transaction<'_>, hash: &PaymentHash) -> rusqlite::Result<Found> {
    let sql = "SELECT coalesce(used, 0), coalesce(attempts, 0), coalesce(failures, 0), taken.units, \
               taken.slot + 1 FROM (SELECT coalesce(max(slot), -1) AS slot, \
               coalesce(sum(units), 0) AS units FROM reservations WHERE payment_hash = ?1) AS taken \
               LEFT JOIN payments ON payments.payment_hash = ?1";
    tx.prepare_cached(sql)?.query_row([hash.as_bytes()], |row| {
        Ok(Found {
            tally: Tally {
                used: row.get(0)?,
                attempts: row.get(1)?,
                failures: row.get(2)?,
            },
            reserved: row.get(3)?,
            next_slot: row.get(4)?,
        })
    })
}

/// Settles a reservation. Once: if its row is gone, it has been settled or given back already.
pub(super) fn settle(
    tx: &Transaction<'_>,
    slot: &Slot,
    owner: i64,
    settle: Settle,
) -> rusqlite::Result<()> {
    let hash = slot.payment_hash.as_bytes();
    let sql = "DELETE FROM reservations WHERE payment_hash = ?1 AND slot = ?2 AND owner = ?3";
    if tx.prepare_cached(sql)?.execute((hash, slot.slot, owner))? == 0 {
        return Ok(());
    }
    let expires = i64::try_from(slot.expires.secs()).unwrap_or(i64::MAX);
    // The sums are made by the statement, so that the row need not be read first. `Tally::settled`
    // is the same in memory, and the contract test holds the two alike.
    match settle {
        Settle::Commit { units } => {
            let spent = i64::try_from(units).map_or(slot.units, |units| units.min(slot.units));
            let sql = "INSERT INTO payments (payment_hash, used, attempts, failures, expires) \
                       VALUES (?1, ?2, 0, 0, ?3) ON CONFLICT (payment_hash) DO UPDATE SET \
                       used = used + ?2, failures = 0, expires = max(expires, ?3)";
            tx.prepare_cached(sql)?.execute((hash, spent, expires))?;
        }
        Settle::ReleaseBuyer => {
            let sql = "INSERT INTO payments (payment_hash, used, attempts, failures, expires) \
                       VALUES (?1, 0, 1, 0, ?3) ON CONFLICT (payment_hash) DO UPDATE SET \
                       used = used + iif(attempts < ?4, 0, ?2), \
                       attempts = min(attempts + 1, ?4), expires = max(expires, ?3)";
            let row = (hash, slot.units, expires, BUYER_RELEASES);
            tx.prepare_cached(sql)?.execute(row)?;
        }
        Settle::ReleaseUpstream => {
            let sql = "INSERT INTO payments (payment_hash, used, attempts, failures, expires) \
                       VALUES (?1, 0, 0, 1, ?2) ON CONFLICT (payment_hash) DO UPDATE SET \
                       failures = min(failures + 1, ?3), expires = max(expires, ?2)";
            tx.prepare_cached(sql)?.execute((hash, expires, u32::MAX))?;
        }
    }
    Ok(())
}

/// Returns the owners of reservations, this one aside.
pub(super) fn others(tx: &Transaction<'_>, owner: i64) -> rusqlite::Result<Vec<i64>> {
    let sql = "SELECT DISTINCT owner FROM reservations WHERE owner != ?1";
    tx.prepare_cached(sql)?
        .query_map([owner], |row| row.get(0))?
        .collect()
}

/// Gives back all that an owner holds.
pub(super) fn give_back(tx: &Transaction<'_>, owner: i64) -> rusqlite::Result<usize> {
    tx.prepare_cached("DELETE FROM reservations WHERE owner = ?1")?
        .execute([owner])
}

/// Gives back what an owner holds and has forgotten.
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

/// Returns the payment that stands `rows` places after another in the order of the hashes.
pub(super) fn payment_after(
    tx: &Transaction<'_>,
    hash: &[u8],
    rows: u32,
) -> rusqlite::Result<Option<[u8; 32]>> {
    let sql = "SELECT payment_hash FROM payments WHERE payment_hash > ?1 \
               ORDER BY payment_hash LIMIT 1 OFFSET ?2 - 1";
    tx.prepare_cached(sql)?
        .query_row((hash, rows), |row| row.get(0))
        .optional()
}

/// Forgets the payments after one hash, up to another, that end at `ended` (Unix seconds) at the
/// latest. Returns their number.
pub(super) fn forget(
    tx: &Transaction<'_>,
    after: &[u8],
    up_to: &[u8],
    ended: u64,
) -> rusqlite::Result<usize> {
    let ended = i64::try_from(ended).unwrap_or(i64::MAX);
    let sql = "DELETE FROM payments WHERE payment_hash > ?1 AND payment_hash <= ?2 \
               AND expires <= ?3";
    tx.prepare_cached(sql)?.execute((after, up_to, ended))
}
