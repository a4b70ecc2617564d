//! Commits that are kept back for a moment.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use l402::PaymentHash;

use super::settle::Owed;

/// The time that a commit is kept back. It is asked for when the last piece of an answer is handed over to
/// be written: a process that is killed before that piece is on its way must not have spent the use.
pub(super) const GRACE: Duration = Duration::from_micros(500);

/// Commits in their grace, oldest first, with its end.
#[derive(Debug, Default)]
pub(super) struct Late(VecDeque<(Duration, Owed)>);

impl Late {
    /// Keeps a commit back until `end`, a monotonic time.
    pub(super) fn keep(&mut self, end: Duration, owed: Owed) {
        self.0.push_back((end, owed));
    }

    /// The end of the first grace.
    pub(super) fn first_end(&self) -> Option<Duration> {
        self.0.front().map(|(end, _)| *end)
    }

    /// Takes those whose grace is over, or whose payment is asked for again; all of them with `all`.
    pub(super) fn take(
        &mut self,
        now: Duration,
        again: &HashSet<PaymentHash>,
        all: bool,
    ) -> Vec<Owed> {
        let mut due = Vec::new();
        self.0.retain(|(end, owed)| {
            let is_due = all || *end <= now || again.contains(&owed.payment);
            if is_due {
                due.push(*owed);
            }
            !is_due
        });
        due
    }
}
