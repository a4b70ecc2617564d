//! The time of one request: what the gateway took, and what its upstream took.

use std::time::Duration;

use http::{Response, StatusCode};
use l402::Problem;
use tokio::time::Instant;

use super::{Metrics, RequestOutcome};

/// The kinds of answers whose times are counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnswerKind {
    /// 402: the node or its stock has made an invoice.
    Challenge,
    /// The upstream was asked.
    Forwarded,
    /// Any other answer of the gateway's own.
    Own,
}

impl AnswerKind {
    pub(crate) const ALL: [Self; 3] = [Self::Challenge, Self::Forwarded, Self::Own];

    /// Returns the value of the label `answer`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Challenge => "challenge",
            Self::Forwarded => "forwarded",
            Self::Own => "own",
        }
    }
}

/// The times of one request, from its head to the head of its answer.
#[derive(Debug)]
pub(crate) struct Measure {
    started: Instant,
    upstream: Option<Duration>,
    /// The tag of the route, if it is a free one.
    free: Option<u32>,
}

impl Measure {
    /// Begins with a request whose head has come.
    pub(crate) fn begin() -> Self {
        Self {
            started: Instant::now(),
            upstream: None,
            free: None,
        }
    }

    /// Notes that the request passes a free route.
    pub(crate) fn passes_free(&mut self, tag: u32) {
        self.free = Some(tag);
    }

    /// Notes for how long the upstream was waited for.
    pub(crate) fn waited_for(&mut self, took: Duration) {
        self.upstream = Some(took);
    }

    /// Counts the answer, whose body may still be on its way.
    pub(crate) fn end<B>(self, metrics: &Metrics, answer: &Response<B>) {
        let own = self
            .started
            .elapsed()
            .saturating_sub(self.upstream.unwrap_or_default());
        let kind = match (self.upstream, answer.status()) {
            (Some(_), _) => AnswerKind::Forwarded,
            (None, StatusCode::PAYMENT_REQUIRED) => AnswerKind::Challenge,
            (None, _) => AnswerKind::Own,
        };
        metrics.gateway.own()[kind as usize].record(own);
        // The paywall's observer is told of no free request, so that such a request stays cheap.
        if let Some(tag) = self.free {
            let problem = answer.extensions().get::<Problem>().copied();
            let outcome = match problem {
                Some(_) => RequestOutcome::Refused,
                None => RequestOutcome::Free,
            };
            metrics.routes.at(Some(tag)).count(outcome, problem);
        }
    }
}
