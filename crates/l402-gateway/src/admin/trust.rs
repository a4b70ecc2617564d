//! The time that a connection has to show that an operator is at its other end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The longest time from a connection to its first request that may ask for more than a login.
pub(super) const FIRST_TIME: Duration = Duration::from_secs(3);

/// The trust in one connection, which ends soon if no operator shows at its other end.
#[derive(Clone, Debug)]
pub(super) struct Trust {
    given: Arc<AtomicBool>,
    until: Instant,
}

impl Trust {
    /// Begins the time of a connection.
    pub(super) fn begin() -> Self {
        Self {
            given: Arc::default(),
            until: Instant::now() + FIRST_TIME,
        }
    }

    /// Trusts the connection: a request had the token or a session, or asked for what is there without.
    pub(super) fn give(&self) {
        self.given.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_given(&self) -> bool {
        self.given.load(Ordering::Relaxed)
    }

    /// Waits until the time of a stranger is over. Never returns for an operator.
    pub(super) async fn ends(&self) {
        sleep_until(self.until).await;
        if self.is_given() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_stranger_has_three_seconds_and_an_operator_has_more() {
        let (stranger, operator) = (Trust::begin(), Trust::begin());
        let before = Instant::now();
        operator.give();
        stranger.ends().await;
        assert_eq!(before.elapsed(), FIRST_TIME);
        assert!(
            timeout(FIRST_TIME * 100, operator.ends()).await.is_err(),
            "it goes on"
        );
    }
}
