//! The sum of the effects of all kills.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::load::{BUYERS, Record, Served, Ticket};
use crate::run::millis;

/// So long after an answer's end its use counts as spent, whatever happens.
const DUE: Duration = Duration::from_millis(50);

/// One kill of the gateway.
pub(super) struct Kill {
    /// Requests under way just before.
    pub(super) in_flight: usize,
    pub(super) at: Duration,
}

#[derive(Debug, Default)]
pub(super) struct Sum {
    kills: usize,
    tokens: usize,
    uses: usize,
    answers: usize,
    /// Uses that were paid for and never had.
    lost: usize,
    /// Answers beyond the uses, although those before had ended long before a kill.
    again_due: usize,
    /// Answers beyond the uses, by the kill that made them possible.
    again: HashMap<usize, usize>,
    in_flight_most: usize,
    /// Requests that reached the service behind the gateway.
    delivered: usize,
}

impl Sum {
    pub(super) fn of(
        records: &[(Arc<Ticket>, Record)],
        kills: &[Kill],
        delivered: &HashMap<String, u32>,
    ) -> Self {
        let mut sum = Self {
            kills: kills.len(),
            tokens: records.len(),
            in_flight_most: kills.iter().map(|kill| kill.in_flight).max().unwrap_or(0),
            ..Self::default()
        };
        for (ticket, record) in records {
            sum.add(ticket, record, kills);
            let count = delivered.get(&ticket.path).copied().unwrap_or(0);
            sum.delivered += usize::try_from(count).unwrap_or(usize::MAX);
        }
        sum
    }

    fn add(&mut self, ticket: &Ticket, record: &Record, kills: &[Kill]) {
        let answers = record.served.len();
        self.uses += ticket.uses;
        self.answers += answers;
        self.lost += ticket.uses.saturating_sub(answers);
        let again = answers.saturating_sub(ticket.uses);
        let was_not_due = |served: &&Served| {
            let kill = kills.get(served.life);
            kill.is_some_and(|kill| served.ended + DUE >= kill.at)
        };
        let late: Vec<usize> = record
            .served
            .iter()
            .filter(was_not_due)
            .map(|s| s.life)
            .collect();
        self.again_due += again.saturating_sub(late.len());
        for life in late.into_iter().rev().take(again) {
            *self.again.entry(life).or_default() += 1;
        }
    }

    /// Checks that no crash did what it must not.
    pub(super) fn check(&self, in_flight_max: usize) {
        assert_eq!(self.lost, 0, "paid for and never had: {self:?}");
        assert_eq!(self.again_due, 0, "served again although due: {self:?}");
        // Two answers of each buyer may not be on disk yet: the ledger keeps a commit back for a
        // moment, and may make the next reservation of the same buyer durable before it.
        assert!(
            self.again_most() <= 2 * in_flight_max,
            "more than two for each in flight: {self:?}"
        );
        assert!(
            self.delivered >= self.answers,
            "answers from nowhere: {self:?}"
        );
        let most = self.uses + self.kills * in_flight_max;
        assert!(
            self.delivered <= most,
            "more than the kills explain: {self:?}"
        );
    }

    fn again_most(&self) -> usize {
        self.again.values().copied().max().unwrap_or(0)
    }

    pub(super) fn to_json(&self, starts: &[Duration], time: Duration) -> Value {
        let mut starts: Vec<u64> = starts.iter().copied().map(millis).collect();
        starts.sort_unstable();
        let middle = starts.get(starts.len() / 2);
        json!({
            "machine": "gateway",
            "kills": self.kills,
            "requests_at_once": BUYERS,
            "tokens": self.tokens,
            "uses": self.uses,
            "answers": self.answers,
            "delivered": self.delivered,
            "lost": self.lost,
            "served_again_due": self.again_due,
            "served_again": self.again.values().sum::<usize>(),
            "served_again_most_by_one_kill": self.again_most(),
            "in_flight_most": self.in_flight_most,
            "serving_again_ms": { "middle": middle, "most": starts.last() },
            "seconds": time.as_secs(),
        })
    }
}
