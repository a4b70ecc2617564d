//! Reading of a listing's past.

use l402::UnixTime;
use rusqlite::{Connection, Row};

use super::listings::existing;
use super::record::PAID_MAX;
use super::row::{msat, state, time};
use super::uptime;
use crate::listing::{ListingId, PaidProbe};
use crate::store::{History, PaidPoint, Point, StoreError};

/// Returns the past of a listing.
pub(super) fn history(
    connection: &Connection,
    id: ListingId,
    now: UnixTime,
) -> Result<History, StoreError> {
    let n = existing(connection, id)?.n;
    let hours = uptime::hours(connection, n, now)?;
    let uptime = uptime::of_hours(&hours, now);
    let begin = |hour: i64| time(hour.saturating_mul(3600));
    Ok(History {
        points: points(connection, n)?,
        hours: hours
            .into_iter()
            .map(|(hour, slot)| {
                let latency = slot.latency_ms.map(u32::from);
                (begin(hour), slot.probes.into(), slot.up.into(), latency)
            })
            .collect(),
        paid: paid(connection, n)?,
        uptime,
    })
}

fn points(connection: &Connection, n: i64) -> Result<Vec<Point>, StoreError> {
    let mut query = connection.prepare_cached("SELECT * FROM points WHERE n = ? ORDER BY point")?;
    let mut rows = query.query([n])?;
    let mut points = Vec::new();
    while let Some(row) = rows.next()? {
        points.push(point(row)?);
    }
    Ok(points)
}

fn point(row: &Row<'_>) -> Result<Point, StoreError> {
    Ok(Point {
        at: time(row.get("at")?),
        state: state(row.get("state")?)?,
        price: row.get::<_, Option<i64>>("price")?.map(msat),
        node: row.get("node")?,
        reason: row.get("reason")?,
    })
}

fn paid(connection: &Connection, n: i64) -> Result<Vec<PaidPoint>, StoreError> {
    let mut query =
        connection.prepare_cached("SELECT * FROM paid WHERE n = ? ORDER BY at LIMIT ?")?;
    let rows = query.query_map([n, PAID_MAX], |row| {
        Ok(PaidPoint(PaidProbe {
            at: time(row.get("at")?),
            works: row.get("works")?,
            paid: msat(row.get("paid")?),
            latency_ms: row.get("latency")?,
            reason: row.get("reason")?,
        }))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
