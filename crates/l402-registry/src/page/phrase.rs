//! Numbers and times as people read them.

use std::time::Duration;

use l402::text::escape_within;
use l402::{Msat, UnixTime};
use maud::{Markup, html};

/// Returns an amount in sat with its unit, to the millisatoshi: `50 sat`, `1.5 sat`, `10,000 sat`.
pub(super) fn price(amount: Msat) -> String {
    let (sat, msat) = (amount.msat() / 1000, amount.msat() % 1000);
    let whole = count(sat);
    if msat == 0 {
        return format!("{whole} sat");
    }
    let fraction = format!("{msat:03}");
    format!("{whole}.{} sat", fraction.trim_end_matches('0'))
}

/// Returns a number with a comma before every third digit.
pub(super) fn count(number: u64) -> String {
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

/// Returns a number with its noun: `1 service`, `2 services`. The noun takes an `s`.
pub(super) fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(number))
}

/// Returns a part of a thousand as a percentage: `99.2 %`, `100 %`.
pub(super) fn percent(permille: u16) -> String {
    match permille % 10 {
        0 => format!("{} %", permille / 10),
        tenth => format!("{}.{tenth} %", permille / 10),
    }
}

/// Returns a duration of some milliseconds: `120 ms`, `1.2 s`.
pub(super) fn millis(millis: u32) -> String {
    if millis < 1000 {
        format!("{millis} ms")
    } else {
        format!("{}.{} s", millis / 1000, millis % 1000 / 100)
    }
}

/// Returns a duration in its largest unit: `40 s`, `4 min`, `3 h`, `5 days`.
pub(super) fn span(duration: Duration) -> String {
    let secs = duration.as_secs();
    match secs {
        0..60 => format!("{secs} s"),
        60..3600 => format!("{} min", secs / 60),
        3600..172_800 => format!("{} h", secs / 3600),
        _ => format!("{} days", count(secs / 86_400)),
    }
}

/// Returns the date of a time, in UTC: `2026-11-30`.
pub(super) fn date(time: UnixTime) -> String {
    time.to_rfc3339().chars().take(10).collect()
}

/// Returns date and minute of a time: `2026-11-30 20:17 UTC`.
pub(super) fn minute(time: UnixTime) -> String {
    let text = time.to_rfc3339().replace('T', " ");
    format!("{} UTC", text.get(..16).unwrap_or(&text))
}

/// Returns a time as its distance from now, with the time itself for machines and on hover.
pub(super) fn when(time: UnixTime, now: UnixTime) -> Markup {
    let distance = if time > now {
        format!("in {}", span(time.since(now)))
    } else if now.since(time) < Duration::from_secs(5) {
        "just now".to_owned()
    } else {
        format!("{} ago", span(now.since(time)))
    };
    html! { time datetime=(time.to_rfc3339()) title=(minute(time)) { (distance) } }
}

/// Returns a stranger's text as one line of at most so many characters. Characters that a reader does
/// not see are written out, and an ellipsis says that something was cut.
pub(super) fn line(text: &str, max_chars: usize) -> String {
    let mut shown = escape_within(text, max_chars);
    if text.chars().count() > max_chars {
        shown.push('…');
    }
    shown
}

/// Returns a stranger's text as one line for a list: so many characters at most, and twice as many bytes
/// once it is escaped, so that no text makes a list long.
pub(super) fn short(text: &str, max_chars: usize) -> String {
    let mut bytes = 0;
    let fits = text.chars().take_while(|c| {
        bytes += match c {
            '"' => "&quot;".len(),
            '&' => "&amp;".len(),
            '<' | '>' => "&lt;".len(),
            c => c.len_utf8(),
        };
        bytes <= 2 * max_chars
    });
    line(text, fits.count().min(max_chars))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_keep_every_millisatoshi() {
        let prices = [0, 1, 1500, 50_000, 10_000_000, 1_234_567_050];
        let texts = prices.map(|msat| price(Msat::new(msat)));
        let expected = [
            "0 sat",
            "0.001 sat",
            "1.5 sat",
            "50 sat",
            "10,000 sat",
            "1,234,567.05 sat",
        ];
        assert_eq!(texts, expected);
    }

    #[test]
    fn numbers_and_times_are_short() {
        assert_eq!(counted(1, "service"), "1 service");
        assert_eq!(counted(100_000, "service"), "100,000 services");
        assert_eq!(
            [percent(992), percent(1000), percent(0)],
            ["99.2 %", "100 %", "0 %"]
        );
        assert_eq!([millis(12), millis(1290)], ["12 ms", "1.2 s"]);
        let spans = [59, 60, 7200, 172_800].map(|secs| span(Duration::from_secs(secs)));
        assert_eq!(spans, ["59 s", "1 min", "2 h", "2 days"]);
        let time = UnixTime::from_secs(1_790_000_000);
        assert_eq!(
            (date(time), minute(time)),
            ("2026-09-21".into(), "2026-09-21 14:13 UTC".into())
        );
    }

    #[test]
    fn a_strangers_line_shows_what_is_hidden_and_what_was_cut() {
        assert_eq!(line("50 \u{202e}tas", 40), "50 \\u{202e}tas");
        assert_eq!(line("abcdef", 3), "abc…");
        assert_eq!(line("a\nb", 9), "a\\u{a}b");
    }
}
