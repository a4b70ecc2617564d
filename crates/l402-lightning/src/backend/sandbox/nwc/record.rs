//! The invoices that were made and paid over Nostr Wallet Connect: one SQLite file.
//!
//! The sandbox itself stores neither an unpaid invoice nor the text of a paid one, and its wallet
//! has to show both. What became of an invoice stands in the sandbox's own file alone.

use std::path::PathBuf;
use std::time::Duration;

use l402::PaymentHash;
use l402_host::sqlite::{Schema, application_id};
use rusqlite::Row;

use super::super::file::SandboxFile;
use crate::Error;

/// The time for which an unpaid invoice stays on record after its expiry, in seconds.
const KEPT_AFTER_EXPIRY: i64 = 24 * 3600;

const SCHEMA: Schema = Schema {
    name: "record of the sandbox's NWC wallet",
    application_id: application_id(*b"l4sn"),
    create: LAYOUT,
    upgrades: &[],
    tables: &["transactions"],
    busy_timeout: Duration::from_secs(5),
    checkpoint_pages: 1000,
};

const LAYOUT: &str = "
    CREATE TABLE transactions (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        payment_hash BLOB NOT NULL,
        direction TEXT NOT NULL CHECK (direction IN ('incoming', 'outgoing')),
        invoice TEXT NOT NULL,
        created INTEGER NOT NULL,
        expires INTEGER NOT NULL,
        settled INTEGER,
        UNIQUE (payment_hash, direction)
    ) STRICT;
    CREATE INDEX unpaid ON transactions (expires)
        WHERE settled IS NULL AND direction = 'incoming';
";

const COLUMNS: &str = "direction, invoice, created, settled";

/// The direction of a transaction, as the wallet sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Incoming,
    Outgoing,
}

impl Direction {
    const fn name(self) -> &'static str {
        match self {
            Self::Incoming => "incoming",
            Self::Outgoing => "outgoing",
        }
    }
}

/// An invoice on record.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) direction: Direction,
    pub(super) bolt11: String,
    /// The time of the request that brought it here, in seconds since 1970.
    pub(super) created: u64,
    /// The time at which its settlement was noticed.
    pub(super) settled: Option<u64>,
}

/// The part of the record that a list shows, newest first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    pub(super) direction: Option<Direction>,
    pub(super) from: u64,
    pub(super) until: u64,
    /// True to list what is not settled, too.
    pub(super) unpaid: bool,
    pub(super) limit: u64,
    pub(super) offset: u64,
}

/// The file. Every method blocks.
pub(super) struct Record {
    file: SandboxFile,
}

impl Record {
    /// Names the file without opening it.
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            file: SandboxFile::with_schema(path, &SCHEMA),
        }
    }

    /// Puts an invoice on record, unless it is there.
    pub(super) fn add(&self, entry: &Entry, hash: PaymentHash, expires: u64) -> Result<(), Error> {
        let now = stored(entry.created);
        let row = (
            hash.as_bytes(),
            entry.direction.name(),
            &entry.bolt11,
            now,
            stored(expires),
        );
        let added = self.file.write(|tx| {
            // Most invoices are never paid.
            let old = "DELETE FROM transactions WHERE settled IS NULL AND direction = 'incoming' \
                       AND expires < ?1";
            tx.execute(old, [now.saturating_sub(KEPT_AFTER_EXPIRY)])?;
            let sql = "INSERT INTO transactions (payment_hash, direction, invoice, created, expires) \
                       VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
            tx.execute(sql, row).map(drop)
        });
        Ok(added?)
    }

    /// Notes the time at which a settlement was noticed, if it was not noted before.
    pub(super) fn settle(&self, hash: PaymentHash, now: u64) -> Result<(), Error> {
        // Most settlements are of invoices that others have made: those write nothing.
        let open = self.of_hash(hash)?;
        if open.iter().all(|entry| entry.settled.is_some()) {
            return Ok(());
        }
        let sql =
            "UPDATE transactions SET settled = ?2 WHERE payment_hash = ?1 AND settled IS NULL";
        let row = (hash.as_bytes(), stored(now));
        Ok(self.file.write(|tx| tx.execute(sql, row).map(drop))?)
    }

    /// Returns what is on record of a payment hash, newest first: nothing, one entry, or one of each
    /// direction.
    pub(super) fn of_hash(&self, hash: PaymentHash) -> Result<Vec<Entry>, Error> {
        let sql = format!(
            "SELECT {COLUMNS} FROM transactions WHERE payment_hash = ?1 ORDER BY number DESC"
        );
        let found = self.file.read(|connection| {
            let mut query = connection.prepare_cached(&sql)?;
            let rows = query.query_map([hash.as_bytes()], entry)?;
            rows.collect::<Result<Vec<_>, _>>()
        })?;
        Ok(found.unwrap_or_default())
    }

    /// Returns a part of the record, newest first.
    pub(super) fn page(&self, page: &Page) -> Result<Vec<Entry>, Error> {
        let sql = format!(
            "SELECT {COLUMNS} FROM transactions \
             WHERE created BETWEEN ?1 AND ?2 AND (?3 IS NULL OR direction = ?3) \
             AND (?4 OR settled IS NOT NULL) ORDER BY number DESC LIMIT ?5 OFFSET ?6"
        );
        let values = (
            stored(page.from),
            stored(page.until),
            page.direction.map(Direction::name),
            page.unpaid,
            stored(page.limit),
            stored(page.offset),
        );
        let found = self.file.read(|connection| {
            let mut query = connection.prepare_cached(&sql)?;
            let rows = query.query_map(values, entry)?;
            rows.collect::<Result<Vec<_>, _>>()
        })?;
        Ok(found.unwrap_or_default())
    }
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let direction: String = row.get(0)?;
    let direction = if direction == "incoming" {
        Direction::Incoming
    } else {
        Direction::Outgoing
    };
    Ok(Entry {
        direction,
        bolt11: row.get(1)?,
        created: seconds(row.get(2)?),
        settled: row.get::<_, Option<i64>>(3)?.map(seconds),
    })
}

fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn seconds(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
