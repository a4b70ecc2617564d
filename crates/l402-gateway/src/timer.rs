//! hyper's clock for one connection of HTTP/1.1.
//!
//! hyper waits for each head with a timer of its own, and nearly every head comes in time. So there
//! is one timer for the connection, which is set anew only when it goes off too early.

use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use tokio::task::unconstrained;

/// Makes sleeps that share one alarm: at most one of them is waited for at a time.
#[derive(Clone, Default)]
pub(crate) struct ConnectionTimer(Arc<Mutex<Alarm>>);

#[derive(Default)]
struct Alarm {
    sleep: Option<Pin<Box<tokio::time::Sleep>>>,
    /// Who it wakes.
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

    fn sleep_until(&self, end: Instant) -> Pin<Box<dyn Sleep>> {
        let alarm = self.clone();
        Box::pin(Until { end, alarm })
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }
}

impl Sleep for Until {}

impl Future for Until {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut alarm = self.alarm.0.lock().unwrap_or_else(PoisonError::into_inner);
        alarm.poll(self.end.into(), cx)
    }
}

impl Alarm {
    fn poll(&mut self, end: tokio::time::Instant, cx: &mut Context<'_>) -> Poll<()> {
        let known = self
            .waker
            .as_ref()
            .is_some_and(|waker| waker.will_wake(cx.waker()));
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(end)));
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
    use super::*;

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
