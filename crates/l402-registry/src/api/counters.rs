//! Counters of a running registry.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use utoipa::ToSchema;

/// The work of a registry since it was started.
#[derive(Debug, Default)]
pub struct Counters {
    requests: AtomicU64,
    answers: [AtomicU64; 4],
    refused: [AtomicU64; 3],
    connections: AtomicU64,
    closed: AtomicU64,
}

/// The reason of a refusal that is counted by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Host,
    Origin,
    Rate,
}

/// The counters, as the API shows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct CountersJson {
    /// The requests.
    requests: u64,
    /// The answers with a status of 2xx.
    answers_2xx: u64,
    /// The answers with a status of 3xx.
    answers_3xx: u64,
    /// The answers with a status of 4xx.
    answers_4xx: u64,
    /// The answers with a status of 5xx.
    answers_5xx: u64,
    /// The requests with the name of another server.
    refused_host: u64,
    /// The changes that a page of another origin asked for.
    refused_origin: u64,
    /// The requests beyond the limit of their address.
    refused_rate: u64,
    /// The connections that were accepted.
    connections: u64,
    /// The connections that were closed at once, since there were too many.
    connections_closed: u64,
}

impl Counters {
    /// Counts an answer.
    pub(super) fn answered(&self, status: http::StatusCode) {
        add(&self.requests);
        let class = usize::from(status.as_u16() / 100);
        if let Some(answers) = class.checked_sub(2).and_then(|at| self.answers.get(at)) {
            add(answers);
        }
    }

    /// Counts a refusal.
    pub(super) fn refused(&self, refusal: Refusal) {
        if let Some(refused) = self.refused.get(refusal as usize) {
            add(refused);
        }
    }

    /// Counts a connection.
    pub(crate) fn connected(&self) {
        add(&self.connections);
    }

    /// Counts a connection that was closed at once.
    pub(crate) fn closed(&self) {
        add(&self.closed);
    }

    /// Returns the numbers.
    pub(super) fn read(&self) -> CountersJson {
        let [two, three, four, five] = &self.answers;
        let [host, origin, rate] = &self.refused;
        CountersJson {
            requests: value(&self.requests),
            answers_2xx: value(two),
            answers_3xx: value(three),
            answers_4xx: value(four),
            answers_5xx: value(five),
            refused_host: value(host),
            refused_origin: value(origin),
            refused_rate: value(rate),
            connections: value(&self.connections),
            connections_closed: value(&self.closed),
        }
    }
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn value(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
