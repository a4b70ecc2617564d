//! The flags of curl that ask again after a fault that may end by itself.

use std::time::Duration;

use clap::Args;
use l402::UnixTime;
use l402_client::{Error, Response, UseOutcome};

use crate::error::CliError;
use crate::exit_code;
use crate::text::span::time;

/// How often and for how long a request is asked again.
#[derive(Args, Debug, Default)]
pub(super) struct RetryArgs {
    /// Ask again so often after a fault that may end by itself (no answer in time, 408, 429, 500, 502,
    /// 503, 504); it never pays twice, and not at all while a payment is unknown
    #[arg(long, value_name = "NUMBER")]
    retry: Option<u32>,

    /// Wait so long before, in seconds [default: 1, and each time twice as long]
    #[arg(long, value_name = "SECONDS", value_parser = time)]
    retry_delay: Option<Duration>,

    /// Ask again for so long at most, in seconds
    #[arg(long, value_name = "SECONDS", value_parser = time)]
    retry_max_time: Option<Duration>,
}

/// The first wait.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest wait that this side chooses by itself.
const PAUSE_MAX: Duration = Duration::from_secs(600);

/// A fault after which the same request may succeed and pays nothing twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Again {
    /// The wait that the server asks for.
    after: Option<Duration>,
}

impl Again {
    /// Judges an answer. One that has used a payment up is asked for no more: the next would cost.
    pub(super) fn of_answer(answer: &Response, now: UnixTime) -> Option<Self> {
        let is_transient = matches!(answer.status().as_u16(), 408 | 429 | 500 | 502 | 503 | 504);
        let report = answer.receipt().and_then(|receipt| receipt.use_report);
        let is_spent = report.is_some_and(|it| it.outcome == UseOutcome::Spent);
        (is_transient && !is_spent && !answer.is_used_up()).then(|| Self {
            after: answer.retry_after(now),
        })
    }

    /// Judges an error of the client. Behind a payment whose outcome is unknown, nothing is asked.
    pub(super) fn of_error(error: &Error) -> Option<Self> {
        let is_transient = match error {
            Error::Transient { .. } => true,
            Error::PaidButFailed {
                retry_same_token, ..
            } => *retry_same_token,
            _ => false,
        };
        is_transient.then(Self::default)
    }
}

/// The tries of one run.
#[derive(Debug)]
pub(super) struct Retries {
    left: u32,
    delay: Option<Duration>,
    next: Duration,
    /// The time that is left for tries, counted from the start.
    until: Option<Duration>,
}

impl RetryArgs {
    pub(super) fn start(&self) -> Retries {
        // As with curl, 0 stands for none of both.
        let delay = self.retry_delay.filter(|delay| !delay.is_zero());
        Retries {
            left: self.retry.unwrap_or(0),
            delay,
            next: delay.unwrap_or(PAUSE),
            until: self.retry_max_time.filter(|most| !most.is_zero()),
        }
    }
}

impl Retries {
    /// Returns the wait before the next try, or `None` if there is none. `used` is the time since the
    /// start.
    pub(super) fn next(&mut self, again: Again, used: Duration) -> Option<Duration> {
        // The server's wait counts if it is longer: an earlier try would only be refused again.
        let pause = self.next.max(again.after.unwrap_or_default());
        let is_late = |until: Duration| used.saturating_add(pause) >= until;
        // Also if the next try would begin too late: then the wait would be for nothing.
        if self.left == 0 || self.until.is_some_and(is_late) {
            return None;
        }
        self.left -= 1;
        if self.delay.is_none() {
            self.next = (self.next * 2).min(PAUSE_MAX);
        }
        Some(pause)
    }

    pub(super) fn left(&self) -> u32 {
        self.left
    }
}

/// Returns true if a try ended in a way that may be tried again: not for a fault of this side.
pub(super) fn may_be_tried_again(outcome: &Result<exit_code::ExitCode, CliError>) -> bool {
    let Err(error) = outcome else {
        return true;
    };
    [
        exit_code::HTTP_ERROR,
        exit_code::PAID_NO_ANSWER,
        exit_code::RATE_LIMITED,
        exit_code::UNAVAILABLE,
    ]
    .contains(&error.exit_code())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(args: &RetryArgs, after: Option<u64>) -> Vec<u64> {
        let (mut retries, mut used) = (args.start(), Duration::ZERO);
        let after = after.map(Duration::from_secs);
        let mut pauses = Vec::new();
        while let Some(pause) = retries.next(Again { after }, used) {
            pauses.push(pause.as_secs());
            used += pause;
        }
        pauses
    }

    #[test]
    fn the_waits_are_those_of_curl() {
        let secs = |secs| Some(Duration::from_secs(secs));
        let args = |retry, retry_delay, retry_max_time| RetryArgs {
            retry: Some(retry),
            retry_delay,
            retry_max_time,
        };
        assert!(pauses(&RetryArgs::default(), None).is_empty());
        assert_eq!(pauses(&args(4, None, None), None), [1, 2, 4, 8]);
        assert_eq!(pauses(&args(2, secs(3), None), None), [3, 3]);
        assert_eq!(pauses(&args(2, secs(0), None), Some(7)), [7, 7]);
        assert_eq!(pauses(&args(9, None, secs(8)), None), [1, 2, 4]);
        assert!(pauses(&args(9, None, secs(8)), Some(10)).is_empty());
    }
}
