//! Wall-clock time: the seconds of L402 caveats, and the RFC 3339 form of documents. No clock is
//! read here; the current time is always an argument.

use core::fmt;
use core::time::Duration;

/// A point in time, in whole seconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(u64);

impl UnixTime {
    /// Makes a time from seconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs)
    }

    /// Returns the seconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn secs(self) -> u64 {
        self.0
    }

    /// Adds the whole seconds of `duration`. Saturates at [`u64::MAX`] seconds.
    #[must_use]
    pub const fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration.as_secs()))
    }

    /// Returns the time from `earlier` to this one, or zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_secs(self.0.saturating_sub(earlier.0))
    }

    /// Returns date and time in UTC, to the second, in the form of RFC 3339 section 5.6.
    ///
    /// ```
    /// use l402::UnixTime;
    ///
    /// let time = UnixTime::from_secs(1_790_000_000);
    /// assert_eq!(time.to_rfc3339(), "2026-09-21T14:13:20Z");
    /// ```
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        let (year, month, day) = date_of(self.0 / DAY);
        let secs = self.0 % DAY;
        let (hour, minute, second) = (secs / 3600, secs / 60 % 60, secs % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }

    /// Reads date and time in the form of RFC 3339 section 5.6. Drops fractions of a second, and
    /// converts an offset such as `+02:00` to UTC.
    ///
    /// ```
    /// use l402::UnixTime;
    ///
    /// let time = UnixTime::from_rfc3339("2026-09-21T16:13:20.5+02:00")?;
    /// assert_eq!(time, UnixTime::from_secs(1_790_000_000));
    /// # Ok::<(), l402::TimeError>(())
    /// ```
    ///
    /// # Errors
    /// [`TimeError`] if the text has another form, names no date of the calendar, or lies before
    /// 1970.
    pub fn from_rfc3339(text: &str) -> Result<Self, TimeError> {
        read(text).ok_or(TimeError)
    }
}

/// The error for a text that is no RFC 3339 date and time, or one before 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeError;

impl fmt::Display for TimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a time such as 2026-09-21T14:13:20Z")
    }
}

impl core::error::Error for TimeError {}

impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The seconds in a day.
const DAY: u64 = 86_400;
/// The days in 400 years, after which the Gregorian calendar repeats.
const ERA: u64 = 146_097;
/// The days from 1 March of the year 0 to 1970-01-01.
const BEFORE_1970: u64 = 719_468;

/// Returns year, month and day of a day that is counted from 1970-01-01.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "a day is at most 2^64 / 86,400, and each difference is of a number and its part"
)]
const fn date_of(days: u64) -> (u64, u64, u64) {
    // Years begin in March here, so that the leap day is the last of its year.
    let days = days + BEFORE_1970;
    let (era, day) = (days / ERA, days % ERA);
    let leap_days = day / 1460 + day / 146_096 - day / 36_524;
    let year = (day - leap_days) / 365;
    let day = day - days_before(year);
    // From March on, five months in a row have 153 days, so this line, rounded down, is the month.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (era * 400 + year + next, month, day)
}

/// Returns the day counted from 1970-01-01, or `None` if the calendar has no such date or if it is
/// before 1970.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "each number has at most four digits"
)]
fn day_of(year: u64, month: u64, day: u64) -> Option<u64> {
    let (from_march, year_from_march) = if month > 2 {
        (month - 3, year)
    } else {
        (month + 9, year.checked_sub(1)?)
    };
    let (era, year_of_era) = (year_from_march / 400, year_from_march % 400);
    let before = era * ERA + days_before(year_of_era) + (153 * from_march + 2) / 5;
    let days = (before + day).checked_sub(BEFORE_1970 + 1)?;
    // A day beyond the end of its month comes back as a day of the next month.
    (date_of(days) == (year, month, day)).then_some(days)
}

/// Returns the days of an era before `year`, counted within the era. Years begin in March.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "a year of an era is below 400"
)]
const fn days_before(year: u64) -> u64 {
    365 * year + year / 4 - year / 100
}

/// Reads a date, a separator, a time of day and an offset from UTC.
fn read(text: &str) -> Option<UnixTime> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    // The offset is required: local time of an unknown place is no point in time.
    let zone = time.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = time.split_at_checked(zone)?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    // A leap second (RFC 3339 section 5.7) counts as the first second of the next minute.
    if hour > 23 || minute > 59 || second > 60 || !is_digits(fraction) {
        return None;
    }
    let secs = day_of(year, month, day)?
        .checked_mul(DAY)?
        .checked_add(hour.checked_mul(3600)?)?
        .checked_add(minute.checked_mul(60)?)?
        .checked_add(second)?;
    shift(secs, zone).map(UnixTime)
}

/// Converts local seconds to UTC by subtracting the offset: `Z`, `+02:00` or `-13:30`.
fn shift(secs: u64, zone: &str) -> Option<u64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(secs);
    }
    let (sign, offset) = zone.split_at_checked(1)?;
    let [hours, minutes] = numbers(offset, ':', [2, 2])?;
    if hours > 23 || minutes > 59 {
        return None;
    }
    let offset = hours
        .checked_mul(3600)?
        .checked_add(minutes.checked_mul(60)?)?;
    match sign {
        "+" => secs.checked_sub(offset),
        _ => secs.checked_add(offset),
    }
}

/// Reads numbers between separators, each of exactly as many digits as `digits` says.
fn numbers<const N: usize>(text: &str, separator: char, digits: [usize; N]) -> Option<[u64; N]> {
    let mut parts = text.split(separator);
    let mut found = [0; N];
    for (number, digits) in found.iter_mut().zip(digits) {
        let part = parts.next()?;
        if part.len() != digits || !is_digits(part) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(found)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (secs, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (1_790_000_000, "2026-09-21T14:13:20Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            let time = UnixTime::from_secs(secs);
            assert_eq!(time.to_rfc3339(), text);
            assert_eq!(UnixTime::from_rfc3339(text), Ok(time));
        }
        let end = UnixTime::from_secs(u64::MAX);
        assert_eq!(end.to_rfc3339(), "584554051223-11-09T07:00:15Z");
    }

    #[test]
    fn every_day_of_four_hundred_years_is_read_as_it_is_written() {
        for days in 0..ERA {
            let time = UnixTime::from_secs(days * DAY);
            assert_eq!(UnixTime::from_rfc3339(&time.to_rfc3339()), Ok(time));
        }
    }

    #[test]
    fn offsets_and_fractions_are_read() {
        for text in [
            "2026-09-21t14:13:20.999z",
            "2026-09-21 16:13:20+02:00",
            "2026-09-21T00:43:20-13:30",
        ] {
            let time = UnixTime::from_rfc3339(text);
            assert_eq!(time, Ok(UnixTime::from_secs(1_790_000_000)), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "1790000000",
            "2026-09-21",
            "2026-09-21T14:13:20",
            "2026-9-21T14:13:20Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-10T00:00:00Z",
            "2026-04-00T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-04-30T24:00:00Z",
            "2026-04-30T00:00:00.Z",
            "2026-04-30T00:00:00+0200",
            "2026-04-30T00:00:00Z ",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+00:01",
            "0000-01-01T00:00:00Z",
            "é026-01-01T00:00:00Z",
        ] {
            assert_eq!(UnixTime::from_rfc3339(text), Err(TimeError), "{text}");
        }
    }
}
