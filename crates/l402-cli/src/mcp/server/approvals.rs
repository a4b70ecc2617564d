//! What a person has decided about a payment that waits.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

/// The pause between two looks at a decision.
const PAUSE: Duration = Duration::from_millis(300);

/// The state of a payment that asks for a person's approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Nobody has decided yet.
    Waiting,
    /// Approved. The same call again pays, once.
    Approved,
    /// Declined, expired, or not there.
    Denied,
}

/// The place where a person's decisions are written: the journal, whose rows no client can write.
pub(crate) trait Approvals: Send + Sync {
    /// Returns the state of one. May block.
    fn decision(&self, approval: i64) -> Decision;
}

/// Waits for a decision, and returns the last state at the limit.
pub(super) async fn wait(
    approvals: &Arc<dyn Approvals>,
    approval: i64,
    limit: Duration,
) -> Decision {
    let end = Instant::now() + limit;
    loop {
        let looking = Arc::clone(approvals);
        let look = tokio::task::spawn_blocking(move || looking.decision(approval));
        // A look that fails says nothing, so nothing is paid.
        let decision = look.await.unwrap_or(Decision::Denied);
        if decision != Decision::Waiting || Instant::now() >= end {
            return decision;
        }
        tokio::time::sleep(PAUSE).await;
    }
}
