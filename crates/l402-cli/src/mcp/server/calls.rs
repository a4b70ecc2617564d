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

/// The calls of one server. Clones are the same calls.
#[derive(Clone)]
pub(super) struct Calls(Arc<Semaphore>);

impl Calls {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(CALLS_MAX as usize)))
    }

    /// Starts a call, once there is room for one. Dropping the handle abandons the answer alone.
    pub(super) async fn start(&self, tool: Arc<dyn Tool>, call: Call) -> JoinHandle<Answer> {
        let permit = Arc::clone(&self.0).acquire_owned().await;
        tokio::spawn(async move {
            let answer = tool.call(call).await;
            drop(permit);
            answer
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
    call.await.unwrap_or_else(|_| {
        // A defect of ours. What it paid is in the journal, so nothing must be tried again blindly.
        let line = "The wallet failed in the middle of this call. Do not repeat it: read `receipts` \
                    first, for it may have paid.";
        Answer {
            structured: json!({ "outcome": "error", "error": "internal" }),
            line: line.to_owned(),
            is_error: true,
            parts: Vec::new(),
            waiting: None,
        }
    })
}
