//! The tables `[health]` and `[route.health]`: how the gateway checks upstreams by itself.

use core::fmt;
use core::ops::RangeInclusive;
use core::str::FromStr;
use std::time::Duration;

use http::uri::PathAndQuery;

use super::section::Section;

/// Checks of an upstream by the gateway itself, off by default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HealthSettings {
    /// The path and query that are asked for, from the root of the upstream's server; empty for no
    /// checks.
    pub(crate) path: String,
    /// The time from one check to the next: 1 s to 1 h.
    pub(crate) every: Duration,
    /// The longest time of one check, connecting included: 1 s to 1 min.
    pub(crate) timeout: Duration,
    /// The number of checks in a row that bring an upstream back: 1 to 100.
    pub(crate) healthy: u32,
    /// The number of failed checks in a row that take an upstream away: 1 to 100.
    pub(crate) unhealthy: u32,
    /// The statuses of an answer that pass.
    pub(crate) status: StatusRange,
}

impl Default for HealthSettings {
    fn default() -> Self {
        Self {
            path: String::new(),
            every: Duration::from_secs(5),
            timeout: Duration::from_secs(2),
            healthy: 2,
            unhealthy: 3,
            status: StatusRange(200..=399),
        }
    }
}

impl HealthSettings {
    /// Returns true if upstreams are checked.
    pub(crate) fn is_on(&self) -> bool {
        !self.path.is_empty()
    }
}

/// The statuses of answers that pass a check, such as `200-399` or `204`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StatusRange(RangeInclusive<u16>);

impl StatusRange {
    /// Returns true if an answer with this status passes.
    pub(crate) fn contains(&self, status: http::StatusCode) -> bool {
        self.0.contains(&status.as_u16())
    }
}

/// The text is no range of statuses.
#[derive(Debug)]
pub(crate) struct StatusError;

impl fmt::Display for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no range of statuses; write \"200-399\", or one from 200 to 599")
    }
}

impl FromStr for StatusRange {
    type Err = StatusError;

    fn from_str(text: &str) -> Result<Self, StatusError> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let status = |text: &str| text.trim().parse::<u16>().map_err(|_| StatusError);
        let range = status(first)?..=status(last)?;
        // Answers below 200 are no last answers.
        if range.is_empty() || *range.start() < 200 || *range.end() > 599 {
            return Err(StatusError);
        }
        Ok(Self(range))
    }
}

/// Reads the table `health` of a file or of a route. A key that is missing has the value that it has
/// in `default`.
pub(super) fn read(parent: &Section<'_, '_>, default: &HealthSettings) -> HealthSettings {
    let Some(section) = parent.table("health") else {
        return default.clone();
    };
    let seconds = |key, default: Duration, max| {
        Duration::from_secs(section.number(key, default.as_secs(), 1..=max))
    };
    let count = |key, default: u32| {
        u32::try_from(section.number(key, default.into(), 1..=100)).unwrap_or(default)
    };
    let settings = HealthSettings {
        path: path(&section).unwrap_or_else(|| default.path.clone()),
        every: seconds("every_secs", default.every, 3600),
        timeout: seconds("timeout_secs", default.timeout, 60),
        healthy: count("healthy", default.healthy),
        unhealthy: count("unhealthy", default.unhealthy),
        status: section
            .parsed("status")
            .unwrap_or_else(|| default.status.clone()),
    };
    section.finish();
    settings
}

/// Reads the path, which is written into requests as it is.
fn path(section: &Section<'_, '_>) -> Option<String> {
    let path = section.text("path")?;
    let is_sound = path.is_empty() || (path.starts_with('/') && is_target(path));
    if !is_sound {
        section.wrong(
            "path",
            "no path; write path = \"/healthz\", or \"\" for no checks",
        );
    }
    is_sound.then(|| path.to_owned())
}

fn is_target(path: &str) -> bool {
    // A fragment would be left out without a word.
    let parsed = path.parse::<PathAndQuery>();
    parsed.is_ok_and(|parsed| parsed.as_str() == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_statuses_has_both_ends() {
        let passes = |range: &str, status: u16| {
            let status = http::StatusCode::from_u16(status).expect("a status");
            range.parse::<StatusRange>().expect(range).contains(status)
        };
        assert!(passes("200-399", 200) && passes("200-399", 399) && !passes("200-399", 400));
        assert!(passes("204", 204) && !passes("204", 200));
        for wrong in ["", "ok", "399-200", "100-200", "200-600", "2xx", "-"] {
            assert!(wrong.parse::<StatusRange>().is_err(), "{wrong}");
        }
    }
}
