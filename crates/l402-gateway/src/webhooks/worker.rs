//! The worker of one target: takes what is due, in order, and has it delivered.

use std::sync::Arc;
use std::time::Duration;

use super::courier::{self, Response, TIME_LIMIT};
use super::post_office::Office;
use super::schedule;
use super::store::{Due, Failure, StoreError};
use super::target::Target;

/// The longest time between two looks: another process may have asked for a replay.
const LOOK: Duration = Duration::from_secs(1);

/// The pause after the file could not be used.
const FILE_PAUSE: Duration = Duration::from_secs(5);

/// The end of an attempt.
#[derive(Debug)]
enum Ended {
    Delivered(String),
    Failed(Failure),
    /// The receiver wants nothing any more (410).
    Gone,
}

/// Delivers to one target, until it is aborted.
pub(super) async fn work(office: Arc<Office>, target: Arc<Target>) {
    loop {
        match next(&office, &target).await {
            Ok(true) => {}
            Ok(false) => {
                // A notice that comes between the look and the wait is found at the next look.
                let _ = tokio::time::timeout(LOOK, office.wake.notified()).await;
            }
            Err(error) => {
                tracing::error!(%error, "webhooks are not sent; trying again");
                tokio::time::sleep(FILE_PAUSE).await;
            }
        }
    }
}

/// Makes one attempt, and notes its end. Returns false if nothing is due.
async fn next(office: &Arc<Office>, target: &Arc<Target>) -> Result<bool, StoreError> {
    let now = office.clock.wall();
    let name = target.name.clone();
    let of_office = Arc::clone(office);
    let due = office.on_store(move |store| match of_office.delivers()? {
        true => store.due(&name, now),
        false => Ok(None),
    });
    let Some(due) = due.await? else {
        return Ok(false);
    };
    let answer = courier::post(target, &due.id, &due.body, now, TIME_LIMIT).await;
    // The time is read again: the attempt may have taken long, and the wait begins after it.
    let ended = judge(&due, answer, office.clock.wall());
    if let Ended::Failed(failure) = &ended {
        let (id, target, outcome) = (&due.id, &target.name, &failure.outcome);
        tracing::warn!(%target, %id, %outcome, "a webhook was not delivered");
    }
    let (name, now) = (target.name.clone(), office.clock.wall());
    office
        .on_store(move |store| match ended {
            Ended::Delivered(outcome) => store.delivered(&name, due.seq, &outcome, now),
            Ended::Failed(failure) => store.failed(&name, due.seq, &failure, now),
            Ended::Gone => {
                tracing::warn!(target = %name, "the receiver of a webhook is gone (410): it gets nothing more");
                store.end(&name, "410, the receiver is gone", now)
            }
        })
        .await?;
    Ok(true)
}

/// Returns what an answer means for a delivery.
fn judge(due: &Due, answer: Result<Response, String>, now: l402::UnixTime) -> Ended {
    let (outcome, retry_after, aside) = match answer {
        Ok(Response { status: 410, .. }) => return Ended::Gone,
        Ok(Response { status, .. }) if (200..300).contains(&status) => {
            return Ended::Delivered(status.to_string());
        }
        Ok(answer) => {
            // A receiver that is there and refuses this one may want the next. One that is too busy, or
            // whose proxy says so, is as good as away.
            let aside = (400..500).contains(&answer.status) && !matches!(answer.status, 408 | 429);
            (answer.status.to_string(), answer.retry_after, aside)
        }
        Err(why) => (why, None, false),
    };
    let mut random = [0];
    // Without randomness attempts are less spread out, and that is all.
    let _ = getrandom::fill(&mut random);
    let failures = due.failures.saturating_add(1);
    Ended::Failed(Failure {
        outcome,
        next: schedule::next(due.since, now, failures, retry_after, random[0]),
        aside,
    })
}
