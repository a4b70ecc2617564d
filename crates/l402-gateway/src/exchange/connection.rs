//! The contexts of a request: its connection, the worker that serves it, and what all workers
//! share.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arc_swap::ArcSwap;
use http::HeaderValue;
use l402_server::Paywall;

use super::body::Aborted;
use super::proof_cache::ProofCache;
use super::streams::{OpenStreams, StreamCounts};
use crate::share::Load;
use crate::table::RouteTable;
use crate::upstream::SharedPool;

/// The state that all workers share.
pub(crate) struct GatewayState {
    /// The configuration in force; a reload replaces it as a whole.
    pub(crate) table: ArcSwap<RouteTable>,
    pub(crate) paywall: Paywall,
    pub(crate) streams: StreamCounts,
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
    pub(crate) peer: SocketAddr,
    /// The peer's IP address as a header's value, made once for all requests.
    pub(crate) address: HeaderValue,
    pub(crate) tls: bool,
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
