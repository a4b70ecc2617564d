//! One exchange, and the observer that is told of it.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};
use l402::Problem;
use l402_host::Clock;

use super::{Exchange, Fault, Observe, Offered, Outcome, Refused, Settled, Verdict};

/// One exchange under observation. Exists only if there is an observer.
#[derive(Debug)]
pub(crate) struct Observation {
    observer: Arc<dyn Observe>,
    clock: Arc<dyn Clock>,
    exchange: Exchange,
    status: Option<StatusCode>,
    problem: Option<Problem>,
    answer_bytes: Option<u64>,
}

impl Observation {
    /// Begins with the decision, and tells it.
    pub(crate) fn begin(
        observer: &Arc<dyn Observe>,
        clock: &Arc<dyn Clock>,
        exchange: Exchange,
        verdict: Verdict,
    ) -> Box<Self> {
        observer.decided(&exchange, verdict);
        Box::new(Self::new(observer, clock, exchange))
    }

    /// Begins with a request that the host refuses before anything is decided.
    pub(crate) fn of_unread(
        observer: &Arc<dyn Observe>,
        clock: &Arc<dyn Clock>,
        method: &Method,
    ) -> Self {
        let exchange = Exchange::unread(method.clone(), clock.monotonic());
        Self::new(observer, clock, exchange)
    }

    fn new(observer: &Arc<dyn Observe>, clock: &Arc<dyn Clock>, exchange: Exchange) -> Self {
        Self {
            observer: Arc::clone(observer),
            clock: Arc::clone(clock),
            exchange,
            status: None,
            problem: None,
            answer_bytes: None,
        }
    }

    pub(crate) fn offered(&self, offered: &Offered) {
        self.observer.offered(&self.exchange, offered);
    }

    pub(crate) fn granted(&mut self, uses_left: Option<u64>) {
        self.exchange.set_uses_left(uses_left);
        self.observer.granted(&self.exchange);
    }

    pub(crate) fn refused(&self, problem: Option<Problem>, status: StatusCode, has_offer: bool) {
        let refused = Refused {
            problem,
            status,
            has_offer,
            took: self.took(),
        };
        self.observer.refused(&self.exchange, &refused);
    }

    /// Notes the status of the service's answer.
    pub(crate) fn answered(&mut self, status: StatusCode) {
        self.status = Some(status);
    }

    /// Notes the answer that the host makes instead of the service.
    pub(crate) fn replaced(&mut self, problem: Problem) {
        self.problem = Some(problem);
        self.status = StatusCode::from_u16(problem.status()).ok();
    }

    /// Notes the length of the answer's body.
    pub(crate) fn measured(&mut self, bytes: Option<u64>) {
        self.answer_bytes = bytes;
    }

    pub(crate) fn settled(&self, outcome: Outcome, fault: Option<Fault>, is_spent: bool) {
        let settled = Settled {
            outcome,
            is_spent,
            fault,
            problem: self.problem,
            status: self.status,
            answer_bytes: self.answer_bytes,
            took: self.took(),
        };
        self.observer.settled(&self.exchange, &settled);
    }

    fn took(&self) -> Duration {
        // The clock of a test may stand still, and none may run back.
        let now = self.clock.monotonic();
        now.saturating_sub(self.exchange.started())
    }
}
