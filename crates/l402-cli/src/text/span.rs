//! Spans of time as people write them on the command line.

use core::time::Duration;

/// Reads a time of [`time`] that is not zero.
///
/// # Errors
/// As [`time`].
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    time(text).and_then(|time| {
        let positive = Some(time).filter(|time| !time.is_zero());
        positive.ok_or_else(|| NO_TIME.to_owned())
    })
}

const NO_TIME: &str = "write a positive time, such as 500ms, 30s, 2m or 1h";

/// Reads `500ms`, `30s`, `2m`, `1h`, and a bare number of seconds with a fraction, as curl has it.
///
/// # Errors
/// A text that shows the forms that are understood.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    let split = text
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let scale = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err("unknown unit; write 500ms, 30s, 2m or 1h".to_owned()),
    };
    // `f64` would also take `1e9`, `inf` and a sign.
    let plain = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let seconds = number
        .parse::<f64>()
        .ok()
        .filter(|_| plain)
        .map(|n| n * scale);
    seconds
        .and_then(|secs| Duration::try_from_secs_f64(secs).ok())
        .ok_or_else(|| NO_TIME.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units_or_are_seconds() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2"), Ok(Duration::from_secs(2)));
        assert_eq!(duration("1.5"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for bad in ["", "-1", "0", "1y", "s", "1e400", "1 s", "inf"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
        assert_eq!(time("0"), Ok(Duration::ZERO));
        assert_eq!(time("0.0s"), Ok(Duration::ZERO));
        assert!(time("-0").is_err());
    }
}
