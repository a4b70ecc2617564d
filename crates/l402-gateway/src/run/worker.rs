//! A worker: a thread with a runtime, listeners and upstream connections of its own.

use core::pin::pin;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::exchange::{Aborted, GatewayState, ProofCache, Worker};
use crate::listen::{AcceptWarnings, Acceptor, Peers, Redirected, StopSignal};
use crate::upstream::{Pool, Slots};
use crate::{GatewayError, GatewayErrorKind};

/// The parts that every worker is started with.
#[derive(Clone)]
pub(super) struct WorkerSetup {
    pub(super) state: Arc<GatewayState>,
    pub(super) peers: Peers,
    pub(super) slots: Arc<Slots>,
    pub(super) warnings: Arc<AcceptWarnings>,
    /// The addresses whose connections begin with a PROXY header.
    pub(super) proxied: Arc<[SocketAddr]>,
    /// The address whose requests are only sent on to TLS.
    pub(super) redirected: Option<Redirected>,
    pub(super) stop: StopSignal,
    /// True once the worker may accept.
    pub(super) may_accept: watch::Receiver<bool>,
}

/// Starts a worker's thread, which ends after the stop signal.
pub(super) fn start(
    number: usize,
    listeners: Vec<TcpListener>,
    setup: WorkerSetup,
) -> Result<JoinHandle<()>, GatewayError> {
    let failed = |error: std::io::Error| {
        let text = format!("cannot start a worker: {error}");
        GatewayError::new(GatewayErrorKind::Runtime, text).with_source(error)
    };
    // Made before the thread starts, so that the caller gets an error.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    std::thread::Builder::new()
        .name(format!("l402-worker-{number}"))
        .spawn(move || runtime.block_on(run(setup, listeners)))
        .map_err(failed)
}

/// Serves until the stop signal, and then until the last connection has ended or the deadline
/// passes.
async fn run(setup: WorkerSetup, listeners: Vec<TcpListener>) {
    let WorkerSetup {
        state,
        peers,
        slots,
        warnings,
        proxied,
        redirected,
        mut stop,
        mut may_accept,
    } = setup;
    tokio::select! {
        _ = may_accept.wait_for(|may| *may) => {}
        () = stop.notified() => return,
    }
    let pool = Pool::new(slots);
    let aborted = Aborted::default();
    let (alive, mut all_gone) = mpsc::channel(1);
    tokio::spawn(Arc::clone(&pool).close_idle());
    let acceptor = Acceptor {
        worker: Arc::new(Worker {
            state,
            pool,
            proofs: ProofCache::default(),
            aborted: Arc::clone(&aborted),
        }),
        peers,
        stop: stop.clone(),
        warnings,
        proxied,
        redirected,
        alive,
    };
    for listener in listeners {
        tokio::spawn(acceptor.clone().accept(listener));
    }
    // The last connection that ends closes the channel, so no sender may be left here.
    drop(acceptor);
    stop.notified().await;
    let mut gone = pin!(all_gone.recv());
    // The connections that are still open end with the runtime. The flag tells their bodies that it
    // is the gateway that leaves, so that no client pays for half an answer.
    tokio::select! {
        _ = &mut gone => {}
        deadline = stop.within() => drop(timeout(deadline, gone).await),
    }
    aborted.store(true, Ordering::Relaxed);
}
