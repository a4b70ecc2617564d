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

#[cfg(test)]
mod tests {
    use l402::{Msat, PaymentHash, UnixTime};
    use l402_client::{Consent, ConsentRequest};
    use l402_host::ManualClock;

    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

    /// Makes a row that waits, for the payment with this number.
    fn ask(journal: &Journal, number: u8) -> i64 {
        let request = ConsentRequest {
            agent: l402_client::BudgetName::default(),
            tool: "pay_invoice".to_owned(),
            arguments: [number; 32],
            payment_hash: PaymentHash::from_bytes([number; 32]),
            amount: Msat::from_sat(500),
            fee_limit: Msat::from_sat(10),
            payee: "02".repeat(33),
            origin: None,
            host: None,
            now: NOW,
        };
        match journal.consent(&request).unwrap() {
            Consent::Waiting(id) => id,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_a_row_that_a_person_has_approved_is_a_yes() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path()).unwrap();
        let clock = Arc::new(ManualClock::new(NOW));
        let approvals = JournalApprovals::new(journal.clone(), clock.clone());
        let (yes, no, late) = (ask(&journal, 1), ask(&journal, 2), ask(&journal, 3));
        for id in [yes, no, late] {
            assert_eq!(approvals.decision(id), Decision::Waiting);
        }
        journal.decide_approval(yes, true, NOW).unwrap();
        journal.decide_approval(no, false, NOW).unwrap();
        assert_eq!(approvals.decision(yes), Decision::Approved);
        assert_eq!(approvals.decision(no), Decision::Denied);
        clock.advance(Duration::from_secs(3600));
        assert_eq!(approvals.decision(late), Decision::Denied);
        assert_eq!(approvals.decision(99), Decision::Denied);
    }
}
