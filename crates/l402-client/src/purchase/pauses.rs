//! The waits of one call at a server that answers 429.

use std::time::Duration;

use http::{HeaderMap, StatusCode};

use super::buyer::Buyer;
use crate::Event;
use crate::http::retry_after;

/// The shortest wait. It doubles with each one, in case the server asks for none.
const PAUSE_MIN: Duration = Duration::from_secs(1);

/// The longest wait that this side chooses by itself.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// The most requests of one call that end with 429. Behind the last of them there is no wait.
const TRIES_MAX: u32 = 3;

/// The time that a wait leaves for the answer.
const MARGIN: Duration = Duration::from_millis(100);

/// The waits of one call.
pub(super) struct Pauses {
    /// Monotonic time of the call's begin.
    began: Duration,
    waited: Duration,
    next: Duration,
    tries: u32,
}

impl Buyer {
    pub(super) fn pauses(&self) -> Pauses {
        Pauses {
            began: self.clock.monotonic(),
            waited: Duration::ZERO,
            next: PAUSE_MIN,
            tries: 0,
        }
    }

    /// Waits as a 429 asks to. Returns true if the server is to be asked again, and false for any
    /// other answer, if the time of the call would be over first, or after [`TRIES_MAX`] such answers.
    pub(super) async fn has_waited(
        &self,
        pauses: &mut Pauses,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> bool {
        if status != StatusCode::TOO_MANY_REQUESTS {
            return false;
        }
        pauses.tries += 1;
        if pauses.tries >= TRIES_MAX {
            return false;
        }
        let asked = retry_after(headers, self.clock.wall()).unwrap_or_default();
        let pause = asked.max(pauses.next);
        // Both, so that neither a slow server nor a clock that stands still makes the call longer.
        let used = self.clock.monotonic().saturating_sub(pauses.began);
        let used = used.max(pauses.waited).saturating_add(MARGIN);
        let left = self.rate_limit_patience.saturating_sub(used);
        if pause > left {
            return false;
        }
        pauses.waited += pause;
        pauses.next = (pauses.next * 2).min(PAUSE_MAX);
        self.notify(&Event::RateLimited(pause));
        tokio::time::sleep(pause).await;
        true
    }
}
