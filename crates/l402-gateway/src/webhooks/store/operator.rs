//! What the operator's commands read of the file, and write into it.

use std::path::Path;

use l402::UnixTime;
use rusqlite::Row;
use rusqlite::types::Value;

use super::{Delivery, Failure, Store, StoreError, number, secs, time};
use crate::webhooks::message::Event;

/// One delivery, for the operator.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) created: UnixTime,
    pub(crate) target: String,
    pub(crate) state: Delivery,
    pub(crate) failures: u32,
    pub(crate) next: UnixTime,
    pub(crate) tried: Option<UnixTime>,
    pub(crate) outcome: String,
}

/// The deliveries to one target, counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) waiting: u64,
    pub(crate) delivered: u64,
    pub(crate) failed: u64,
    pub(crate) last: Option<UnixTime>,
    pub(crate) gone: Option<UnixTime>,
}

/// The deliveries that are to be sent again.
#[derive(Clone, Debug)]
pub(crate) enum Again {
    Event(String),
    Failed,
    Since(UnixTime),
}

impl Store {
    /// Opens the file; `None` if nothing was ever written down.
    pub(crate) fn find(home: &Path) -> Result<Option<Self>, StoreError> {
        if !Self::path(home).exists() {
            return Ok(None);
        }
        Self::open(home).map(Some)
    }

    /// Writes down an event that was sent already, and what became of it.
    pub(crate) fn record_ended(
        &self,
        event: &Event,
        target: &str,
        ended: &Result<String, Failure>,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        self.write(|tx| {
            let sql = "INSERT INTO events (id, kind, created, body) VALUES (?1, ?2, ?3, ?4)";
            tx.execute(
                sql,
                (&event.id, event.kind, secs(event.created), &event.body),
            )?;
            let (state, failures, outcome) = match ended {
                Ok(outcome) => (Delivery::Done, 0, outcome),
                Err(failure) => (Delivery::Failed, 1, &failure.outcome),
            };
            let sql = "INSERT INTO deliveries
                       (target, seq, state, failures, since, next, tried, outcome)
                       VALUES (?1, last_insert_rowid(), ?2, ?3, ?4, ?4, ?4, ?5)";
            tx.execute(sql, (target, state as i64, failures, secs(now), outcome))
                .map(drop)
        })
    }

    /// Makes deliveries to these targets wait again, and returns their number. A target that wanted
    /// nothing any more is asked again.
    pub(crate) fn replay(
        &self,
        targets: &[String],
        again: &Again,
        now: UnixTime,
    ) -> Result<u64, StoreError> {
        let (chosen, value): (_, Value) = match again {
            Again::Event(id) => (
                "seq IN (SELECT seq FROM events WHERE id = ?3)",
                id.clone().into(),
            ),
            // `?3 = 0` is always true: all three conditions take the same parameters.
            Again::Failed => ("state = 2 AND ?3 = 0", 0.into()),
            Again::Since(time) => (
                "seq IN (SELECT seq FROM events WHERE created >= ?3)",
                secs(*time).into(),
            ),
        };
        // `since` is set anew: by an old one, the delivery would be given up after one attempt.
        let sql = format!(
            "UPDATE deliveries SET state = 0, aside = 0, failures = 0, since = ?2, next = ?2
             WHERE target = ?1 AND {chosen}"
        );
        self.write(|tx| {
            let mut number = 0;
            for target in targets {
                let changed = tx
                    .prepare_cached(&sql)?
                    .execute((target, secs(now), &value))?;
                if changed > 0 {
                    tx.execute("DELETE FROM gone WHERE target = ?1", [target])?;
                }
                number += u64::try_from(changed).unwrap_or(0);
            }
            Ok(number)
        })
    }

    /// Returns the deliveries to one target, counted.
    pub(crate) fn counts(&self, target: &str) -> Result<Counts, StoreError> {
        self.read(|connection| {
            let sql = "SELECT count(*) FILTER (WHERE state = 0), count(*) FILTER (WHERE state = 1),
                       count(*) FILTER (WHERE state = 2), max(tried) FILTER (WHERE state = 1),
                       (SELECT since FROM gone WHERE target = ?1)
                       FROM deliveries WHERE target = ?1";
            connection.query_row(sql, [target], |row| {
                Ok(Counts {
                    waiting: number(row.get(0)?),
                    delivered: number(row.get(1)?),
                    failed: number(row.get(2)?),
                    last: row.get::<_, Option<i64>>(3)?.map(time),
                    gone: row.get::<_, Option<i64>>(4)?.map(time),
                })
            })
        })
    }

    /// Returns the newest deliveries, the newest first; those that failed or wait after a failure
    /// alone, if asked.
    pub(crate) fn newest(&self, failed: bool, most: u32) -> Result<Vec<Line>, StoreError> {
        self.read(|connection| {
            let sql =
                "SELECT e.id, e.kind, e.created, d.target, d.state, d.failures, d.next, d.tried,
                       d.outcome FROM deliveries d JOIN events e ON e.seq = d.seq
                       WHERE ?1 = 0 OR (d.state <> 1 AND d.failures > 0) OR d.state = 2
                       ORDER BY d.seq DESC, d.target LIMIT ?2";
            let mut query = connection.prepare_cached(sql)?;
            let lines = query.query_map((failed, most), line)?;
            lines.collect()
        })
    }
}

fn line(row: &Row<'_>) -> rusqlite::Result<Line> {
    let state = match row.get::<_, i64>(4)? {
        0 => Delivery::Waits,
        1 => Delivery::Done,
        _ => Delivery::Failed,
    };
    Ok(Line {
        id: row.get(0)?,
        kind: row.get(1)?,
        created: time(row.get(2)?),
        target: row.get(3)?,
        state,
        failures: row.get(5)?,
        next: time(row.get(6)?),
        tried: row.get::<_, Option<i64>>(7)?.map(time),
        outcome: row.get(8)?,
    })
}
