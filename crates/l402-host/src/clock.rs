//! The time, as a value that a test can control.

use core::fmt;
use core::time::Duration;
use std::sync::Mutex;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use l402::UnixTime;

/// Wall-clock and monotonic time. Every crate above `l402` takes one of these and never asks the
/// system.
///
/// A clock whose monotonic time steps back makes waits and rate limits wrong. One whose wall time
/// is wrong accepts tokens that have ended, or refuses tokens that have not.
///
/// ```
/// use std::time::Duration;
///
/// use l402::UnixTime;
/// use l402_host::{Clock, ManualClock};
///
/// let clock = ManualClock::new(UnixTime::from_secs(1_790_000_000));
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.wall(), UnixTime::from_secs(1_790_000_060));
/// assert_eq!(clock.monotonic(), Duration::from_secs(60));
///
/// // An operator sets the machine's clock back.
/// clock.set_wall(UnixTime::from_secs(1_780_000_000));
/// assert_eq!(clock.monotonic(), Duration::from_secs(60));
/// ```
pub trait Clock: fmt::Debug + Send + Sync {
    /// Returns the wall-clock time, for times that others wrote, such as expiry. May step back.
    fn wall(&self) -> UnixTime;
    /// Returns the wall-clock time as the time since 1970, as finely as the clock tells it. May step
    /// back. By default whole seconds.
    fn wall_precise(&self) -> Duration {
        Duration::from_secs(self.wall().secs())
    }
    /// Returns the time since a fixed moment, for waiting and rates. Never steps back.
    fn monotonic(&self) -> Duration;
}

/// The clock of the machine. Monotonic time starts at 0 with this value.
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
    fn wall(&self) -> UnixTime {
        UnixTime::from_secs(self.wall_precise().as_secs())
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is the Clock that everybody else asks"
    )]
    fn wall_precise(&self) -> Duration {
        // The wall clock may be set to before 1970. It then counts as at 1970, where nothing has
        // expired.
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}

/// A clock for tests, which moves only by calls.
#[derive(Debug)]
pub struct ManualClock {
    now: Mutex<(UnixTime, Duration)>,
}

impl ManualClock {
    /// Makes a clock with wall-clock time `wall` and monotonic time 0.
    #[must_use]
    pub fn new(wall: UnixTime) -> Self {
        Self {
            now: Mutex::new((wall, Duration::ZERO)),
        }
    }

    /// Moves wall-clock and monotonic time forward.
    pub fn advance(&self, by: Duration) {
        let mut now = self.lock();
        *now = (now.0.saturating_add(by), now.1.saturating_add(by));
    }

    /// Sets the wall-clock time only, forward or back, as an operator or NTP does.
    pub fn set_wall(&self, wall: UnixTime) {
        self.lock().0 = wall;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (UnixTime, Duration)> {
        // No write can panic halfway, so a poisoned lock still holds sound values.
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
