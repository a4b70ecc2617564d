//! Failures, attempts and checks of one upstream, and the status that follows from them. Nothing here
//! connects to anything: see `health`.

use core::fmt::Display;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::config::HealthSettings;
use crate::notice::Notices;
use crate::warning::Warnings;

/// The number of failures in a row that make an upstream suspect.
pub(super) const PATIENCE: u32 = 2;

/// The time between two attempts of the gateway's own.
const PAUSE: Duration = Duration::from_secs(1);

/// The status of an upstream, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum UpstreamStatus {
    Up,
    /// Failed twice in a row, and not yet looked at.
    Suspect,
    Down,
}

/// The failures of one upstream, for the whole process.
#[derive(Debug)]
pub(super) struct Health {
    /// The failures in a row.
    pub(super) failures: AtomicU32,
    /// The [`UpstreamStatus`] as a number. Read for each request, and so kept outside of the lock.
    status: AtomicU8,
    findings: Mutex<Findings>,
    warnings: Warnings,
    pub(super) notices: Notices,
}

/// The results of attempts and checks.
#[derive(Debug)]
pub(super) struct Findings {
    /// The begin of the last attempt to connect that says something about the upstream.
    begun: Option<Instant>,
    failed: bool,
    pub(super) checks: Checks,
    /// True if the log says that the upstream is down.
    told: bool,
    pub(super) since: Instant,
    pub(super) last_error: Option<String>,
}

/// The results of checks. All of it stays as it is while there are none.
#[derive(Debug, Default)]
pub(super) struct Checks {
    /// True after the first check.
    begun: bool,
    pub(super) failing: bool,
    /// The results in a row that contradict `failing`.
    against: u32,
}

impl Checks {
    /// Counts a result. The first one decides at once: nothing else is known yet.
    fn count(&mut self, passed: bool, settings: &HealthSettings) {
        let first = !core::mem::replace(&mut self.begun, true);
        if passed != self.failing {
            self.against = 0;
            return;
        }
        self.against += 1;
        let enough = if passed {
            settings.healthy
        } else {
            settings.unhealthy
        };
        if first || self.against >= enough {
            (self.failing, self.against) = (!passed, 0);
        }
    }
}

impl Health {
    pub(super) fn new(notices: Notices) -> Self {
        Self {
            failures: AtomicU32::new(0),
            status: AtomicU8::new(0),
            findings: Mutex::new(Findings {
                begun: None,
                failed: false,
                checks: Checks::default(),
                told: false,
                since: Instant::now(),
                last_error: None,
            }),
            warnings: Warnings::default(),
            notices,
        }
    }

    pub(super) fn status(&self) -> UpstreamStatus {
        match self.status.load(Ordering::Relaxed) {
            0 => UpstreamStatus::Up,
            1 => UpstreamStatus::Suspect,
            _ => UpstreamStatus::Down,
        }
    }

    pub(super) fn has_failed_often(&self) -> bool {
        self.failures.load(Ordering::Relaxed) >= PATIENCE
    }

    /// Writes down the status that follows from the findings.
    fn update(&self, findings: &mut Findings, now: Instant) {
        let status = if findings.checks.failing {
            UpstreamStatus::Down
        } else if !self.has_failed_often() {
            UpstreamStatus::Up
        } else if findings.failed {
            UpstreamStatus::Down
        } else {
            UpstreamStatus::Suspect
        };
        if status != self.status() {
            self.status.store(status as u8, Ordering::Relaxed);
            findings.since = now;
        }
    }

    /// Begins an attempt, if the last one was long enough ago.
    ///
    /// # Errors
    /// It is too early, or only a check can tell. The upstream is down if the error is true.
    pub(super) fn begin(&self, now: Instant) -> Result<(), bool> {
        let mut findings = self.findings();
        let is_early = findings.begun.is_some_and(|begun| now - begun < PAUSE);
        if is_early || findings.checks.failing {
            return Err(findings.failed || findings.checks.failing);
        }
        findings.begun = Some(now);
        Ok(())
    }

    /// Notes a failure of a request that is no attempt.
    pub(super) fn request_failed(&self, now: Instant, why: &dyn Display) {
        let mut findings = self.findings();
        findings.last_error = Some(why.to_string());
        self.update(&mut findings, now);
    }

    /// Notes an attempt that failed. Returns true if that is to be told: once until the upstream is back.
    pub(super) fn attempt_failed(&self, now: Instant, why: &dyn Display) -> bool {
        let mut findings = self.findings();
        findings.begun = Some(now);
        findings.failed = true;
        findings.last_error = Some(why.to_string());
        self.update(&mut findings, now);
        self.has_failed_often() && !findings.told && self.is_to_be_told(&mut findings, now)
    }

    /// Notes a check that failed. Returns true if that is to be told: once until it passes again.
    pub(super) fn check_failed(
        &self,
        now: Instant,
        why: &dyn Display,
        settings: &HealthSettings,
    ) -> bool {
        let mut findings = self.findings();
        findings.last_error = Some(why.to_string());
        findings.checks.count(false, settings);
        self.update(&mut findings, now);
        findings.checks.failing && !findings.told && self.is_to_be_told(&mut findings, now)
    }

    /// Notes a check that was passed: the upstream has answered, too.
    pub(super) fn check_passed(&self, now: Instant, settings: &HealthSettings) -> bool {
        self.findings().checks.count(true, settings);
        self.recovered(now)
    }

    fn is_to_be_told(&self, findings: &mut Findings, now: Instant) -> bool {
        let tell = self.warnings.failure(now).is_some();
        findings.told |= tell;
        tell
    }

    /// Forgets all failures but those of checks. Returns true if the upstream is no longer down, and
    /// the log says that it is.
    pub(super) fn recovered(&self, now: Instant) -> bool {
        let mut findings = self.findings();
        self.failures.store(0, Ordering::Relaxed);
        findings.failed = false;
        self.update(&mut findings, now);
        if findings.checks.failing {
            return false;
        }
        core::mem::take(&mut findings.told)
    }

    pub(super) fn findings(&self) -> MutexGuard<'_, Findings> {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_attempt_a_second_and_its_result_holds_as_long() {
        let (health, start) = (Health::new(Notices::default()), Instant::now());
        let at = |millis| start + Duration::from_millis(millis);
        assert_eq!(health.status(), UpstreamStatus::Up);
        health.failures.fetch_add(2, Ordering::Relaxed);
        health.request_failed(at(0), &"reset");
        assert_eq!(health.status(), UpstreamStatus::Suspect);
        assert_eq!(health.begin(at(0)), Ok(()));
        assert_eq!(health.begin(at(999)), Err(false), "not found to be down");
        assert!(health.attempt_failed(at(1000), &"refused"), "told");
        assert_eq!(health.status(), UpstreamStatus::Down);
        assert_eq!(health.begin(at(1999)), Err(true));
        assert_eq!(health.begin(at(2000)), Ok(()));
        assert!(!health.attempt_failed(at(3001), &"refused"), "told once");
        assert_eq!(health.begin(at(4001)), Ok(()));
        assert!(health.recovered(at(4001)), "told");
        assert_eq!(health.status(), UpstreamStatus::Up);
        assert!(!health.recovered(at(4001)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_fails_its_checks_comes_back_by_them_alone() {
        let (health, now) = (Health::new(Notices::default()), Instant::now());
        let settings = HealthSettings::default();
        let fail = || health.check_failed(now + PAUSE, &"503", &settings);
        assert!(!health.check_passed(now, &settings));
        assert_eq!((fail(), fail()), (false, false));
        assert!(
            !health.check_passed(now, &settings),
            "two of three, and not in a row"
        );
        assert_eq!((fail(), fail()), (false, false));
        assert_eq!(health.status(), UpstreamStatus::Up);
        assert!(fail(), "told");
        assert!(!fail(), "told once");
        assert_eq!(health.status(), UpstreamStatus::Down);
        assert!(!health.recovered(now), "an answer is no check");
        assert_eq!(
            health.begin(now + 9 * PAUSE),
            Err(true),
            "nor is an attempt"
        );
        assert!(!health.check_passed(now, &settings));
        assert_eq!(health.status(), UpstreamStatus::Down);
        assert!(health.check_passed(now, &settings), "told");
        assert_eq!(health.status(), UpstreamStatus::Up);
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_check_decides_at_once() {
        let health = Health::new(Notices::default());
        let settings = HealthSettings::default();
        assert!(health.check_failed(Instant::now(), &"503", &settings));
        assert_eq!(health.status(), UpstreamStatus::Down);
    }
}
