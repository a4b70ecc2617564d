//! The recorder: writes notices down, in the order in which they were told.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::message::Event;
use super::post_office::Office;
use crate::notice::Notice;

/// The most notices of one transaction.
const BATCH: usize = 256;

/// The pause after the file could not be written. What is told meanwhile waits in the queue.
const AGAIN: Duration = Duration::from_secs(5);

/// A request to write down what waits.
pub(super) type Flush = oneshot::Sender<()>;

/// Writes notices down, until nobody can tell any.
pub(super) async fn record(
    office: Arc<Office>,
    mut notices: mpsc::Receiver<Notice>,
    mut flushes: mpsc::Receiver<Flush>,
) {
    let mut waiting = Vec::new();
    loop {
        tokio::select! {
            biased;
            flush = flushes.recv() => {
                let Some(flush) = flush else { return };
                while let Ok(notice) = notices.try_recv() {
                    waiting.extend(event(&office, &notice));
                }
                write(&office, &mut waiting).await;
                // An error means that the caller has stopped waiting.
                let _ = flush.send(());
            }
            // While the file cannot be written, notices wait in their queue, which has a bound.
            notice = notices.recv(), if waiting.len() < BATCH => {
                let Some(notice) = notice else { return };
                waiting.extend(event(&office, &notice));
                while waiting.len() < BATCH
                    && let Ok(notice) = notices.try_recv()
                {
                    waiting.extend(event(&office, &notice));
                }
                write(&office, &mut waiting).await;
            }
            () = tokio::time::sleep(AGAIN), if !waiting.is_empty() => {
                write(&office, &mut waiting).await;
            }
        }
    }
}

fn event(office: &Office, notice: &Notice) -> Option<Event> {
    let made = Event::of(notice, office.clock.wall());
    made.map_err(|error| tracing::error!(%error, "no id for a webhook"))
        .ok()
}

/// Writes events down. They stay in `waiting` if that fails.
async fn write(office: &Arc<Office>, waiting: &mut Vec<Event>) {
    let (events, now) = (core::mem::take(waiting), office.clock.wall());
    let targets = office.targets.load_full();
    let written = events.clone();
    let done = office.on_store(move |store| {
        let wanted = |event: &Event| {
            let wants = targets.iter().filter(|target| {
                let mut events = target.settings.events.iter();
                events.any(|kind| kind.name() == event.kind)
            });
            wants.map(|target| target.name.clone()).collect()
        };
        store.record(&written, wanted, now)
    });
    match done.await {
        // One permit for each worker that waits now, and none for later.
        Ok(_) => office.wake.notify_waiters(),
        Err(error) => {
            tracing::error!(%error, "webhooks are not written down; trying again");
            *waiting = events;
        }
    }
}
