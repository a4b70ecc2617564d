//! The clock of the tests.

use std::sync::Arc;

use l402::UnixTime;
use l402_host::ManualClock;

/// The wall-clock time at which every test begins: 2026-09-21T14:13:20Z.
pub const START: UnixTime = UnixTime::from_secs(1_790_000_000);

/// Returns a clock that shows [`START`] until the test moves it.
#[must_use]
pub fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(START))
}
