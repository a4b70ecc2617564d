//! The signal that the gateway stops.

use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;
use std::time::Duration;

use tokio::sync::watch;

/// The receiving side of the signal. It is sent once, with the time that requests in flight may
/// take.
#[derive(Clone)]
pub(crate) struct StopSignal(pub(crate) watch::Receiver<Option<Duration>>);

impl StopSignal {
    /// Waits for the signal, and returns how long requests in flight may take. If the gateway was
    /// dropped without a signal, that is no time at all.
    ///
    /// Must be polled by one task alone. A connection polls it with every piece that it reads or
    /// writes, so after the first poll only a look is taken at whether there is news.
    pub(crate) async fn notified(&mut self) -> Duration {
        let seen = self.0.clone();
        let mut signal = pin!(self.0.wait_for(Option::is_some));
        let mut is_waiting = false;
        let deadline = poll_fn(|cx| {
            // The first poll has left the task's waker with the signal.
            if is_waiting && matches!(seen.has_changed(), Ok(false)) {
                return Poll::Pending;
            }
            is_waiting = true;
            signal.as_mut().poll(cx)
        })
        .await;
        deadline
            .ok()
            .and_then(|deadline| *deadline)
            .unwrap_or_default()
    }
}
