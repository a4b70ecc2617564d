//! A worker: one thread, one runtime, listeners and upstream connections of its own.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use http::HeaderValue;
use l402_server::Paywall;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::GatewayError;
use crate::exchange::Known;
use crate::exchange::body::Over;
use crate::listen;
use crate::listen::{PeerSlot, Peers};
use crate::table::Shop;
use crate::upstream::{Pool, SharedPool};

/// What all workers share.
pub(crate) struct State {
    pub(crate) shop: ArcSwap<Shop>,
    pub(crate) paywall: Paywall,
    pub(crate) peers: Peers,
}

/// One worker, as its connections see it.
pub(crate) struct Worker {
    pub(crate) state: Arc<State>,
    pub(crate) pool: SharedPool,
    pub(crate) known: Known,
    /// Told once: stop, and how long what is under way may take.
    pub(crate) stop: Stop,
    pub(crate) over: Over,
}

/// Hears that the gateway stops.
#[derive(Clone)]
pub(crate) struct Stop(pub(crate) watch::Receiver<Option<Duration>>);

impl Stop {
    /// Waits for it; gives how long what is under way may take. A gateway that went without a
    /// word was dropped: no time at all.
    pub(crate) async fn told(&mut self) -> Duration {
        let told = self.0.wait_for(Option::is_some).await;
        told.ok().and_then(|deadline| *deadline).unwrap_or_default()
    }
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
    pub(crate) _open: Open,
}

/// Held by whatever keeps a connection open; a worker ends when the last one is gone.
pub(crate) struct Open {
    pub(crate) _slot: PeerSlot,
    pub(crate) _alive: mpsc::Sender<()>,
}

/// Starts a worker's thread. It ends after `stop` has been told.
pub(crate) fn start(
    number: usize,
    listeners: Vec<TcpListener>,
    state: Arc<State>,
    stop: Stop,
) -> Result<JoinHandle<()>, GatewayError> {
    let failed =
        |error: std::io::Error| GatewayError::new(format!("cannot start a worker: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    let worker = Arc::new(Worker {
        state,
        pool: Arc::new(Pool::default()),
        known: Known::default(),
        stop,
        over: Over::default(),
    });
    std::thread::Builder::new()
        .name(format!("l402-worker-{number}"))
        .spawn(move || runtime.block_on(run(worker, listeners)))
        .map_err(failed)
}

async fn run(worker: Arc<Worker>, listeners: Vec<TcpListener>) {
    let (alive, mut all_gone) = mpsc::channel(1);
    tokio::spawn(Arc::clone(&worker.pool).grow_old());
    for listener in listeners {
        tokio::spawn(listen::accept(listener, Arc::clone(&worker), alive.clone()));
    }
    drop(alive);
    let (mut stop, over) = (worker.stop.clone(), Arc::clone(&worker.over));
    drop(worker);
    let deadline = stop.told().await;
    // Whatever is open after it ends with the runtime, and is not its client's doing.
    let _ = timeout(deadline, all_gone.recv()).await;
    over.store(true, Ordering::Relaxed);
}
