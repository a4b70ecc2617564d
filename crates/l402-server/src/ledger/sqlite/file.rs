//! The file: opening it, and its statements.

use std::path::Path;
use std::time::Duration;

use l402_host::FileFault;
use l402_host::sqlite::{self, Schema, application_id};
use rusqlite::{Connection, OptionalExtension, Transaction};

use super::{LedgerError, owner};
use crate::ledger::Tally;

/// `log` has a row for each commit, with what it has changed: numbers without a gap, of which the
/// newest is never removed. `payments` has what was folded into it from the log, a row a payment,
/// scattered by their hashes; `folded` is the number of the last row of the log that is in it.
/// `expires` is Unix seconds; there is no index on it, because a new payment would have to write a page
/// of that index too. `ledger` is one row that says which ledger this is; a new one has no id. `latest`
/// is Unix seconds. `keys` has a row for each key that has sold or waits to: when it began and until when it
/// is good, in Unix seconds, and if it was ended early. `gateways` has the keys that each gateway holds;
/// `revocations` what was ended before its time, in the order of `number`.
///
/// SQLite's own log may hold 32 MiB before its pages go into the file: under load a page is written often
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
            expires INTEGER NOT NULL,
            folded INTEGER NOT NULL DEFAULT 0
        ) WITHOUT ROWID, STRICT;
        CREATE TABLE log (
            number INTEGER PRIMARY KEY,
            owner INTEGER NOT NULL,
            entries BLOB NOT NULL
        ) STRICT;
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
            began INTEGER NOT NULL,
            until INTEGER,
            revoked INTEGER NOT NULL DEFAULT 0,
            waits INTEGER NOT NULL DEFAULT 0
        ) STRICT;
        CREATE TABLE gateways (
            holder INTEGER PRIMARY KEY,
            name TEXT NOT NULL,
            seen INTEGER NOT NULL,
            keys BLOB NOT NULL
        ) STRICT;
        CREATE TABLE revocations (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            kind INTEGER NOT NULL,
            subject BLOB NOT NULL,
            before INTEGER NOT NULL,
            revoked INTEGER NOT NULL,
            ends INTEGER,
            UNIQUE (kind, subject, before)
        ) STRICT;
    ",
    upgrades: &[FROM_1, FROM_2, FROM_3, FROM_4],
    tables: &["payments"],
    busy_timeout: Duration::from_secs(2),
    checkpoint_pages: 8192,
};

/// Version 1 counted uses: one reservation was one use.
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

/// Version 3 had no log. Its reservations were those of processes that have ended, so all of them are
/// given back. A process of version 3 that comes in between finds its table gone, and grants nothing.
const FROM_3: &str = "
    DROP TABLE reservations;
    ALTER TABLE payments ADD COLUMN folded INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE log (
        number INTEGER PRIMARY KEY,
        owner INTEGER NOT NULL,
        entries BLOB NOT NULL
    ) STRICT;
";

/// Version 4 knew of no revocations, and of a key only when it began.
const FROM_4: &str = "
    ALTER TABLE keys ADD COLUMN until INTEGER;
    ALTER TABLE keys ADD COLUMN revoked INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE keys ADD COLUMN waits INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE gateways (
        holder INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        seen INTEGER NOT NULL,
        keys BLOB NOT NULL
    ) STRICT;
    CREATE TABLE revocations (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        kind INTEGER NOT NULL,
        subject BLOB NOT NULL,
        before INTEGER NOT NULL,
        revoked INTEGER NOT NULL,
        ends INTEGER,
        UNIQUE (kind, subject, before)
    ) STRICT;
";

/// Opens the file, or makes it.
///
/// # Errors
/// Those of [`sqlite::open`], and if a process of an older version has the file open.
pub(in crate::ledger) fn open(path: &Path) -> Result<Connection, LedgerError> {
    if owner::is_held_by_older(path) {
        return Err(LedgerError::held_by_older(path));
    }
    let connection = sqlite::open(path, &SCHEMA).map_err(|error| LedgerError::file(path, error))?;
    connection.set_prepared_statement_cache_capacity(16);
    Ok(connection)
}

/// Opens a file that is there. After an error of the disk no new one may take its place: all that
/// is spent would be fresh.
pub(in crate::ledger) fn open_again(path: &Path) -> Result<Connection, LedgerError> {
    let connection =
        sqlite::open_existing(path, &SCHEMA).map_err(|error| LedgerError::file(path, error))?;
    connection.set_prepared_statement_cache_capacity(16);
    Ok(connection)
}

/// Sorts an error that comes after the opening. A value that no version writes is damage.
pub(in crate::ledger) fn failed(path: &Path, error: &rusqlite::Error) -> LedgerError {
    use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType};
    let fault = match error {
        FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..) => {
            FileFault::Damaged("a row holds what was never written".to_owned())
        }
        other => sqlite::fault(other),
    };
    LedgerError::recovery(path, fault)
}

/// A payment as the table has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Folded {
    pub(super) tally: Tally,
    /// Unix seconds.
    pub(super) expires: u64,
    /// The number of the last row of the log that is in it.
    pub(super) number: i64,
}

/// Reads a payment.
pub(super) fn payment(db: &Connection, hash: &[u8; 32]) -> rusqlite::Result<Option<Folded>> {
    let sql =
        "SELECT used, attempts, failures, expires, folded FROM payments WHERE payment_hash = ?1";
    let mut query = db.prepare_cached(sql)?;
    let row = query.query_row([hash], |row| {
        Ok(Folded {
            tally: Tally {
                used: row.get(0)?,
                attempts: row.get(1)?,
                failures: row.get(2)?,
            },
            expires: row.get(3)?,
            number: row.get(4)?,
        })
    });
    row.optional()
}

/// Writes a payment. One that another process has folded further stays as it is.
pub(super) fn fold(tx: &Transaction<'_>, hash: &[u8; 32], row: &Folded) -> rusqlite::Result<()> {
    let sql = "INSERT INTO payments VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (payment_hash) \
               DO UPDATE SET used = ?2, attempts = ?3, failures = ?4, expires = ?5, folded = ?6 \
               WHERE folded <= ?6";
    let tally = row.tally;
    let used = i64::try_from(tally.used).unwrap_or(i64::MAX);
    let expires = i64::try_from(row.expires).unwrap_or(i64::MAX);
    tx.prepare_cached(sql)?.execute((
        hash,
        used,
        tally.attempts,
        tally.failures,
        expires,
        row.number,
    ))?;
    Ok(())
}

/// Adds a row to the log.
pub(super) fn append(
    tx: &Transaction<'_>,
    number: i64,
    owner: i64,
    entries: &[u8],
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO log (number, owner, entries) VALUES (?1, ?2, ?3)";
    tx.prepare_cached(sql)?.execute((number, owner, entries))?;
    Ok(())
}

/// A row of the log.
pub(super) struct LogRow {
    pub(super) number: i64,
    pub(super) owner: i64,
    pub(super) entries: Vec<u8>,
}

/// Returns at most `most` rows of the log after a number, in their order.
pub(super) fn log_after(db: &Connection, number: i64, most: u32) -> rusqlite::Result<Vec<LogRow>> {
    let sql = "SELECT number, owner, entries FROM log WHERE number > ?1 ORDER BY number LIMIT ?2";
    let mut query = db.prepare_cached(sql)?;
    let rows = query.query_map((number, most), |row| {
        Ok(LogRow {
            number: row.get(0)?,
            owner: row.get(1)?,
            entries: row.get(2)?,
        })
    })?;
    rows.collect()
}

/// Removes rows of the log up to a number, the oldest `most` of them, and never the newest of all: the
/// next number is counted from it. Returns how many went.
pub(super) fn trim(tx: &Transaction<'_>, up_to: i64, most: i64) -> rusqlite::Result<usize> {
    let sql = "DELETE FROM log WHERE number <= min(?1, (SELECT min(number) FROM log) + ?2 - 1) \
               AND number < (SELECT max(number) FROM log)";
    tx.prepare_cached(sql)?.execute((up_to, most))
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
