//! The signal that the gateway stops.

use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;
use std::time::Duration;

use tokio::sync::watch;

/// The way in which a gateway stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stopping {
    /// Requests in flight may take so long to end.
    Within(Duration),
    /// Another process accepts on the same sockets. All that is under way here takes its own time.
    HandedOver,
}

/// The receiving side of the signal. It is sent once, or twice: [`Stopping::HandedOver`] may become
/// [`Stopping::Within`].
#[derive(Clone)]
pub(crate) struct StopSignal(pub(crate) watch::Receiver<Option<Stopping>>);

impl StopSignal {
    /// Waits for the signal, of either kind.
    ///
    /// Must be polled by one task alone, as [`StopSignal::within`].
    pub(crate) async fn notified(&mut self) {
        self.wait(Some).await;
    }

    /// Waits for the signal that sets a time, and returns how long requests in flight may take. If the
    /// gateway was dropped without a signal, that is no time at all.
    ///
    /// Must be polled by one task alone. A connection polls it with every piece that it reads or
    /// writes, so after the first poll only a look is taken at whether there is news.
    pub(crate) async fn within(&mut self) -> Duration {
        let deadline = self.wait(|stopping| match stopping {
            Stopping::Within(deadline) => Some(deadline),
            Stopping::HandedOver => None,
        });
        deadline.await.unwrap_or_default()
    }

    /// Waits until a part of the signal is there. Returns `None` if the gateway was dropped.
    async fn wait<T>(&mut self, part: impl Fn(Stopping) -> Option<T>) -> Option<T> {
        let seen = self.0.clone();
        let is_there = |stopping: &Option<Stopping>| stopping.and_then(&part).is_some();
        let mut signal = pin!(self.0.wait_for(is_there));
        let mut is_waiting = false;
        let stopping = poll_fn(|cx| {
            // The first poll has left the task's waker with the signal.
            if is_waiting && matches!(seen.has_changed(), Ok(false)) {
                return Poll::Pending;
            }
            is_waiting = true;
            signal.as_mut().poll(cx)
        })
        .await;
        stopping.ok().and_then(|stopping| stopping.and_then(&part))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_hand_over_sets_no_time_until_a_stop_follows() {
        let (send, receive) = watch::channel(None);
        let mut signal = StopSignal(receive);
        let hour = Duration::from_secs(3600);
        assert!(timeout(hour, signal.notified()).await.is_err());
        send.send_replace(Some(Stopping::HandedOver));
        signal.notified().await;
        assert!(timeout(hour, signal.within()).await.is_err());
        send.send_replace(Some(Stopping::Within(hour)));
        assert_eq!(signal.within().await, hour);
        drop(send);
        assert_eq!(signal.within().await, hour, "what was sent stays");
    }

    #[tokio::test]
    async fn a_gateway_that_is_dropped_leaves_no_time() {
        let (send, receive) = watch::channel(Some(Stopping::HandedOver));
        drop(send);
        assert_eq!(StopSignal(receive).within().await, Duration::ZERO);
    }
}
