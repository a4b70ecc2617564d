//! The buyer: everything that all clones of a client share.

use std::sync::Arc;
use std::time::Duration;

use l402::UnixTime;
use l402_host::Clock;
use l402_lightning::Pay;

use crate::http::{Http, Spool};
use crate::journal::Journal;
use crate::{Event, Limits, Progress};

/// The state that all clones of a client share.
pub(crate) struct Buyer {
    pub(crate) journal: Journal,
    pub(crate) http: Http,
    pub(crate) spool: Spool,
    pub(crate) wallet: Option<Arc<dyn Pay>>,
    pub(crate) limits: Limits,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) progress: Option<Arc<dyn Progress>>,
    pub(crate) follow_redirects: bool,
    pub(crate) keep_method: bool,
    /// The longest that a call waits for another purchase of the same scope.
    pub(crate) patience: Duration,
    pub(crate) payment_deadline: Duration,
    pub(crate) plain_http: bool,
    /// Wall and monotonic time of the start: see [`Buyer::window_time`].
    pub(crate) started: (UnixTime, Duration),
}

impl Buyer {
    pub(crate) fn notify(&self, event: &Event) {
        if let Some(progress) = &self.progress {
            progress.event(event);
        }
    }

    /// The time for the budget's window: while this client lives, it passes no faster than the
    /// monotonic clock, so that setting the wall clock forward frees no budget. Set back, it
    /// frees none either: what is dated ahead counts.
    pub(crate) fn window_time(&self) -> UnixTime {
        self.clock.wall().min(self.steady_time())
    }

    /// The time to date money with: never before what has passed since the start, so that nothing
    /// is dated out of the window while the clock is set back. The journal's newest date is a
    /// bound of the same kind, between one run and the next.
    pub(crate) fn dating_time(&self) -> UnixTime {
        self.clock.wall().max(self.steady_time())
    }

    /// The wall clock of the start, gone on at the pace of the monotonic one.
    fn steady_time(&self) -> UnixTime {
        let (wall, monotonic) = self.started;
        wall.saturating_add(self.clock.monotonic().saturating_sub(monotonic))
    }
}
