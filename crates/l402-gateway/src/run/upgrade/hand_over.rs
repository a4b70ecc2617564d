//! The sockets of a running gateway, once more than its workers have them, and its stop.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::watch;

use super::Purposed;
use crate::listen::{AddressLock, Bound, StopSignal, Stopping};
use crate::run::books::OpenBooks;
use crate::run::gateway::lock;

/// The sockets that can be handed over, and the stop that follows.
#[derive(Debug)]
pub(in crate::run) struct HandOver {
    pub(super) stop: Stop,
    /// The name of the node, and the invoices that are offered.
    pub(super) node: String,
    pub(super) books: Option<OpenBooks>,
    shared: Mutex<Shared>,
}

/// The stop of the gateway.
#[derive(Clone, Debug)]
pub(in crate::run) struct Stop {
    pub(in crate::run) signal: watch::Sender<Option<Stopping>>,
    draining: Arc<AtomicBool>,
    /// True if the next process has another node, whose settlements are not those of this one.
    reads_on: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
pub(super) struct Shared {
    /// The same sockets that the workers have. Must go with theirs: a socket that is open listens.
    pub(super) sockets: Vec<Purposed>,
    /// The locks of sockets that are closed.
    locks: Vec<AddressLock>,
    /// Where this process waits for the next one.
    pub(super) path: Option<PathBuf>,
    /// True once there is nothing to hand over any more.
    pub(super) is_closed: bool,
}

impl Stop {
    /// Makes the two sides of the signal. `draining` is true from the first one on.
    pub(in crate::run) fn new(draining: &Arc<AtomicBool>) -> (Self, StopSignal) {
        let (signal, receive) = watch::channel(None);
        let draining = Arc::clone(draining);
        let stop = Self {
            signal,
            draining,
            reads_on: Arc::default(),
        };
        (stop, StopSignal(receive))
    }

    /// Has this process read the settlements of its node to the end, or leaves them to the next one.
    pub(in crate::run) fn read_on(&self, reads_on: bool) {
        self.reads_on.store(reads_on, Ordering::Release);
    }

    /// Returns true if nobody else reads the settlements of the node after the hand-over.
    pub(in crate::run) fn reads_on(&self) -> bool {
        self.reads_on.load(Ordering::Acquire)
    }

    /// Waits until another process has the sockets.
    pub(in crate::run) fn handed_over(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut signal = self.signal.subscribe();
        async move {
            let is_it = |signal: &Option<Stopping>| *signal == Some(Stopping::HandedOver);
            if signal.wait_for(is_it).await.is_err() {
                // The gateway is gone, and will hand nothing over.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Stops accepting. A stop with a time comes after a hand-over, and never before it.
    pub(in crate::run) fn send(&self, stopping: Stopping) {
        self.draining.store(true, Ordering::Relaxed);
        self.signal.send_if_modified(|signal| {
            let sets = stopping != Stopping::HandedOver || signal.is_none();
            if sets {
                *signal = Some(stopping);
            }
            sets
        });
    }
}

impl HandOver {
    pub(in crate::run) fn new(stop: Stop, node: String, books: Option<OpenBooks>) -> Self {
        Self {
            stop,
            node,
            books,
            shared: Mutex::default(),
        }
    }

    pub(super) fn shared(&self) -> MutexGuard<'_, Shared> {
        lock(&self.shared)
    }

    /// Adds sockets that the next process gets.
    pub(in crate::run) fn add(&self, purpose: &str, bound: Bound) {
        let mut shared = self.shared();
        if !shared.is_closed {
            let purpose = purpose.to_owned();
            shared.sockets.push(Purposed { purpose, bound });
        }
    }

    /// Closes the sockets, and waits for no other process any more. The addresses stay locked.
    pub(in crate::run) fn close(&self) {
        let mut shared = self.shared();
        shared.is_closed = true;
        let sockets = core::mem::take(&mut shared.sockets);
        let locks = sockets.into_iter().map(|sockets| sockets.bound.lock);
        shared.locks.extend(locks);
        if let Some(path) = shared.path.take() {
            // One that stays is removed by the next gateway of the home.
            let _ = std::fs::remove_file(path);
        }
    }

    /// Gives the addresses up, after [`HandOver::close`].
    pub(in crate::run) fn release(&self) {
        self.shared().locks.clear();
    }
}
