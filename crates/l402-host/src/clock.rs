//! The time, as a value that a test can own.

use core::fmt;
use core::time::Duration;
use std::sync::Mutex;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use l402::UnixTime;

/// Wall-clock and monotonic time. Everything above `l402` takes one of these.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The wall clock: for what others wrote down, such as expiry. It may step back.
    fn wall(&self) -> UnixTime;
    /// Time since some fixed moment: for waiting and rates. It never steps back.
    fn monotonic(&self) -> Duration;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: Instant,
}

impl Default for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the Clock that everybody else asks"
    )]
    fn default() -> Self {
        Self {
            start: Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the Clock that everybody else asks"
    )]
    fn wall(&self) -> UnixTime {
        // A machine set to before 1970 counts as at the epoch: nothing has expired then.
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        UnixTime::from_secs(since.as_secs())
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}

/// A clock that moves when told to: for tests.
#[derive(Debug)]
pub struct ManualClock {
    now: Mutex<(UnixTime, Duration)>,
}

impl ManualClock {
    /// A clock that stands at `wall`.
    #[must_use]
    pub fn new(wall: UnixTime) -> Self {
        Self {
            now: Mutex::new((wall, Duration::ZERO)),
        }
    }

    /// Moves both clocks forward.
    pub fn advance(&self, by: Duration) {
        let mut now = self.lock();
        *now = (now.0.saturating_add(by), now.1.saturating_add(by));
    }

    /// Sets the wall clock alone, forward or back, as an operator or NTP does.
    pub fn set_wall(&self, wall: UnixTime) {
        self.lock().0 = wall;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (UnixTime, Duration)> {
        self.now
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn wall(&self) -> UnixTime {
        self.lock().0
    }

    fn monotonic(&self) -> Duration {
        self.lock().1
    }
}
