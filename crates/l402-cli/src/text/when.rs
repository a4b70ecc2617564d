//! Points and spans of time, as people read them.

use core::time::Duration;

use l402::UnixTime;

/// Returns date and time in UTC, such as `2026-11-21 09:30:00`.
pub(crate) fn utc(time: UnixTime) -> String {
    time.to_rfc3339().replace('T', " ").replace('Z', "")
}

/// Returns the time left, such as `in 1 h 0 min`, or `expired`.
pub(crate) fn left(until: UnixTime, now: UnixTime) -> String {
    if until <= now {
        "expired".to_owned()
    } else {
        format!("in {}", span(until.since(now)))
    }
}

/// Returns a span of time with two units at most: `45 s`, `12 min`, `3 h 5 min`, `2 d 4 h`.
pub(crate) fn span(time: Duration) -> String {
    let secs = time.as_secs();
    match secs {
        0..120 => format!("{secs} s"),
        120..7200 => format!("{} min", secs / 60),
        7200..172_800 => format!("{} h {} min", secs / 3600, secs / 60 % 60),
        _ => format!("{} d {} h", secs / 86_400, secs / 3600 % 24),
    }
}

/// Returns the day in UTC, such as `2026-11-21`.
#[cfg(feature = "buy")]
pub(crate) fn day(time: UnixTime) -> String {
    time.to_rfc3339().chars().take(10).collect()
}

/// Returns the time of the day in UTC, such as `14:05`, with the date before it unless it is that of
/// `now`.
#[cfg(feature = "buy")]
pub(crate) fn clock(time: UnixTime, now: UnixTime) -> String {
    let text: String = utc(time).chars().take(16).collect();
    match text.split_once(' ') {
        Some((date, clock)) if date == day(now) => clock.to_owned(),
        _ => text,
    }
}

/// A point in time as people write it: `2026-11-21`, `2026-11-21T09:30:00Z`, or a span before or after
/// now: `90m`, `12h`, `7d`, `4w`.
#[cfg(any(feature = "buy", feature = "sell"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    At(UnixTime),
    Span(Duration),
}

#[cfg(any(feature = "buy", feature = "sell"))]
impl core::str::FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let whole = format!("{text}T00:00:00Z");
        if let Some(time) = [text, &whole]
            .into_iter()
            .find_map(|it| UnixTime::from_rfc3339(it).ok())
        {
            return Ok(Self::At(time));
        }
        let days = |number: &str, days: u64| {
            let number: u64 = number.parse().ok().filter(|number| *number > 0)?;
            number.checked_mul(days * 86_400).map(Duration::from_secs)
        };
        let span = match (text.strip_suffix('d'), text.strip_suffix('w')) {
            (Some(number), _) => days(number, 1),
            (_, Some(number)) => days(number, 7),
            _ => super::span::duration(text).ok(),
        };
        span.map(Self::Span).ok_or_else(|| {
            "write a date (2026-11-21 or 2026-11-21T09:30:00Z, in UTC) or a span (90m, 12h, 7d, 4w)"
                .to_owned()
        })
    }
}

#[cfg(any(feature = "buy", feature = "sell"))]
impl Moment {
    /// Returns the point in time, a span being so long before `now`.
    pub(crate) fn before(self, now: UnixTime) -> UnixTime {
        match self {
            Self::At(time) => time,
            Self::Span(span) => UnixTime::from_secs(now.secs().saturating_sub(span.as_secs())),
        }
    }

    /// Returns the point in time, a span being so long after `now`.
    #[cfg(feature = "buy")]
    pub(crate) fn after(self, now: UnixTime) -> UnixTime {
        match self {
            Self::At(time) => time,
            Self::Span(span) => now.saturating_add(span),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (secs, text) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_400, "2000-02-29 00:00:00"),
            (1_790_000_000, "2026-09-21 14:13:20"),
            (4_107_542_399, "2100-02-28 23:59:59"),
            (4_107_542_400, "2100-03-01 00:00:00"),
        ] {
            assert_eq!(utc(UnixTime::from_secs(secs)), text);
        }
    }

    #[cfg(feature = "buy")]
    #[test]
    fn a_moment_is_a_date_or_a_span_from_now() {
        let now = UnixTime::from_secs(1_790_000_000);
        for (text, before, after) in [
            ("2026-09-21", 1_789_948_800, 1_789_948_800),
            ("2026-09-21T14:13:20Z", 1_790_000_000, 1_790_000_000),
            ("1h", 1_789_996_400, 1_790_003_600),
            ("7d", 1_789_395_200, 1_790_604_800),
            ("1w", 1_789_395_200, 1_790_604_800),
        ] {
            let moment: Moment = text.parse().expect(text);
            let both = (moment.before(now).secs(), moment.after(now).secs());
            assert_eq!(both, (before, after), "{text}");
        }
        for bad in ["", "7", "0d", "-1d", "1y", "2026-13-01", "yesterday"] {
            // A bare number is seconds, as everywhere.
            assert_eq!(bad.parse::<Moment>().is_ok(), bad == "7", "{bad}");
        }
        let later = UnixTime::from_secs(now.secs() + 86_400);
        assert_eq!(clock(now, now), "14:13");
        assert_eq!(clock(later, now), "2026-09-22 14:13");
    }

    #[test]
    fn spans_have_two_units_at_most() {
        for (secs, text) in [
            (59, "59 s"),
            (600, "10 min"),
            (7500, "2 h 5 min"),
            (176_400, "2 d 1 h"),
        ] {
            assert_eq!(span(Duration::from_secs(secs)), text);
        }
        assert_eq!(
            left(UnixTime::from_secs(5), UnixTime::from_secs(5)),
            "expired"
        );
    }
}
