//! Writing of what a probe has found.

use l402::UnixTime;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::listings::existing;
use super::row::{NO_VALUE, SeenText, amount, form_bits, key, secs, to_json};
use super::slots::{Day, hour_of};
use super::uptime;
use crate::listing::{Health, ListingId, Observed, PaidProbe, State};
use crate::store::{Probed, StoreError};

/// The changes of a listing that are kept.
const POINTS_MAX: i64 = 500;

/// The paid probes of a listing that are kept.
pub(super) const PAID_MAX: i64 = 100;

/// Records a probe.
pub(super) fn record(
    connection: &Connection,
    id: ListingId,
    probed: &Probed,
) -> Result<(), StoreError> {
    let n = existing(connection, id)?.n;
    write_health(connection, n, &probed.health, probed.no_probe)?;
    if let Some(observed) = &probed.observed {
        write_observed(connection, n, observed)?;
    }
    add_point(connection, n, probed)?;
    count(connection, n, probed)
}

fn write_health(
    connection: &Connection,
    n: i64,
    health: &Health,
    no_probe: bool,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE listings SET state = ?, reason = ?, since = ?, failures = ?, last_probe = ?, \
             next_probe = ?, no_probe_seen = ? WHERE n = ?",
        )?
        .execute(params![
            health.state.name(),
            health.reason.as_ref().map(to_json).transpose()?,
            secs(health.since),
            health.failures,
            health.last_probe.map(secs),
            health.next_probe.map(secs),
            no_probe,
            n
        ])?;
    Ok(())
}

fn write_observed(connection: &Connection, n: i64, seen: &Observed) -> Result<(), StoreError> {
    // Each name stands between line feeds, so that a search for one finds no part of another.
    let clients: String = seen.clients.iter().map(|it| format!("{it}\n")).collect();
    let clients = if clients.is_empty() {
        clients
    } else {
        format!("\n{clients}")
    };
    connection
        .prepare_cached(
            "UPDATE listings SET seen_at = ?, by_price = ?, network = ?, forms = ?, node = ?, \
             by_latency = ?, clients = ? WHERE n = ?",
        )?
        .execute(params![
            secs(seen.at),
            seen.price.map_or(NO_VALUE, amount),
            seen.network.map(|it| it.name()),
            form_bits(&seen.forms),
            seen.node,
            seen.latency_ms,
            clients,
            n
        ])?;
    let text = SeenText {
        expiry_secs: seen.expiry_secs,
        payment_hash: seen.payment_hash.map(|it| it.to_string()),
        hash_matches: seen.hash_matches,
        tls_until: seen.tls_until.map(UnixTime::secs),
        evidence: seen.evidence.clone(),
    };
    connection
        .prepare_cached("UPDATE details SET seen = ? WHERE n = ?")?
        .execute(params![to_json(&text)?, n])?;
    Ok(())
}

/// A point as it is compared: state, price, node.
type Compared = (String, Option<i64>, Option<[u8; 33]>);

fn compared(row: &Row<'_>) -> rusqlite::Result<Compared> {
    Ok((row.get("state")?, key(row, "price")?, row.get("node")?))
}

/// Begins a new point of the history, if the listing is not as its last point has it.
fn add_point(connection: &Connection, n: i64, probed: &Probed) -> Result<(), StoreError> {
    let now = connection
        .prepare_cached("SELECT state, by_price AS price, node FROM listings WHERE n = ?")?
        .query_row([n], compared)?;
    let last = connection
        .prepare_cached(
            "SELECT state, coalesce(price, 9223372036854775807) AS price, node FROM points WHERE n = ? ORDER BY point DESC LIMIT 1",
        )?
        .query_row([n], compared)
        .optional()?;
    // A point is a change. What stays as it was is counted by the hour and needs none.
    if last.as_ref() == Some(&now) {
        return Ok(());
    }
    let reason = probed.health.reason.as_ref().map(|it| &it.code);
    connection
        .prepare_cached(
            "INSERT INTO points (n, at, state, price, node, reason) VALUES (?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![n, secs(probed.at), now.0, now.1, now.2, reason])?;
    connection
        .prepare_cached(
            "DELETE FROM points WHERE n = ?1 AND point <= \
             (SELECT point FROM points WHERE n = ?1 ORDER BY point DESC LIMIT 1 OFFSET ?2)",
        )?
        .execute([n, POINTS_MAX])?;
    Ok(())
}

/// Counts a probe in its hour, and brings the uptime of the lists up to date. A host that does not want
/// probes was not asked, so it was neither up nor down.
fn count(connection: &Connection, n: i64, probed: &Probed) -> Result<(), StoreError> {
    if !probed.no_probe {
        count_in_hour(connection, n, probed)?;
    }
    let uptime = uptime::of(connection, n, probed.at)?;
    // The part that was down, so that the best comes first in the ascending order of the index.
    let month = uptime.month.map_or(NO_VALUE, |up| 1000 - i64::from(up));
    connection
        .prepare_cached("UPDATE listings SET up_day = ?, up_week = ?, by_uptime = ? WHERE n = ?")?
        .execute(params![uptime.day, uptime.week, month, n])?;
    Ok(())
}

fn count_in_hour(connection: &Connection, n: i64, probed: &Probed) -> Result<(), StoreError> {
    let hour = hour_of(probed.at);
    let (day_number, hour_of_day) = (hour / 24, hour % 24);
    let mut day = uptime::day(connection, n, day_number)?.unwrap_or_default();
    let latency_ms = probed.observed.as_ref().map(|seen| seen.latency_ms);
    day.count(hour_of_day, is_up(&probed.health), latency_ms);
    write_day(connection, n, day_number, &day)?;
    connection
        .prepare_cached(
            "INSERT INTO probes VALUES (?, 1) ON CONFLICT DO UPDATE SET probes = probes + 1",
        )?
        .execute([hour])?;
    Ok(())
}

/// Returns true if this probe found the service up or degraded. A failure before the third leaves the
/// state as it was.
fn is_up(health: &Health) -> bool {
    health.failures == 0 && matches!(health.state, State::Up | State::Degraded)
}

fn write_day(connection: &Connection, n: i64, number: i64, day: &Day) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO days VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT DO UPDATE SET slots = ?3, hour = ?4, samples = ?5",
        )?
        .execute(params![n, number, day.slots, day.hour, day.samples])
        .map(drop)
}

/// Records a paid probe.
pub(super) fn record_paid(
    connection: &Connection,
    id: ListingId,
    paid: &PaidProbe,
) -> Result<(), StoreError> {
    let n = existing(connection, id)?.n;
    let (at, msat) = (secs(paid.at), amount(paid.paid));
    connection
        .prepare_cached("INSERT OR REPLACE INTO paid VALUES (?, ?, ?, ?, ?, ?)")?
        .execute(params![
            n,
            at,
            paid.works,
            msat,
            paid.latency_ms,
            paid.reason
        ])?;
    connection
        .prepare_cached(
            "DELETE FROM paid WHERE n = ?1 AND at <= \
             (SELECT at FROM paid WHERE n = ?1 ORDER BY at DESC LIMIT 1 OFFSET ?2)",
        )?
        .execute([n, PAID_MAX])?;
    // A result that comes late is history alone.
    connection
        .prepare_cached(
            "UPDATE listings SET paid_at = ?1, paid_works = ?2, paid_msat = ?3, paid_latency = ?4, \
             paid_reason = ?5 WHERE n = ?6 AND coalesce(paid_at, 0) <= ?1",
        )?
        .execute(params![
            at,
            paid.works,
            msat,
            paid.latency_ms,
            paid.reason,
            n
        ])?;
    Ok(())
}

/// Sets the time of the next probe.
pub(super) fn schedule(
    connection: &Connection,
    id: ListingId,
    next: Option<UnixTime>,
) -> Result<(), StoreError> {
    let changed = connection
        .prepare_cached("UPDATE listings SET next_probe = ? WHERE id = ?")?
        .execute(params![next.map(secs), id.as_bytes()])?;
    if changed == 0 {
        return Err(StoreError::NotFound);
    }
    Ok(())
}
