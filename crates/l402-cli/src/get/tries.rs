//! The tries of one run: each within the time of `-m`, and one after the other as `--retry` says.

use std::sync::Arc;
use std::time::Duration;

use super::answer::{AGAIN, USED_UP};
use super::args::GetArgs;
use super::ask::{Asking, Stage};
use super::retry::{Again, may_be_tried_again};
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::signal::{Interrupt, StopSignal};

/// Fetches the URL within the time that `-m` allows, and pays what it asks within the limits.
pub(crate) async fn fetch(args: &GetArgs, context: &Context) -> Result<ExitCode, CliError> {
    // Of every failure it is known here whether money moved, also of one that is found elsewhere.
    attempt(args, context).await.map_err(CliError::with_promise)
}

async fn attempt(args: &GetArgs, context: &Context) -> Result<ExitCode, CliError> {
    let progress = Arc::new(Asking::new(args.yes, args.confirm_above, args.silent));
    let (began, mut retries) = (context.clock.monotonic(), args.retry.start());
    let mut interrupt = Interrupt::listen()?;
    loop {
        // What this run has paid for in an earlier try must not be forgotten behind a later one.
        let paid_before = progress.has_paid();
        let (outcome, again) = args.attempt_once(&progress, &mut interrupt, context).await;
        let outcome = outcome.map_err(|error| match paid_before {
            true => paid_earlier(error),
            false => error,
        });
        let again = again.filter(|_| may_be_tried_again(&outcome) && !args.request.reads_stdin());
        let used = context.clock.monotonic().saturating_sub(began);
        let pause = again.and_then(|again| retries.next(again, used));
        let Some(pause) = pause else {
            return outcome.inspect_err(|_| progress.clear());
        };
        let (secs, left) = (pause.as_secs(), retries.left());
        let what = outcome.map_or_else(|error| error.to_string(), |_| "an error".to_owned());
        let what = what.trim_end_matches("; no money moved");
        progress.say(&format!(
            "{what}; asking again in {secs} s, {left} more times after that; nothing is paid twice"
        ));
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            signal = interrupt.caught() => return Err(Cut::Signal(signal).error(progress.stage())),
        }
    }
}

/// Returns the error of a try behind one that has paid.
fn paid_earlier(error: CliError) -> CliError {
    // Such an error says by itself what became of the payment.
    if !error.no_money_moved() {
        return error;
    }
    let text = error.to_string();
    let text = text.trim_end_matches("; no money moved");
    if error.exit_code() == exit_code::DECLINED {
        let text = "the server asks for a second payment, and a retry makes none";
        return CliError::new(exit_code::PAID_REFUSED, "paid_refused", text)
            .after_money_moved()
            .with_hint(USED_UP);
    }
    let text = format!("{text}; it was paid for before");
    CliError::new(exit_code::PAID_NO_ANSWER, "paid_but_failed", text)
        .after_money_moved()
        .with_hint(AGAIN)
}

/// Waits for the end of the time of `-m`, for ever without one.
async fn time_out(limit: Option<Duration>) -> Duration {
    match limit {
        Some(limit) => {
            tokio::time::sleep(limit).await;
            limit
        }
        None => std::future::pending().await,
    }
}

/// The reason why a call was ended before it was over.
#[derive(Clone, Copy, Debug)]
enum Cut {
    Signal(StopSignal),
    /// The time of `-m` is over.
    Time(Duration),
}

impl GetArgs {
    /// Makes one try, within the time of `-m`. Returns its end, and the reason to try again, if it is
    /// one.
    async fn attempt_once(
        &self,
        progress: &Arc<Asking>,
        interrupt: &mut Interrupt,
        context: &Context,
    ) -> (Result<ExitCode, CliError>, Option<Again>) {
        let prepared = match self.request.prepare(self.url(), &self.save) {
            Ok(prepared) => prepared,
            Err(error) => return (Err(error), None),
        };
        let mut again = None;
        let ended = {
            let call = std::pin::pin!(self.call(prepared, progress, &mut again, context));
            tokio::select! {
                outcome = call => Ok(outcome),
                signal = interrupt.caught() => Err(Cut::Signal(signal)),
                limit = time_out(self.max_time()) => Err(Cut::Time(limit)),
            }
        };
        // Only once the call is dropped: up to then it may still come to the payment. The payment itself
        // cannot be called back; the next run finds out what became of it.
        match ended {
            Ok(outcome) => (outcome, again),
            Err(cut) => {
                let again = matches!(cut, Cut::Time(_)).then(Again::default);
                (Err(cut.error(progress.stage())), again)
            }
        }
    }
}

impl Cut {
    /// Returns the error, which depends on the stage of the payment.
    fn error(self, stage: Stage) -> CliError {
        let (text, exit, code) = match self {
            Self::Time(limit) => (
                format!("the call was not over after {limit:?}"),
                exit_code::UNAVAILABLE,
                "transport",
            ),
            Self::Signal(StopSignal::Interrupt) => (
                "ended by Ctrl-C".to_owned(),
                exit_code::INTERRUPTED,
                "interrupted",
            ),
            Self::Signal(StopSignal::Terminate) => (
                "ended by a signal".to_owned(),
                exit_code::TERMINATED,
                "terminated",
            ),
        };
        match stage {
            Stage::Unpaid => CliError::new(exit, code, format!("{text}; no money moved")),
            stage => cut_after_approval(&text, stage),
        }
    }
}

fn cut_after_approval(text: &str, stage: Stage) -> CliError {
    let error = |exit, code, what: &str| CliError::new(exit, code, format!("{text}; {what}"));
    match stage {
        Stage::Unpaid | Stage::Paying => error(
            exit_code::PAYMENT_UNKNOWN,
            "payment_unknown",
            "the wallet was still paying, and nobody knows yet whether the money moved",
        )
        .after_money_moved()
        .with_hint(
            "do not pay again by other means: run the same command later, it looks the payment \
             up and goes on",
        ),
        Stage::Paid => error(
            exit_code::PAID_NO_ANSWER,
            "paid_but_failed",
            "it was paid for, and the answer was not had",
        )
        .after_money_moved()
        .with_hint(AGAIN),
        Stage::UsedUp => error(
            exit_code::PAID_REFUSED,
            "paid_refused",
            "it was paid for, a redirect has used the payment up, and the answer was not had",
        )
        .after_money_moved()
        .with_hint(USED_UP),
    }
}
