//! Warnings that repeat, at most one a second of each kind.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The time between two warnings of one kind. A fault that lasts would fill the log.
const PAUSE: Duration = Duration::from_secs(1);

/// The last warning of one kind, and the failures that were not told since.
#[derive(Debug, Default)]
pub(crate) struct Warnings(Mutex<LastWarning>);

#[derive(Debug, Default)]
struct LastWarning {
    at: Option<Instant>,
    untold: u64,
}

impl Warnings {
    /// Notes a failure. Returns the number of failures before it that were not told, if this one is
    /// to be told; `None` if it comes too soon.
    pub(crate) fn failure(&self, now: Instant) -> Option<u64> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let soon = last.at.is_some_and(|at| now.duration_since(at) < PAUSE);
        if soon {
            last.untold += 1;
            return None;
        }
        last.at = Some(now);
        Some(std::mem::take(&mut last.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_warning_a_second_that_counts_the_others() {
        let (warnings, start) = (Warnings::default(), Instant::now());
        let at = |millis| warnings.failure(start + Duration::from_millis(millis));
        assert_eq!(at(0), Some(0));
        assert_eq!((at(1), at(999)), (None, None));
        assert_eq!(at(1000), Some(2));
        assert_eq!(at(1500), None);
        assert_eq!(at(9000), Some(1));
    }
}
