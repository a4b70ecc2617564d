//! Calls of tools under way. Each runs in a task of its own, so that a defect of a tool ends that call alone.
//! A client that gives up gives the call up: a payment that has begun goes on by itself, and none begins
//! any more.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::mcp::tool::{Call, Tool, ToolAnswer};

/// The most calls at the same time. Further ones wait for their turn.
const CALLS_MAX: u32 = 32;

/// The most calls that wait for their turn. Each holds its arguments, so a client that sends without end is
/// refused further ones.
const WAITING_MAX: usize = 128;

/// The line that a model reads if too many calls wait.
const CROWDED: &str = "Too many calls are under way; nothing was paid by this call. Wait for answers, and \
                       make it again.";

/// The line that a model reads after a defect of ours.
const DEFECT: &str = "The wallet failed in the middle of this call. Do not repeat it: read `receipts` \
                      first, for it may have paid.";

/// The line that a model reads if the server ends.
const ENDING: &str = "The wallet is ending; nothing was paid by this call.";

/// The calls of one server. Clones are the same calls.
#[derive(Clone)]
pub(super) struct Calls {
    /// A place for each that runs.
    running: Arc<Semaphore>,
    /// A place for each that waits or runs.
    all: Arc<Semaphore>,
}

impl Calls {
    pub(super) fn new() -> Self {
        Self {
            running: Arc::new(Semaphore::new(CALLS_MAX as usize)),
            all: Arc::new(Semaphore::new(CALLS_MAX as usize + WAITING_MAX)),
        }
    }

    /// Starts a call, once there is room for one. If too many wait for room already, it is answered so.
    pub(super) async fn start(&self, tool: Arc<dyn Tool>, call: Call) -> Running {
        let Ok(known) = Arc::clone(&self.all).try_acquire_owned() else {
            return Running(tokio::spawn(async { failure(CROWDED) }));
        };
        // Not in the task: a call that is given up while it waits here never starts.
        let place = Arc::clone(&self.running).acquire_owned().await;
        Running(tokio::spawn(async move {
            let Ok(_place) = place else {
                return failure(ENDING);
            };
            let answer = tool.call(call).await;
            drop(known);
            answer
        }))
    }

    /// Waits until all calls have ended, and starts no further one.
    pub(super) async fn finish(&self, limit: Duration) {
        if tokio::time::timeout(limit, self.running.acquire_many(CALLS_MAX))
            .await
            .is_err()
        {
            tracing::warn!("a call has not ended in time; `l402 payments` has its outcome");
        }
        self.running.close();
    }
}

/// A call under way. Dropped, it is given up.
pub(super) struct Running(JoinHandle<ToolAnswer>);

impl Running {
    /// Waits for the answer. A dropped wait can be taken up again.
    pub(super) async fn answer(&mut self) -> ToolAnswer {
        // A defect of ours. What it paid is in the journal, so nothing must be tried again blindly.
        (&mut self.0).await.unwrap_or_else(|_| failure(DEFECT))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn failure(line: &str) -> ToolAnswer {
    ToolAnswer {
        structured: Value::Null,
        line: line.to_owned(),
        is_error: true,
        parts: Vec::new(),
        waiting: None,
    }
}

#[cfg(test)]
mod tests {
    use l402_host::BoxFuture;

    use serde_json::json;

    use super::*;
    use crate::mcp::tool::{Card, Hints};

    /// A tool that waits until its permit comes, or fails by a defect.
    struct Slow(Card, Arc<Semaphore>);

    fn slow(go: &Arc<Semaphore>) -> Arc<dyn Tool> {
        let card = Card {
            name: "slow",
            title: "slow",
            description: "slow",
            input: json!({}),
            output: json!({}),
            hints: Hints {
                read_only: false,
                destructive: true,
                idempotent: false,
                open_world: true,
            },
        };
        Arc::new(Slow(card, Arc::clone(go)))
    }

    impl Tool for Slow {
        fn card(&self) -> &Card {
            &self.0
        }

        fn call(&self, call: Call) -> BoxFuture<'_, ToolAnswer> {
            assert!(!call.arguments.contains_key("panic"), "a defect");
            Box::pin(async move {
                self.1.acquire().await.unwrap().forget();
                ToolAnswer {
                    is_error: false,
                    ..failure("done")
                }
            })
        }
    }

    fn call() -> Call {
        Call {
            arguments: serde_json::Map::new(),
            patience: Duration::ZERO,
        }
    }

    #[tokio::test]
    async fn a_call_that_is_dropped_is_given_up_and_the_end_waits_for_the_others() {
        let (calls, go) = (Calls::new(), Arc::new(Semaphore::new(0)));
        drop(calls.start(slow(&go), call()).await);
        let mut kept = calls.start(slow(&go), call()).await;
        go.add_permits(2);
        calls.finish(Duration::from_secs(5)).await;
        assert_eq!(kept.answer().await.line, "done");
        assert_eq!(go.available_permits(), 1, "the dropped call has gone on");
        let mut late = calls.start(slow(&go), call()).await;
        assert_eq!(late.answer().await.line, ENDING);
    }

    #[tokio::test]
    async fn a_defect_of_a_tool_is_an_answer() {
        let (calls, go) = (Calls::new(), Arc::new(Semaphore::new(0)));
        let mut defect = call();
        defect.arguments.insert("panic".to_owned(), true.into());
        let mut running = calls.start(slow(&go), defect).await;
        let answer = running.answer().await;
        assert_eq!((answer.line.as_str(), answer.is_error), (DEFECT, true));
        // Its place is free again.
        calls.finish(Duration::ZERO).await;
    }

    // ATTACKS A-05: a client that calls without end does not fill the memory.
    #[tokio::test]
    async fn calls_that_wait_are_bounded() {
        let (calls, go) = (Calls::new(), Arc::new(Semaphore::new(0)));
        let mut waiting = Vec::new();
        for _ in 0..CALLS_MAX as usize + WAITING_MAX {
            let (calls, tool) = (calls.clone(), slow(&go));
            let mut start = Box::pin(async move { calls.start(tool, call()).await.answer().await });
            let begun = tokio::time::timeout(Duration::ZERO, &mut start).await;
            assert!(begun.is_err(), "none has a permit yet");
            waiting.push(start);
        }
        let mut late = calls.start(slow(&go), call()).await;
        let answer = late.answer().await;
        assert_eq!((answer.line.as_str(), answer.is_error), (CROWDED, true));
        // All that were taken are answered, and there is room again.
        go.add_permits(waiting.len());
        for start in waiting {
            assert_eq!(start.await.line, "done");
        }
        go.add_permits(1);
        let mut next = calls.start(slow(&go), call()).await;
        assert_eq!(next.answer().await.line, "done");
    }

    #[tokio::test]
    async fn calls_are_bounded() {
        let (calls, go) = (Calls::new(), Arc::new(Semaphore::new(0)));
        let mut running = Vec::new();
        for _ in 0..CALLS_MAX {
            running.push(calls.start(slow(&go), call()).await);
        }
        let next = calls.start(slow(&go), call());
        let waiting = tokio::time::timeout(Duration::from_millis(20), next).await;
        assert!(waiting.is_err(), "one more than the most was started");
    }
}
