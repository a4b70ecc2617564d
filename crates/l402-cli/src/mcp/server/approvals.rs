//! A person's decisions about payments that wait.

use std::sync::Arc;
use std::time::Duration;

use l402_client::{ApprovalState, Journal};
use l402_host::Clock;
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

/// The place where a person's decisions are written.
pub(crate) trait Approvals: Send + Sync {
    /// Returns the state of one. May block.
    fn decision(&self, approval: i64) -> Decision;
}

/// The journal as that place: no client can write its rows.
pub(crate) struct JournalApprovals {
    journal: Journal,
    clock: Arc<dyn Clock>,
}

impl JournalApprovals {
    pub(crate) fn new(journal: Journal, clock: Arc<dyn Clock>) -> Self {
        Self { journal, clock }
    }
}

impl Approvals for JournalApprovals {
    fn decision(&self, approval: i64) -> Decision {
        let found = self.journal.approval(approval);
        let row = match found {
            Ok(Some(row)) => row,
            Ok(None) => return Decision::Denied,
            Err(error) => {
                tracing::warn!(%error, "the approval cannot be read");
                return Decision::Waiting;
            }
        };
        match row.state {
            ApprovalState::Waiting if row.expires > self.clock.wall() => Decision::Waiting,
            // A yes that was used is for the tool to explain: it finds what was bought.
            ApprovalState::Approved | ApprovalState::Used => Decision::Approved,
            _ => Decision::Denied,
        }
    }
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
