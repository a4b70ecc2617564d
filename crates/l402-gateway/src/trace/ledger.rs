//! A ledger whose reservations leave spans.

use std::sync::Arc;

use l402_host::BoxFuture;
use l402_server::Ledger;
use l402_server::ledger::{Lease, Reservation, ReserveError, ReserveRequest, Settle};

use super::span::Work;
use super::traces::Traces;

/// A ledger that is traced.
#[derive(Debug)]
pub(crate) struct TracedLedger {
    ledger: Arc<dyn Ledger>,
    traces: Arc<Traces>,
}

impl TracedLedger {
    pub(crate) fn new(ledger: Arc<dyn Ledger>, traces: &Arc<Traces>) -> Self {
        let traces = Arc::clone(traces);
        Self { ledger, traces }
    }
}

impl Ledger for TracedLedger {
    fn reserve(&self, request: ReserveRequest) -> BoxFuture<'_, Result<Reservation, ReserveError>> {
        let reserving = self.ledger.reserve(request);
        // Nearly every request takes this way, without a second allocation.
        let Some(started) = self.traces.child() else {
            return reserving;
        };
        Box::pin(async move {
            let reserved = reserving.await;
            // Without a unit left the ledger has done its work all the same.
            let fails = matches!(
                reserved,
                Err(ReserveError::ClockBehind { .. } | ReserveError::Unavailable(_))
            );
            self.traces.end(Some(started), || Work::Reserve { fails });
            reserved
        })
    }

    fn settle(&self, reservation: Reservation, settle: Settle) {
        self.ledger.settle(reservation, settle);
    }

    fn flush(&self) -> BoxFuture<'_, ()> {
        self.ledger.flush()
    }

    fn lease(&self) -> Option<Lease> {
        self.ledger.lease()
    }

    fn holder(&self) -> Option<i64> {
        self.ledger.holder()
    }
}
