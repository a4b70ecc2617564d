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

/// The line that a model reads after a defect of ours.
const DEFECT: &str = "The wallet failed in the middle of this call. Do not repeat it: read `receipts` \
                      first, for it may have paid.";

/// The line that a model reads if the server ends.
const ENDING: &str = "The wallet is ending; nothing was paid by this call.";

/// The calls of one server. Clones are the same calls.
#[derive(Clone)]
pub(super) struct Calls(Arc<Semaphore>);

impl Calls {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(CALLS_MAX as usize)))
    }

    /// Starts a call, once there is room for one.
    pub(super) async fn start(&self, tool: Arc<dyn Tool>, call: Call) -> Running {
        let place = Arc::clone(&self.0).acquire_owned().await;
        Running(tokio::spawn(async move {
            let Ok(_place) = place else {
                return failure(ENDING);
            };
            tool.call(call).await
        }))
    }

    /// Waits until all calls have ended, and starts no further one.
    pub(super) async fn finish(&self, limit: Duration) {
        if tokio::time::timeout(limit, self.0.acquire_many(CALLS_MAX))
            .await
            .is_err()
        {
            tracing::warn!("a call has not ended in time; `l402 payments` has its outcome");
        }
        self.0.close();
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
