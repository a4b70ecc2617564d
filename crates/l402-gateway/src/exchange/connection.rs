//! The contexts of a request: its connection, the worker that serves it, and what all workers
//! share.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use http::HeaderValue;
use l402_server::Paywall;

use super::body::Aborted;
use super::proof_cache::ProofCache;
use super::redirect::Redirect;
use super::streams::{OpenStreams, StreamCounts};
use crate::metrics::Metrics;
use crate::notice::Notices;
use crate::share::{Load, Loads};
use crate::table::RouteTable;
use crate::trace::Traces;
use crate::upstream::SharedPool;

/// The state that all workers share.
pub(crate) struct GatewayState {
    /// The configuration in force; a reload replaces it as a whole.
    pub(crate) table: ArcSwap<RouteTable>,
    pub(crate) paywall: Paywall,
    pub(crate) streams: StreamCounts,
    pub(crate) loads: Loads,
    /// Set once the log has said that a proxy is missing in `trusted_proxies`.
    pub(crate) untrusted_proxy: AtomicBool,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) notices: Notices,
    /// Set once the gateway accepts no more connections.
    pub(crate) draining: Arc<AtomicBool>,
    /// `None` if the configuration names no collector.
    pub(crate) traces: Option<Arc<Traces>>,
}

impl GatewayState {
    /// Begins with nothing under way.
    pub(crate) fn new(
        table: RouteTable,
        paywall: Paywall,
        metrics: Arc<Metrics>,
        notices: Notices,
    ) -> Self {
        Self {
            table: ArcSwap::from_pointee(table),
            paywall,
            streams: StreamCounts::default(),
            loads: Loads::default(),
            untrusted_proxy: AtomicBool::default(),
            metrics,
            notices,
            draining: Arc::default(),
            traces: None,
        }
    }

    /// Hands spans of requests to this queue.
    pub(crate) fn with_traces(mut self, traces: Option<Arc<Traces>>) -> Self {
        self.traces = traces;
        self
    }

    /// Returns true once the gateway accepts no more connections.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}

/// The parts of a worker that its connections use.
pub(crate) struct Worker {
    pub(crate) state: Arc<GatewayState>,
    pub(crate) pool: SharedPool,
    pub(crate) proofs: ProofCache,
    /// Set when the deadline of a stop has passed.
    pub(crate) aborted: Aborted,
}

impl Worker {
    /// Closes the connections that nothing uses at present, because the process has no file
    /// descriptor left.
    pub(crate) fn free_descriptors(&self) {
        self.pool.slots().close_idle();
    }
}

/// The facts about a client's connection that its requests use.
pub(crate) struct Connection {
    pub(crate) worker: Arc<Worker>,
    /// The client, or the trusted proxy that speaks for it. After a PROXY header, the address in that.
    pub(crate) peer: SocketAddr,
    /// True if a PROXY header named no client: then no header of a request names one either.
    pub(crate) is_unnamed: bool,
    /// The peer's IP address as a header's value, made once for all requests.
    pub(crate) address: HeaderValue,
    /// True if the peer uses TLS, with the gateway or with a proxy that says so in its PROXY header.
    pub(crate) tls: bool,
    /// The ports of a redirect, if no request of this connection is served.
    pub(crate) redirect: Option<Redirect>,
    /// The streams of the caller, if this is a connection of HTTP/2.
    pub(crate) streams: Option<OpenStreams>,
    /// Set when the connection becomes a tunnel.
    pub(crate) tunnel: Arc<AtomicBool>,
    /// The requests of the peer's connections that are at upstreams.
    pub(crate) load: Load,
    /// Dropped when the connection has ended, tunnel included. The listener counts the connection
    /// as open until then.
    pub(crate) _open: Box<dyn Send + Sync>,
}
