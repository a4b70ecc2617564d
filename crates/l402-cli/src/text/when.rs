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
