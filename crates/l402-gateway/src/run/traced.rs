//! The parts of a gateway that leave spans, if its configuration names a collector.

use std::sync::Arc;

use l402_host::Clock;
use l402_lightning::Receive;
use l402_server::observe::Observers;
use l402_server::{Ledger, Observe};

use super::control::Control;
use crate::config::Fixed;
use crate::trace::{TracedLedger, TracedNode, Traces};
use crate::{GatewayError, GatewayErrorKind};

/// Starts sending spans on the control runtime. `None` if nobody wants any.
///
/// # Errors
/// No client for the collector can be made.
pub(super) fn start(
    fixed: &Fixed,
    clock: &Arc<dyn Clock>,
    control: &Control,
) -> Result<Option<Arc<Traces>>, GatewayError> {
    let Some(runtime) = control.handle() else {
        return Ok(None);
    };
    Traces::start(&fixed.trace, clock, runtime)
        .map_err(|text| GatewayError::new(GatewayErrorKind::Configuration, text))
}

/// Puts a traced node and a traced ledger before those that the paywall asks.
pub(super) fn parts(
    node: Arc<dyn Receive>,
    ledger: Arc<dyn Ledger>,
    traces: &Option<Arc<Traces>>,
) -> (Arc<dyn Receive>, Arc<dyn Ledger>) {
    match traces {
        Some(traces) => (
            Arc::new(TracedNode::new(node, traces)),
            Arc::new(TracedLedger::new(ledger, traces)),
        ),
        None => (node, ledger),
    }
}

/// Adds the observer that ends the spans of requests.
pub(super) fn observer(
    observer: Arc<dyn Observe>,
    traces: &Option<Arc<Traces>>,
) -> Arc<dyn Observe> {
    match traces {
        Some(traces) => Arc::new(Observers::new(observer, traces.clone())),
        None => observer,
    }
}

/// Waits until the spans so far are sent or lost, for two seconds at most. Blocks.
pub(super) fn flush(traces: &Option<Arc<Traces>>, control: &Control) {
    if let Some(traces) = traces.clone() {
        // An error means that the control runtime has ended, and the exporter with it.
        let _ = control.run(async move { traces.flush().await });
    }
}
