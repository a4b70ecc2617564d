//! Idle timers that cost nearly nothing while a connection makes progress.
//!
//! Nearly every wait ends before its limit. So the beginning and the end of a wait only store a
//! time, and leave the runtime's timer (the alarm) as it is, set for an earlier wait. If the alarm
//! goes off before the present wait has reached its limit, it is moved. With a limit of 10 seconds:
//!
//! ```text
//!   seconds      0              9     10                    19
//!   first wait   begins         ends
//!   second wait                 begins                      has reached its limit
//!   alarm        is set to 10         goes off, moves to 19 goes off
//! ```

use core::mem;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::rt::{Sleep, Timer};
use tokio::task::unconstrained;
use tokio::time::{Instant, sleep_until};

/// A timer that runs out if a wait lasts longer than its limit. A wait begins with the first poll,
/// and ends with a reset.
pub(crate) struct IdleTimer {
    /// `None` never runs out.
    limit: Option<Duration>,
    /// The beginning of the present wait.
    since: Option<Instant>,
    /// The count that the last call of [`IdleTimer::reset_if_changed`] was given.
    count: u64,
    alarm: Alarm,
}

impl IdleTimer {
    /// Returns a timer that does not run yet. A limit of `None` never runs out.
    pub(crate) fn new(limit: Option<Duration>) -> Self {
        Self {
            limit,
            since: None,
            count: 0,
            alarm: Alarm::default(),
        }
    }

    /// Returns the limit of a wait.
    pub(crate) fn limit(&self) -> Option<Duration> {
        self.limit
    }

    /// Sets another limit and ends the present wait. The next one begins with the next poll.
    pub(crate) fn start(&mut self, limit: Duration) {
        self.limit = Some(limit);
        self.since = None;
        self.count = 0;
    }

    /// Ends the present wait. The next one begins with the next poll.
    pub(crate) fn reset(&mut self) {
        self.since = None;
    }

    /// Resets the timer if `count` has changed since the last call, as a sign of progress
    /// elsewhere.
    pub(crate) fn reset_if_changed(&mut self, count: u64) {
        if mem::replace(&mut self.count, count) != count {
            self.reset();
        }
    }

    /// Begins a wait unless one is under way, and returns true if it has lasted too long. Otherwise
    /// the task is woken when it has.
    pub(crate) fn poll_elapsed(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(limit) = self.limit else {
            return false;
        };
        // The clock is read once for each wait, not at each poll.
        let end = *self.since.get_or_insert_with(Instant::now) + limit;
        self.alarm.poll(end, cx).is_ready()
    }

    /// Does the same for a wait that began at `since`.
    pub(crate) fn poll_elapsed_since(&mut self, since: Instant, cx: &mut Context<'_>) -> bool {
        self.since = Some(since);
        self.poll_elapsed(cx)
    }

    /// Returns the time since the present wait began, zero if none is under way.
    pub(crate) fn waited(&self) -> Duration {
        self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

/// The timer that hyper is given for one connection of HTTP/1.1, to limit the wait for each head.
/// All its sleeps share one alarm, because hyper waits for at most one of them at a time.
#[derive(Clone, Default)]
pub(crate) struct ConnectionTimer(Arc<Mutex<Alarm>>);

/// An alarm for one task: the runtime's timer, made with the first wait and kept for all others.
#[derive(Default)]
struct Alarm {
    /// Goes off at the end of a wait, or before it.
    sleep: Option<Pin<Box<tokio::time::Sleep>>>,
    /// The waker that `sleep` was last polled with.
    waker: Option<Waker>,
}

/// One wait of hyper: a future that is ready at `end`.
struct SleepUntil {
    end: Instant,
    alarm: ConnectionTimer,
}

impl Timer for ConnectionTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, end: std::time::Instant) -> Pin<Box<dyn Sleep>> {
        let (end, alarm) = (end.into(), self.clone());
        Box::pin(SleepUntil { end, alarm })
    }

    fn now(&self) -> std::time::Instant {
        Instant::now().into_std()
    }
}

impl Sleep for SleepUntil {}

impl Future for SleepUntil {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut alarm = self.alarm.0.lock().unwrap_or_else(PoisonError::into_inner);
        alarm.poll(self.end, cx)
    }
}

impl Alarm {
    /// Polls for the end of a wait. Touches the runtime's timer only if it has gone off, is set too
    /// late, or would wake another task.
    fn poll(&mut self, end: Instant, cx: &mut Context<'_>) -> Poll<()> {
        // Another task may poll now, and the alarm must wake that one.
        let is_known = self
            .waker
            .as_ref()
            .is_some_and(|waker| waker.will_wake(cx.waker()));
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(end)));
        // The usual case: the alarm stands, and goes off early enough to look again.
        if is_known && sleep.deadline() <= end && !sleep.is_elapsed() {
            return Poll::Pending;
        }
        if !is_known {
            self.waker = Some(cx.waker().clone());
        }
        // An alarm of a longer wait before this one would come too late.
        if sleep.deadline() > end {
            sleep.as_mut().reset(end);
        }
        // Without `unconstrained`, tokio turns a task away that has used up its budget, before it
        // stores the waker. The next poll would take that waker for stored, and the alarm would
        // wake nobody.
        while pin!(unconstrained(sleep.as_mut())).poll(cx).is_ready() {
            if sleep.deadline() >= end {
                return Poll::Ready(());
            }
            // It was set for an earlier wait.
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
    async fn a_timer_runs_out_after_its_limit_without_progress() {
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
    async fn each_sleep_ends_at_its_own_time_whatever_came_before() {
        let timer = ConnectionTimer::default();
        let start = timer.now();
        for seconds in [3, 10, 4, 4, 1] {
            let limit = Duration::from_secs(seconds);
            let begun = timer.now();
            // A sleep that is given up, as if a head came in time.
            let mut given_up = timer.sleep(limit);
            let waited = tokio::time::timeout(Duration::from_millis(500), &mut given_up);
            assert!(waited.await.is_err());
            drop(given_up);
            timer.sleep_until(begun + limit).await;
            assert_eq!(timer.now() - begun, limit);
        }
        assert_eq!(timer.now() - start, Duration::from_secs(22));
    }

    /// tokio gives each task a budget of operations, which much reading and writing uses up.
    #[tokio::test(start_paused = true)]
    async fn a_task_without_budget_is_woken_all_the_same() {
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
    async fn a_sleep_wakes_the_task_that_polled_it_last() {
        let timer = ConnectionTimer::default();
        let begun = timer.now();
        let mut sleep = timer.sleep(Duration::from_secs(5));
        let waited = tokio::time::timeout(Duration::from_secs(1), &mut sleep);
        assert!(waited.await.is_err());
        tokio::spawn(sleep).await.unwrap();
        assert_eq!(timer.now() - begun, Duration::from_secs(5));
    }
}
