//! The node, with its calls measured and its health known.
//!
//! ```text
//!   paywall ──▶ stock of invoices ──▶ NodeWatch ──▶ the node
//!                                       │ limits each call, refuses an invoice of another amount
//!                                       └─ is it up? ──▶ readers of settlements start again
//! ```
//!
//! Every call goes through here, so a node that hangs costs a caller two seconds at most, and a stock
//! never holds an invoice that was not asked for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use l402::{Msat, Network, PaymentHash, UnixTime};
use l402_host::{BoxFuture, BoxStream, Clock};
use l402_lightning::{
    Error, ErrorKind, InvoiceLimits, InvoiceRequest, InvoiceState, Liquidity, NewInvoice, Receive,
    Settlement, SettlementIndex,
};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::metrics::{CallEnd, Metrics, NodeCall};

/// The longest time of a call: as long as a buyer waits for an invoice.
const CALL_MAX: Duration = Duration::from_secs(2);

/// The longest time of the question where settlements stand, which some nodes search for.
const NEWEST_MAX: Duration = Duration::from_secs(5);

/// A call that its caller has dropped after this time says that the node is slow.
const SLOW: Duration = Duration::from_secs(1);

/// The time after which the health of a node that nobody has called is not known any more.
const STALE: Duration = Duration::from_secs(5);

/// The health of the node, as its last calls show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodeHealth {
    /// False if the last call failed because of the node, or had no answer in time. True before the
    /// first call.
    pub(crate) up: bool,
    /// The time of the last call that the node answered.
    pub(crate) last_success: Option<UnixTime>,
    /// The reason why a call failed last, without secrets. It stays when the node is up again.
    pub(crate) last_error: Option<String>,
    /// The time that the last answer took.
    pub(crate) latency: Option<Duration>,
}

/// A node whose calls are measured. A clone is the same node.
#[derive(Clone, Debug)]
pub(crate) struct NodeWatch {
    node: Arc<dyn Receive>,
    state: Arc<NodeState>,
}

#[derive(Debug)]
struct NodeState {
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
    known: Mutex<Known>,
    /// The number of times that the node has come back.
    recoveries: watch::Sender<u64>,
}

#[derive(Debug)]
struct Known {
    health: NodeHealth,
    /// The moment of the last call, ended or begun as a probe, by the monotonic clock.
    called: Option<Duration>,
}

/// A call under way.
struct Pending<'a> {
    state: &'a NodeState,
    call: NodeCall,
    begun: Instant,
    is_open: bool,
}

impl NodeWatch {
    /// Watches a node.
    pub(crate) fn new(
        node: Arc<dyn Receive>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Self {
        // A gateway that has just started must not count as one whose node is away.
        let health = NodeHealth {
            up: true,
            last_success: None,
            last_error: None,
            latency: None,
        };
        let known = Known {
            health,
            called: None,
        };
        let state = NodeState {
            metrics,
            clock,
            known: Mutex::new(known),
            recoveries: watch::Sender::new(0),
        };
        Self {
            node,
            state: Arc::new(state),
        }
    }

    /// Returns the health as it is known. If nobody has called the node for a while, it is looked up
    /// on `runtime`, so that the next caller knows more.
    pub(crate) fn health(&self, runtime: Option<&Handle>) -> NodeHealth {
        let now = self.state.clock.monotonic();
        let mut known = self.state.locked();
        let is_stale = known
            .called
            .is_none_or(|called| now.saturating_sub(called) >= STALE);
        if let Some(runtime) = runtime.filter(|_| is_stale) {
            // Before it ends: further callers must not probe meanwhile.
            known.called = Some(now);
            let watch = self.clone();
            runtime.spawn(async move { watch.probe().await });
        }
        known.health.clone()
    }

    /// Asks for an invoice that does not exist.
    async fn probe(self) {
        // The state has noted how it ended.
        let _ = self.lookup(PaymentHash::from_bytes([0; 32])).await;
    }

    /// Returns what changes whenever the node has come back.
    pub(crate) fn recoveries(&self) -> watch::Receiver<u64> {
        self.state.recoveries.subscribe()
    }

    /// Notes that the stream of settlements has ended. Says nothing of the node's calls: what may make
    /// invoices may lack the right to list payments, and each invoice would call the node back.
    pub(crate) fn stream_failed(&self, error: &Error) {
        let (call, end) = (NodeCall::Settlements, CallEnd::Error);
        self.state.metrics.node.ended(call, end, Duration::ZERO);
        self.state.locked().health.last_error = Some(error.to_string());
    }

    async fn call<T>(
        &self,
        call: NodeCall,
        limit: Duration,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let mut pending = Pending {
            state: &self.state,
            call,
            begun: Instant::now(),
            is_open: true,
        };
        let ended = timeout(limit, work).await;
        // The call is counted below, so the drop of `pending` must not count it as well.
        pending.is_open = false;
        let took = pending.begun.elapsed();
        let silent = |_| Error::new(ErrorKind::Timeout, "no answer in time");
        let answered = ended.map_err(silent).flatten();
        match &answered {
            Ok(_) => self.state.answered(call, took),
            Err(error) => self.state.failed(call, error, took),
        }
        answered
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        let took = self.begun.elapsed();
        // A buyer who leaves at once says nothing about the node.
        if self.is_open && took >= SLOW {
            let error = Error::new(ErrorKind::Timeout, "no answer in time");
            self.state.failed(self.call, &error, took);
        }
    }
}

impl NodeState {
    fn locked(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answered(&self, call: NodeCall, took: Duration) {
        self.metrics.node.ended(call, CallEnd::Ok, took);
        let was_up = {
            let mut known = self.locked();
            known.called = Some(self.clock.monotonic());
            known.health.last_success = Some(self.clock.wall());
            known.health.latency = Some(took);
            core::mem::replace(&mut known.health.up, true)
        };
        if !was_up {
            tracing::warn!("the node answers again");
            self.recoveries
                .send_modify(|number| *number = number.wrapping_add(1));
        }
    }

    /// Notes a failure. One that is about a single request leaves the node as it was.
    fn failed(&self, call: NodeCall, error: &Error, took: Duration) {
        let end = match error.kind() {
            ErrorKind::Timeout => CallEnd::Timeout,
            _ => CallEnd::Error,
        };
        self.metrics.node.ended(call, end, took);
        let was_up = {
            let mut known = self.locked();
            known.called = Some(self.clock.monotonic());
            known.health.last_error = Some(error.to_string());
            // An error of one request says neither that the node is away, nor that it is back.
            let up = known.health.up && !error.is_of_node();
            core::mem::replace(&mut known.health.up, up) && !up
        };
        if was_up {
            tracing::warn!(%error, "the node does not answer: nothing new is sold until it does");
        }
    }

    /// Returns the invoice if it is over the amount that was asked for.
    fn checked(&self, made: NewInvoice, asked: Msat) -> Result<NewInvoice, Error> {
        // A node that knows nothing finer than a satoshi rounds up.
        let rounded_up = Msat::from_sat(asked.ceil_sat());
        let amount = made.terms().amount;
        if amount == Some(asked) || amount == Some(rounded_up) {
            return Ok(made);
        }
        let text = "the node's invoice has another amount than was asked";
        self.metrics
            .node
            .ended(NodeCall::CreateInvoice, CallEnd::Wrong, Duration::ZERO);
        self.locked().health.last_error = Some(text.to_owned());
        Err(Error::new(ErrorKind::Protocol, text))
    }
}

impl Receive for NodeWatch {
    fn network(&self) -> Network {
        self.node.network()
    }

    fn preimage_is_proof(&self) -> bool {
        self.node.preimage_is_proof()
    }

    fn signs_here(&self) -> bool {
        self.node.signs_here()
    }

    fn limits(&self) -> InvoiceLimits {
        self.node.limits()
    }

    fn create_invoice(&self, request: InvoiceRequest) -> BoxFuture<'_, Result<NewInvoice, Error>> {
        let asked = request.amount;
        let work = self.node.create_invoice(request);
        Box::pin(async move {
            let made = self.call(NodeCall::CreateInvoice, CALL_MAX, work).await?;
            self.state.checked(made, asked)
        })
    }

    fn lookup(&self, payment_hash: PaymentHash) -> BoxFuture<'_, Result<InvoiceState, Error>> {
        let work = self.node.lookup(payment_hash);
        Box::pin(self.call(NodeCall::Lookup, CALL_MAX, work))
    }

    fn lookup_by(
        &self,
        reference: String,
        payment_hash: PaymentHash,
        amount: Msat,
    ) -> BoxFuture<'_, Result<InvoiceState, Error>> {
        let work = self.node.lookup_by(reference, payment_hash, amount);
        Box::pin(self.call(NodeCall::Lookup, CALL_MAX, work))
    }

    fn newest_settlement(&self) -> BoxFuture<'_, Result<SettlementIndex, Error>> {
        let work = self.node.newest_settlement();
        Box::pin(self.call(NodeCall::NewestSettlement, NEWEST_MAX, work))
    }

    /// Returns the node's own answer. No request waits for it.
    fn liquidity(&self) -> BoxFuture<'_, Result<Option<Liquidity>, Error>> {
        self.node.liquidity()
    }

    fn settlements(&self, from: SettlementIndex) -> BoxStream<'_, Result<Settlement, Error>> {
        self.node.settlements(from)
    }
}
