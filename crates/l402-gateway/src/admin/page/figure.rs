//! Numbers, amounts and times as text for people.

use std::time::Duration;

use l402::UnixTime;
use maud::{Markup, html};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Returns a number with a comma between its thousands.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns millisatoshi as satoshi. Fractions show below 100 sat alone, to the millisatoshi.
pub(super) fn sat_text(msat: u64) -> String {
    let (sat, fraction) = (msat / 1000, msat % 1000);
    if fraction == 0 || sat >= 100 {
        return thousands(sat);
    }
    let fraction = format!("{fraction:03}");
    format!("{sat}.{}", fraction.trim_end_matches('0'))
}

/// Shows millisatoshi as satoshi with their unit.
pub(super) fn sat(msat: u64) -> Markup {
    html! { span.amount { (sat_text(msat)) " " span.unit { "sat" } } }
}

/// Returns `part` of `whole` in percent, `–` of nothing.
pub(super) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    let permille = u128::from(part) * 1000 / u128::from(whole);
    match (permille / 10, permille % 10) {
        (whole @ 10.., _) | (whole, 0) => format!("{whole} %"),
        (whole, tenth) => format!("{whole}.{tenth} %"),
    }
}

/// Returns by how much `now` is above or below `before`, such as `+12 %`; `None` without a `before`.
pub(super) fn change(now: u64, before: u64) -> Option<String> {
    if before == 0 {
        return None;
    }
    let (sign, by) = if now < before {
        ('−', before - now)
    } else {
        ('+', now - before)
    };
    let percent = (u128::from(by) * 100 + u128::from(before) / 2) / u128::from(before);
    Some(match percent {
        0 => "±0 %".to_owned(),
        1..=999 => format!("{sign}{percent} %"),
        // A multiple is read more easily.
        _ => format!("{sign}{}×", percent / 100),
    })
}

/// Returns a duration with two digits that count.
pub(super) fn duration(time: Duration) -> String {
    let micros = time.as_micros();
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..10_000 => format!("{}.{} ms", micros / 1_000, micros / 100 % 10),
        10_000..1_000_000 => format!("{} ms", micros / 1_000),
        1_000_000..60_000_000 => format!("{}.{} s", micros / 1_000_000, micros / 100_000 % 10),
        _ => span(time.as_secs()),
    }
}

/// Returns a number of seconds in its largest unit.
pub(super) fn span(secs: u64) -> String {
    match secs {
        0..MINUTE => format!("{secs} s"),
        MINUTE..HOUR => format!("{} min", secs / MINUTE),
        HOUR..DAY => format!("{} h", secs / HOUR),
        DAY.. => format!("{} d", secs / DAY),
    }
}

/// Returns a rate a second with one decimal below 10; `–` if it is not known.
pub(super) fn rate(per_second: Option<f64>) -> String {
    match per_second {
        None => "–".to_owned(),
        Some(rate) if rate < 9.95 => format!("{rate:.1}"),
        Some(rate) => format!("{rate:.0}"),
    }
}

/// Shows a time in UTC.
pub(super) fn when(time: UnixTime) -> Markup {
    let exact = time.to_rfc3339();
    let text = exact.get(..16).unwrap_or(&exact).replace('T', " ");
    html! { time datetime=(exact) { (text) } }
}

/// Shows how long ago a time was, with the time itself for a pointer.
pub(super) fn ago(time: UnixTime, now: UnixTime) -> Markup {
    let exact = time.to_rfc3339();
    let text = match now.secs().saturating_sub(time.secs()) {
        0..5 => "just now".to_owned(),
        secs => format!("{} ago", span(secs)),
    };
    html! { time datetime=(exact) title=(exact) { (text) } }
}

/// Returns the day of a time as `Nov 30`.
pub(super) fn day(time: UnixTime) -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let exact = time.to_rfc3339();
    let month = exact.get(5..7).and_then(|text| text.parse::<usize>().ok());
    let name = month.and_then(|month| MONTHS.get(month.checked_sub(1)?));
    match (name, exact.get(8..10)) {
        (Some(name), Some(day)) => format!("{name} {}", day.trim_start_matches('0')),
        _ => exact,
    }
}

/// Returns the time of day as `14:00`.
pub(super) fn clock(time: UnixTime) -> String {
    let exact = time.to_rfc3339();
    exact.get(11..16).unwrap_or(&exact).to_owned()
}

/// Returns a count with the word for it, such as `1 payment` and `2 payments`.
pub(super) fn counted(count: u64, one: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{} {one}{s}", thousands(count))
}

/// Returns text of strangers on one line, without characters that nobody sees, shortened to `most`.
pub(super) fn line(text: &str, most: usize) -> String {
    l402::text::escape_within(text, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_amounts_exact() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_000), "1,000");
        assert_eq!(thousands(21_000_000), "21,000,000");
        assert_eq!(sat_text(50_000), "50");
        assert_eq!(sat_text(1_500), "1.5");
        assert_eq!(sat_text(1), "0.001");
        assert_eq!(sat_text(1_234_567_890), "1,234,567");
    }

    #[test]
    fn shares_and_changes_say_nothing_of_nothing() {
        assert_eq!(percent(1, 0), "–");
        assert_eq!(percent(1, 3), "33 %");
        assert_eq!(percent(21, 1000), "2.1 %");
        assert_eq!(change(5, 0), None);
        assert_eq!(change(112, 100).as_deref(), Some("+12 %"));
        assert_eq!(change(0, 100).as_deref(), Some("−100 %"));
        assert_eq!(change(5_000, 100).as_deref(), Some("+49×"));
        assert!(change(u64::MAX, 1).is_some());
    }

    #[test]
    fn times_are_short() {
        assert_eq!(duration(Duration::from_micros(850)), "850 µs");
        assert_eq!(duration(Duration::from_micros(3_210)), "3.2 ms");
        assert_eq!(duration(Duration::from_millis(1_420)), "1.4 s");
        assert_eq!(span(7_300), "2 h");
        let time = UnixTime::from_rfc3339("2026-12-01T09:05:00Z").unwrap();
        assert_eq!(day(time), "Dec 1");
        assert_eq!(clock(time), "09:05");
    }
}
