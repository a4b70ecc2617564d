//! Warnings that repeat, at most one in ten seconds.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The time between two warnings. Callers must not be able to fill the log.
const PAUSE: Duration = Duration::from_secs(10);

/// The moment of the last warning of one kind. All times are monotonic.
#[derive(Debug, Default)]
pub(crate) struct Seldom(Mutex<Option<Duration>>);

impl Seldom {
    /// Returns true if a warning is due, and counts it as told.
    pub(crate) fn is_due(&self, now: Duration) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|at| now >= at.saturating_add(PAUSE));
        if is_due {
            *last = Some(now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_warning_in_ten_seconds() {
        let (seldom, at) = (Seldom::default(), Duration::from_millis);
        let told = [0, 1, 9_999, 10_000, 10_001, 60_000].map(|ms| seldom.is_due(at(ms)));
        assert_eq!(told, [true, false, false, true, false, true]);
    }
}
