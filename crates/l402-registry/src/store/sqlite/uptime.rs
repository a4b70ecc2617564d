//! The hours of a listing, and the uptime that follows from them.

use l402::UnixTime;
use rusqlite::{Connection, OptionalExtension, Row};

use super::row::NO_VALUE;
use super::slots::{Day, Slot, hour_of};
use crate::listing::Uptime;

/// The hours of a month, as far as they are shown and counted.
pub(super) const MONTH: i64 = 30 * 24;

/// Reads a day of a listing.
pub(super) fn day(connection: &Connection, n: i64, number: i64) -> rusqlite::Result<Option<Day>> {
    connection
        .prepare_cached("SELECT slots, hour, samples FROM days WHERE n = ? AND day = ?")?
        .query_row([n, number], |row| {
            Ok(Day {
                slots: row.get(0)?,
                hour: row.get(1)?,
                samples: row.get(2)?,
            })
        })
        .optional()
}

/// Returns the hours of the last 30 days that had probes, the oldest first, by their number since 1970.
pub(super) fn hours(
    connection: &Connection,
    n: i64,
    now: UnixTime,
) -> rusqlite::Result<Vec<(i64, Slot)>> {
    let last = hour_of(now);
    let first = last - MONTH + 1;
    let mut query = connection.prepare_cached(
        "SELECT day, slots FROM days WHERE n = ? AND day BETWEEN ? AND ? ORDER BY day",
    )?;
    let rows = query.query_map([n, first.div_euclid(24), last / 24], numbered)?;
    let mut hours = Vec::new();
    for row in rows {
        let (number, day) = row?;
        let slots = (0..24).map(|hour| (number * 24 + hour, day.slot(hour)));
        hours.extend(slots.filter(|(hour, slot)| slot.probes > 0 && (first..=last).contains(hour)));
    }
    Ok(hours)
}

fn numbered(row: &Row<'_>) -> rusqlite::Result<(i64, Day)> {
    let day = Day {
        slots: row.get(1)?,
        ..Day::default()
    };
    Ok((row.get(0)?, day))
}

/// Returns the uptime of a listing at this time.
pub(super) fn of(connection: &Connection, n: i64, now: UnixTime) -> rusqlite::Result<Uptime> {
    Ok(of_hours(&hours(connection, n, now)?, now))
}

/// Returns the uptime that follows from the hours of a month.
pub(super) fn of_hours(hours: &[(i64, Slot)], now: UnixTime) -> Uptime {
    let last = hour_of(now);
    let of = |span: i64| {
        let newest = hours.iter().filter(|(hour, _)| *hour > last - span);
        let (probes, up) = newest.fold((0_u64, 0_u64), |(probes, up), (_, slot)| {
            (probes + u64::from(slot.probes), up + u64::from(slot.up))
        });
        u16::try_from((up * 1000).checked_div(probes)?).ok()
    };
    Uptime {
        day: of(24),
        week: of(7 * 24),
        month: of(MONTH),
    }
}

/// Removes uptimes from the lists whose span has passed since the last probe: of a service that is not probed
/// any more, nobody knows if it is up.
pub(super) fn forget_old(connection: &Connection, now: UnixTime) -> rusqlite::Result<()> {
    let [day, week, month] = [24, 7 * 24, MONTH].map(|span| (hour_of(now) - span + 1) * 3600);
    connection
        .execute(
            "UPDATE listings SET up_day = iif(last_probe < ?1, NULL, up_day), \
             up_week = iif(last_probe < ?2, NULL, up_week), \
             by_uptime = iif(last_probe < ?3, ?4, by_uptime) \
             WHERE (last_probe < ?1 AND up_day IS NOT NULL) \
             OR (last_probe < ?2 AND up_week IS NOT NULL) OR (last_probe < ?3 AND by_uptime != ?4)",
            [day, week, month, NO_VALUE],
        )
        .map(drop)
}
