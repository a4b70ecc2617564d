//! Calls of tools under way. Each runs in a task of its own, so that a client that gives up or goes away
//! abandons the wait and never the payment.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::mcp::tool::{Answer, Call, Tool};

/// The most calls at the same time. Further ones wait for their turn.
const CALLS_MAX: u32 = 32;

/// What a model reads after a defect of ours.
const DEFECT: &str = "The wallet failed in the middle of this call. Do not repeat it: read `receipts` \
                      first, for it may have paid.";

/// What a model reads if the server ends.
const ENDING: &str = "The wallet is ending; nothing was paid by this call.";

/// The calls of one server. Clones are the same calls.
#[derive(Clone)]
pub(super) struct Calls(Arc<Semaphore>);

impl Calls {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(CALLS_MAX as usize)))
    }

    /// Starts a call, once there is room for one. Dropping the handle abandons the answer alone.
    pub(super) async fn start(&self, tool: Arc<dyn Tool>, call: Call) -> JoinHandle<Answer> {
        let place = Arc::clone(&self.0).acquire_owned().await;
        tokio::spawn(async move {
            let Ok(_place) = place else {
                return failure("ending", ENDING);
            };
            tool.call(call).await
        })
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

/// Waits for the answer of a call.
pub(super) async fn answer(call: &mut JoinHandle<Answer>) -> Answer {
    // A defect of ours. What it paid is in the journal, so nothing must be tried again blindly.
    call.await.unwrap_or_else(|_| failure("internal", DEFECT))
}

fn failure(error: &str, line: &str) -> Answer {
    Answer {
        structured: json!({ "outcome": "error", "error": error }),
        line: line.to_owned(),
        is_error: true,
        parts: Vec::new(),
        waiting: None,
    }
}

#[cfg(test)]
mod tests {
    use l402_host::BoxFuture;

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

        fn call(&self, call: Call) -> BoxFuture<'_, Answer> {
            assert!(!call.arguments.contains_key("panic"), "a defect");
            Box::pin(async move {
                self.1.acquire().await.unwrap().forget();
                Answer {
                    is_error: false,
                    ..failure("none", "done")
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

    // ATTACKS A-15: who gives up a call does not end it.
    #[tokio::test]
    async fn a_dropped_wait_does_not_end_the_call() {
        let (calls, go) = (Calls::new(), Arc::new(Semaphore::new(0)));
        drop(calls.start(slow(&go), call()).await);
        tokio::task::yield_now().await;
        go.add_permits(1);
        calls.finish(Duration::from_secs(5)).await;
        assert_eq!(
            go.available_permits(),
            0,
            "the tool went on and took its permit"
        );
        let mut late = calls.start(slow(&go), call()).await;
        assert_eq!(answer(&mut late).await.line, ENDING);
    }

    #[tokio::test]
    async fn a_defect_of_a_tool_is_an_answer() {
        let (calls, go) = (Calls::new(), Arc::new(Semaphore::new(0)));
        let mut defect = call();
        defect.arguments.insert("panic".to_owned(), true.into());
        let mut running = calls.start(slow(&go), defect).await;
        let answer = answer(&mut running).await;
        assert_eq!((answer.line.as_str(), answer.is_error), (DEFECT, true));
        // Its place is free again.
        calls.finish(Duration::ZERO).await;
    }

    #[tokio::test]
    async fn calls_are_bounded() {
        let (calls, go) = (Calls::new(), Arc::new(Semaphore::new(0)));
        for _ in 0..CALLS_MAX {
            drop(calls.start(slow(&go), call()).await);
        }
        let next = calls.start(slow(&go), call());
        let waiting = tokio::time::timeout(Duration::from_millis(20), next).await;
        assert!(waiting.is_err(), "one more than the most was started");
    }
}
