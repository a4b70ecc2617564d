//! The contexts of a request: its connection, the worker that serves it, and what all workers share.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arc_swap::ArcSwap;
use http::HeaderValue;
use l402_server::Paywall;

use super::body::Aborted;
use super::proof_cache::ProofCache;
use crate::table::RouteTable;
use crate::upstream::SharedPool;

/// Everything that all workers share.
pub(crate) struct GatewayState {
    pub(crate) table: ArcSwap<RouteTable>,
    pub(crate) paywall: Paywall,
}

/// One worker, as its connections see it.
pub(crate) struct Worker {
    pub(crate) state: Arc<GatewayState>,
    pub(crate) pool: SharedPool,
    pub(crate) proofs: ProofCache,
    /// Set when the time of a stop is over.
    pub(crate) aborted: Aborted,
}

/// One connection from a client, as its requests see it.
pub(crate) struct Connection {
    pub(crate) worker: Arc<Worker>,
    pub(crate) peer: SocketAddr,
    /// The peer's address, as a header says it.
    pub(crate) address: HeaderValue,
    pub(crate) tls: bool,
    /// Set with its first request.
    pub(crate) has_request: AtomicBool,
    /// Set when the connection becomes a tunnel.
    pub(crate) tunnel: Arc<AtomicBool>,
    /// Dropped when the connection has ended, tunnel included: its listener counts it until then.
    pub(crate) _open: Box<dyn Send + Sync>,
}
