//! Two observers in the place of one.

use std::sync::Arc;
use std::time::Duration;

use l402::{Msat, PaymentHash};

use super::{Exchange, Observe, Offered, Refused, Settled, Verdict};

/// Two observers that are told the same events, the first one first.
///
/// A request is followed if one of them follows it; the other one is then told of its decision by
/// [`Observe::decided`], too.
#[derive(Debug)]
pub struct Observers(Arc<dyn Observe>, Arc<dyn Observe>);

impl Observers {
    /// Joins two observers.
    #[must_use]
    pub fn new(first: Arc<dyn Observe>, second: Arc<dyn Observe>) -> Self {
        Self(first, second)
    }
}

impl Observe for Observers {
    fn follows(&self, verdict: Verdict) -> bool {
        self.0.follows(verdict) || self.1.follows(verdict)
    }

    fn counted(&self, verdict: Verdict) {
        self.0.counted(verdict);
        self.1.counted(verdict);
    }

    fn decided(&self, exchange: &Exchange, verdict: Verdict) {
        self.0.decided(exchange, verdict);
        self.1.decided(exchange, verdict);
    }

    fn offered(&self, exchange: &Exchange, offered: &Offered) {
        self.0.offered(exchange, offered);
        self.1.offered(exchange, offered);
    }

    fn reserved(&self, took: Duration, failed: Option<&str>) {
        self.0.reserved(took, failed);
        self.1.reserved(took, failed);
    }

    fn granted(&self, exchange: &Exchange) {
        self.0.granted(exchange);
        self.1.granted(exchange);
    }

    fn settled(&self, exchange: &Exchange, settled: &Settled) {
        self.0.settled(exchange, settled);
        self.1.settled(exchange, settled);
    }

    fn refused(&self, exchange: &Exchange, refused: &Refused) {
        self.0.refused(exchange, refused);
        self.1.refused(exchange, refused);
    }

    fn settlement(&self, payment_hash: PaymentHash, amount: Msat) {
        self.0.settlement(payment_hash, amount);
        self.1.settlement(payment_hash, amount);
    }
}
