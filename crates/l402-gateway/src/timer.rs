//! Idle timers that cost nearly nothing while a connection makes progress.
//!
//! Nearly everything comes in time. So the alarm behind a timer is set anew only when it goes off
//! too early, and to begin a wait or to end it does not touch the runtime.

use core::mem;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::rt::{Sleep, Timer};
use tokio::task::unconstrained;
use tokio::time::{Instant, sleep_until};

/// A timer that runs out if it is polled for so long without a reset in between.
pub(crate) struct IdleTimer {
    /// `None` never runs out.
    limit: Option<Duration>,
    since: Option<Instant>,
    /// The count of the last call of [`IdleTimer::reset_if_changed`].
    count: u64,
    alarm: Alarm,
}

impl IdleTimer {
    pub(crate) fn new(limit: Option<Duration>) -> Self {
        Self {
            limit,
            since: None,
            count: 0,
            alarm: Alarm::default(),
        }
    }

    pub(crate) fn limit(&self) -> Option<Duration> {
        self.limit
    }

    /// Sets another limit, which runs from the next poll on.
    pub(crate) fn start(&mut self, limit: Duration) {
        self.limit = Some(limit);
        self.since = None;
        self.count = 0;
    }

    /// Ends the wait: the next poll begins another.
    pub(crate) fn reset(&mut self) {
        self.since = None;
    }

    /// Resets the timer if `count` has changed since the last call.
    pub(crate) fn reset_if_changed(&mut self, count: u64) {
        if mem::replace(&mut self.count, count) != count {
            self.reset();
        }
    }

    /// Starts the timer, unless it runs, and returns true if it has run out.
    pub(crate) fn poll_elapsed(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(limit) = self.limit else {
            return false;
        };
        let end = *self.since.get_or_insert_with(Instant::now) + limit;
        self.alarm.poll(end, cx).is_ready()
    }
}

/// hyper's clock for one connection of HTTP/1.1, where it waits for each head. Makes sleeps that
/// share one alarm: at most one of them is waited for at a time.
#[derive(Clone, Default)]
pub(crate) struct ConnectionTimer(Arc<Mutex<Alarm>>);

/// Wakes one task at the end of its wait; only one waits at a time.
#[derive(Default)]
struct Alarm {
    sleep: Option<Pin<Box<tokio::time::Sleep>>>,
    /// Wakes the task that waits.
    waker: Option<Waker>,
}

struct Until {
    end: Instant,
    alarm: ConnectionTimer,
}

impl Timer for ConnectionTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, end: std::time::Instant) -> Pin<Box<dyn Sleep>> {
        let (end, alarm) = (end.into(), self.clone());
        Box::pin(Until { end, alarm })
    }

    fn now(&self) -> std::time::Instant {
        Instant::now().into_std()
    }
}

impl Sleep for Until {}

impl Future for Until {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut alarm = self.alarm.0.lock().unwrap_or_else(PoisonError::into_inner);
        alarm.poll(self.end, cx)
    }
}

impl Alarm {
    fn poll(&mut self, end: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let known = self
            .waker
            .as_ref()
            .is_some_and(|waker| waker.will_wake(cx.waker()));
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(end)));
        if known && sleep.deadline() <= end && !sleep.is_elapsed() {
            return Poll::Pending;
        }
        if !known {
            self.waker = Some(cx.waker().clone());
        }
        if sleep.deadline() > end {
            sleep.as_mut().reset(end);
        }
        // A task that has used up its turn would be told to wait, and its waker be forgotten.
        while pin!(unconstrained(sleep.as_mut())).poll(cx).is_ready() {
            if sleep.deadline() >= end {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(end);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn patience_ends_where_nothing_moves_and_not_before() {
        let limit = Duration::from_secs(1);
        let mut timer = IdleTimer::new(Some(limit));
        let mut elapsed = |count| {
            timer.reset_if_changed(count);
            timer.poll_elapsed(&mut Context::from_waker(Waker::noop()))
        };
        for count in 1..=5 {
            assert!(!elapsed(count));
            sleep(limit * 9 / 10).await;
        }
        assert!(!elapsed(6));
        for _ in 0..9 {
            sleep(limit / 10).await;
            assert!(!elapsed(6));
        }
        sleep(limit / 10).await;
        assert!(elapsed(6));
        assert!(!elapsed(7));
        assert!(!IdleTimer::new(None).poll_elapsed(&mut Context::from_waker(Waker::noop())));
    }

    #[tokio::test(start_paused = true)]
    async fn each_sleep_ends_at_its_own_time_and_the_ones_before_do_not_matter() {
        let timer = ConnectionTimer::default();
        let start = timer.now();
        for seconds in [3, 10, 4, 4, 1] {
            let limit = Duration::from_secs(seconds);
            let begun = timer.now();
            // One that is given up, as when a head comes in time.
            let mut given_up = timer.sleep(limit);
            let waited = tokio::time::timeout(Duration::from_millis(500), &mut given_up);
            assert!(waited.await.is_err());
            drop(given_up);
            timer.sleep_until(begun + limit).await;
            assert_eq!(timer.now() - begun, limit);
        }
        assert_eq!(timer.now() - start, Duration::from_secs(22));
    }

    /// A task that has used up its turn, as after much reading and writing.
    #[tokio::test(start_paused = true)]
    async fn a_spent_turn_does_not_lose_it() {
        let timer = ConnectionTimer::default();
        let begun = timer.now();
        let mut sleep = timer.sleep(Duration::from_secs(5));
        let mut turns = 0;
        core::future::poll_fn(|cx| {
            turns += 1;
            if turns == 1 {
                while pin!(tokio::task::consume_budget()).poll(cx).is_ready() {}
            }
            sleep.as_mut().poll(cx)
        })
        .await;
        assert_eq!(timer.now() - begun, Duration::from_secs(5));
    }

    #[tokio::test(start_paused = true)]
    async fn another_task_is_woken_in_its_turn() {
        let timer = ConnectionTimer::default();
        let begun = timer.now();
        let mut sleep = timer.sleep(Duration::from_secs(5));
        let waited = tokio::time::timeout(Duration::from_secs(1), &mut sleep);
        assert!(waited.await.is_err());
        tokio::spawn(sleep).await.unwrap();
        assert_eq!(timer.now() - begun, Duration::from_secs(5));
    }
}
