//! The tables, and what is written into them.

use core::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use l402::UnixTime;
use l402_host::FileError;
use l402_host::sqlite::{self, Schema, application_id, fault};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, TransactionBehavior};

use crate::notice::NoticeKind;
use crate::webhooks::message::{Event, TEST};

/// The reason why the file cannot be used. Holds nothing that is written in it.
#[derive(Debug)]
pub(in crate::webhooks) struct StoreError(String);

impl StoreError {
    fn of(path: &Path, error: &rusqlite::Error) -> Self {
        Self(format!("cannot use {}: {}", path.display(), fault(error)))
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<FileError> for StoreError {
    fn from(error: FileError) -> Self {
        Self(error.to_string())
    }
}

impl From<tokio::task::JoinError> for StoreError {
    fn from(error: tokio::task::JoinError) -> Self {
        Self(error.to_string())
    }
}

/// The age at which an event goes, and the most of one kind that are kept: sales, of which there are many,
/// push out nothing else.
const KEEP: Duration = Duration::from_secs(7 * 24 * 3600);
const MOST: i64 = if cfg!(test) { 1000 } else { 100_000 };

/// The pause between two searches for events that go.
const PRUNE: Duration = Duration::from_secs(60);

/// The failures after which later events need not wait for one any more: the receiver may fail at it alone.
const PATIENCE: u32 = 3;

/// The most events in a row that have failed so often and are tried beside each other.
const BESIDE: i64 = 16;

const SCHEMA: Schema = Schema {
    name: "file of webhooks",
    application_id: application_id(*b"l4wh"),
    create: "
        CREATE TABLE events (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            kind TEXT NOT NULL,
            created INTEGER NOT NULL,
            body TEXT NOT NULL
        ) STRICT;
        CREATE INDEX events_by_age ON events (created);
        CREATE INDEX events_by_kind ON events (kind, seq);
        CREATE TABLE deliveries (
            target TEXT NOT NULL,
            seq INTEGER NOT NULL,
            state INTEGER NOT NULL CHECK (state IN (0, 1, 2)),
            aside INTEGER NOT NULL DEFAULT 0,
            failures INTEGER NOT NULL DEFAULT 0,
            since INTEGER NOT NULL,
            next INTEGER NOT NULL,
            tried INTEGER,
            outcome TEXT NOT NULL DEFAULT '',
            PRIMARY KEY (target, seq)
        ) WITHOUT ROWID, STRICT;
        CREATE INDEX waiting ON deliveries (target, aside, seq) WHERE state = 0;
        CREATE INDEX deliveries_of_event ON deliveries (seq);
        CREATE TABLE gone (
            target TEXT PRIMARY KEY,
            since INTEGER NOT NULL
        ) WITHOUT ROWID, STRICT;
    ",
    upgrades: &[],
    tables: &["events", "deliveries", "gone"],
    busy_timeout: Duration::from_secs(5),
    checkpoint_pages: 1000,
};

/// The state of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::webhooks) enum Delivery {
    Waits = 0,
    Done = 1,
    Failed = 2,
}

/// A delivery whose time has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::webhooks) struct Due {
    pub(in crate::webhooks) seq: i64,
    pub(in crate::webhooks) id: String,
    pub(in crate::webhooks) body: String,
    /// The begin of its schedule: the event, or the last replay.
    pub(in crate::webhooks) since: UnixTime,
    pub(in crate::webhooks) failures: u32,
}

/// The end of an attempt that failed.
#[derive(Clone, Debug)]
pub(in crate::webhooks) struct Failure {
    pub(in crate::webhooks) outcome: String,
    /// `None` if nothing is tried any more.
    pub(in crate::webhooks) next: Option<UnixTime>,
    /// True if it is the event that was refused, so that later ones need not wait for it.
    pub(in crate::webhooks) aside: bool,
}

/// The file. Every call blocks for a moment.
#[derive(Debug)]
pub(in crate::webhooks) struct Store {
    path: PathBuf,
    connection: Mutex<Connection>,
    /// The time of the last search for events that go, in seconds; 0 before the first.
    pruned: AtomicU64,
}

impl Store {
    /// Returns the path of the file in a home.
    pub(in crate::webhooks) fn path(home: &Path) -> PathBuf {
        home.join("webhooks.db")
    }

    /// Opens the file, and makes it if it is missing.
    pub(in crate::webhooks) fn open(home: &Path) -> Result<Self, StoreError> {
        let path = Self::path(home);
        let connection = Mutex::new(sqlite::open(&path, &SCHEMA)?);
        Ok(Self {
            path,
            connection,
            pruned: AtomicU64::new(0),
        })
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn read<T>(
        &self,
        look: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        look(&self.connection()).map_err(|error| StoreError::of(&self.path, &error))
    }

    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let mut connection = self.connection();
        let written = || {
            let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&tx)?;
            tx.commit().map(|()| done)
        };
        written().map_err(|error| StoreError::of(&self.path, &error))
    }

    /// Writes events down, each for the targets that `wanted` names of it, and takes old ones away.
    pub(in crate::webhooks) fn record(
        &self,
        events: &[Event],
        wanted: impl Fn(&Event) -> Vec<String>,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        self.write(|tx| {
            for event in events {
                // An event that is there already has been told before.
                let sql = "INSERT OR IGNORE INTO events (id, kind, created, body) VALUES (?1, ?2, ?3, ?4)";
                let row = (&event.id, event.kind, secs(event.created), &event.body);
                if tx.prepare_cached(sql)?.execute(row)? == 0 {
                    continue;
                }
                let seq = tx.last_insert_rowid();
                for target in wanted(event) {
                    add(tx, &target, seq, event.created)?;
                }
            }
            if self.is_time_to_prune(now) {
                prune(tx, now)?;
            }
            Ok(())
        })
    }

    /// Returns true once a minute. A search in each transaction would slow all of them down.
    fn is_time_to_prune(&self, now: UnixTime) -> bool {
        // A clock that was set back counts as a pause that is over.
        let since = now.secs().abs_diff(self.pruned.load(Ordering::Relaxed));
        let is_time = since >= PRUNE.as_secs();
        if is_time {
            self.pruned.store(now.secs(), Ordering::Relaxed);
        }
        is_time
    }

    /// Returns the delivery to a target whose turn it is, if its time has come: the oldest, or one behind
    /// those that have failed three times. Then those that stand aside.
    pub(in crate::webhooks) fn due(
        &self,
        target: &str,
        now: UnixTime,
    ) -> Result<Option<Due>, StoreError> {
        self.read(|connection| {
            let sql = "SELECT d.seq, e.id, e.body, d.since, d.failures, d.next
                       FROM deliveries d JOIN events e ON e.seq = d.seq
                       WHERE d.target = ?1 AND d.state = 0 AND d.aside = 0
                       ORDER BY d.seq LIMIT ?2";
            let mut first = connection.prepare_cached(sql)?;
            let mut rows = first.query((target, BESIDE))?;
            while let Some(row) = rows.next()? {
                let (due, next) = (due(row)?, time(row.get(5)?));
                if next <= now {
                    return Ok(Some(due));
                }
                // It holds up those behind it while its time has not come: they go in order.
                if due.failures < PATIENCE {
                    break;
                }
            }
            let sql = "SELECT d.seq, e.id, e.body, d.since, d.failures
                       FROM deliveries d JOIN events e ON e.seq = d.seq
                       WHERE d.target = ?1 AND d.state = 0 AND d.aside = 1 AND d.next <= ?2
                       ORDER BY d.next LIMIT 1";
            let mut query = connection.prepare_cached(sql)?;
            query.query_row((target, secs(now)), due).optional()
        })
    }

    /// Notes that a delivery has arrived. Older ones that wait have failed again and again while the receiver
    /// takes others: they stand aside from now on.
    pub(in crate::webhooks) fn delivered(
        &self,
        target: &str,
        seq: i64,
        outcome: &str,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        self.write(|tx| {
            let sql = "UPDATE deliveries SET state = 1, aside = 0, tried = ?3, outcome = ?4
                       WHERE target = ?1 AND seq = ?2";
            tx.execute(sql, (target, seq, secs(now), outcome))?;
            let sql = "UPDATE deliveries SET aside = 1
                       WHERE target = ?1 AND state = 0 AND aside = 0 AND seq < ?2 AND failures >= ?3";
            tx.execute(sql, (target, seq, PATIENCE)).map(drop)
        })
    }

    /// Notes that an attempt has failed.
    pub(in crate::webhooks) fn failed(
        &self,
        target: &str,
        seq: i64,
        failure: &Failure,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        let state = failure.next.map_or(Delivery::Failed, |_| Delivery::Waits) as i64;
        let next = secs(failure.next.unwrap_or(now));
        self.write(|tx| {
            let sql = "UPDATE deliveries SET state = ?3, aside = ?4, next = ?5, tried = ?6,
                       outcome = ?7, failures = failures + 1 WHERE target = ?1 AND seq = ?2";
            let outcome = &failure.outcome;
            let row = (target, seq, state, failure.aside, next, secs(now), outcome);
            tx.execute(sql, row).map(drop)
        })
    }

    /// Notes that a receiver wants nothing any more: what waits for it has failed.
    pub(in crate::webhooks) fn end(
        &self,
        target: &str,
        outcome: &str,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        self.write(|tx| {
            tx.execute(
                "INSERT OR IGNORE INTO gone (target, since) VALUES (?1, ?2)",
                (target, secs(now)),
            )?;
            let sql = "UPDATE deliveries SET state = 2, tried = ?2, outcome = ?3
                       WHERE target = ?1 AND state = 0";
            tx.execute(sql, (target, secs(now), outcome)).map(drop)
        })
    }
}

/// Adds the delivery of an event to a target. One that wants nothing any more gets none.
fn add(tx: &Transaction<'_>, target: &str, seq: i64, now: UnixTime) -> rusqlite::Result<()> {
    // Noted as failed for a receiver that is gone, so that a replay can still send it.
    let sql = "INSERT INTO deliveries (target, seq, state, since, next, outcome)
               SELECT ?1, ?2, iif(gone, 2, 0), ?3, ?3, iif(gone, 'the receiver is gone (410)', '')
               FROM (SELECT EXISTS (SELECT 1 FROM gone WHERE target = ?1) AS gone)";
    tx.prepare_cached(sql)?
        .execute((target, seq, secs(now)))
        .map(drop)
}

/// Takes away what is too old or too much of its kind, delivered or not.
fn prune(tx: &Transaction<'_>, now: UnixTime) -> rusqlite::Result<()> {
    let before = secs(now).saturating_sub(i64::try_from(KEEP.as_secs()).unwrap_or(0));
    let old = "SELECT seq FROM events WHERE created < ?1";
    take_away(tx, old, &[&before])?;
    // All that are older than the last one that may stay.
    let many = "SELECT seq FROM events WHERE kind = ?1 AND seq <=
                (SELECT seq FROM events WHERE kind = ?1 ORDER BY seq DESC LIMIT 1 OFFSET ?2)";
    let kinds = NoticeKind::ALL.map(NoticeKind::name);
    for kind in kinds.into_iter().chain([TEST]) {
        take_away(tx, many, &[&kind, &MOST])?;
    }
    Ok(())
}

/// Takes away the events that a query names, and their deliveries.
fn take_away(
    tx: &Transaction<'_>,
    which: &str,
    values: &[&dyn rusqlite::ToSql],
) -> rusqlite::Result<()> {
    for table in ["deliveries", "events"] {
        let sql = format!("DELETE FROM {table} WHERE seq IN ({which})");
        tx.prepare_cached(&sql)?.execute(values)?;
    }
    Ok(())
}

fn due(row: &Row<'_>) -> rusqlite::Result<Due> {
    Ok(Due {
        seq: row.get(0)?,
        id: row.get(1)?,
        body: row.get(2)?,
        since: time(row.get(3)?),
        failures: row.get(4)?,
    })
}

pub(super) fn secs(time: UnixTime) -> i64 {
    i64::try_from(time.secs()).unwrap_or(i64::MAX)
}

pub(super) fn time(secs: i64) -> UnixTime {
    UnixTime::from_secs(number(secs))
}

pub(super) fn number(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
