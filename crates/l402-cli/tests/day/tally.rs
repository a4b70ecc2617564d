//! What the buyers counted themselves, to be compared with what the gateway says.

use std::collections::{BTreeMap, BTreeSet};

use crate::wire::Answer;

/// Ends of requests, by the pattern of the route and the outcome as the metrics name it.
pub(crate) type Outcomes = BTreeMap<(String, String), u64>;

#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) requests: usize,
    pub(crate) outcomes: Outcomes,
    /// The hashes of all payments, by hex digits.
    pub(crate) payments: BTreeSet<String>,
    pub(crate) paid_msat: u64,
    /// Sales by route: uses that were counted and served, and payments for a time that were used.
    pub(crate) sales: BTreeMap<String, u64>,
    /// Payments that failed, and that were held first.
    pub(crate) failed: usize,
    pub(crate) held: usize,
    /// Paths that were paid for and had, and how often.
    pub(crate) had: BTreeMap<String, usize>,
}

impl Tally {
    /// Counts the end of a request.
    pub(crate) fn count(&mut self, kind: &str, has_credential: bool, answer: &Answer) {
        self.requests += 1;
        let outcome = outcome(kind, has_credential, answer).to_owned();
        let key = (format!("/{kind}/{{id}}"), outcome);
        *self.outcomes.entry(key).or_default() += 1;
    }

    pub(crate) fn outcome(&self, kind: &str, outcome: &str) -> u64 {
        let key = (format!("/{kind}/{{id}}"), outcome.to_owned());
        self.outcomes.get(&key).copied().unwrap_or(0)
    }
}

/// Returns the outcome of an answer as docs/metrics.md describes it.
fn outcome(kind: &str, has_credential: bool, answer: &Answer) -> &'static str {
    match (answer.status, has_credential) {
        (200, _) if kind == "free" => "free",
        (200, true) => "served",
        (402, _) => "offered",
        (500 | 502 | 504, true) => "given_back_upstream",
        _ => "refused",
    }
}
