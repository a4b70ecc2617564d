//! The observer that ends the span of a request.

use l402_server::observe::{Exchange, Observe, Refused, Settled, Verdict};

use super::present::present;
use super::span::Work;
use super::traces::Traces;

impl Observe for Traces {
    /// Only requests whose spans are recorded are followed, free ones included: the others cost nothing.
    fn follows(&self, _: Verdict) -> bool {
        present().is_some()
    }

    fn settled(&self, exchange: &Exchange, settled: &Settled) {
        self.end_request(exchange.trace(), settled.took(), || {
            Work::Settled(Box::new((exchange.clone(), *settled)))
        });
    }

    fn refused(&self, exchange: &Exchange, refused: &Refused) {
        self.end_request(exchange.trace(), refused.took(), || {
            Work::Refused(Box::new((exchange.clone(), *refused)))
        });
    }
}
