//! The contexts of a request: its connection, the worker that serves it, and what all workers share.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arc_swap::ArcSwap;
use http::HeaderValue;
use l402_server::Paywall;

use super::body::Over;
use super::proof_cache::Known;
use crate::table::Shop;
use crate::upstream::SharedPool;

/// Everything that all workers share.
pub(crate) struct State {
    pub(crate) shop: ArcSwap<Shop>,
    pub(crate) paywall: Paywall,
}

/// One worker, as its connections see it.
pub(crate) struct Worker {
    pub(crate) state: Arc<State>,
    pub(crate) pool: SharedPool,
    pub(crate) known: Known,
    pub(crate) over: Over,
}

/// One connection from a client, as its requests see it.
pub(crate) struct Connection {
    pub(crate) worker: Arc<Worker>,
    pub(crate) peer: SocketAddr,
    /// The peer's address, as a header says it.
    pub(crate) address: HeaderValue,
    pub(crate) tls: bool,
    /// Set with its first request.
    pub(crate) asked: AtomicBool,
    /// Set when the connection becomes a tunnel.
    pub(crate) tunnel: Arc<AtomicBool>,
    /// Dropped when the connection has ended, tunnel included: its listener counts it until then.
    pub(crate) _open: Box<dyn Send + Sync>,
}
