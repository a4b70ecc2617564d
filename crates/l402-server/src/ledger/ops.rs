//! The operations that the handle of a ledger sends to the thread that writes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use tokio::sync::oneshot;

use super::{Reservation, ReserveError, ReserveRequest, Settle};

/// The most requests that wait for the thread. Beyond it the ledger refuses.
const QUEUE: usize = 8192;

/// The way back to the caller that asked for a reservation.
pub(super) type Reply = oneshot::Sender<Result<PendingReservation, ReserveError>>;

/// An operation.
#[derive(Debug)]
pub(super) enum Op {
    Close,
    Flush(oneshot::Sender<()>),
    Reserve(ReserveRequest, Reply),
    Settle(u64, Settle),
}

/// The way to the thread.
#[derive(Clone, Debug)]
pub(super) enum Ops {
    /// A thread that blocks.
    #[cfg(feature = "sqlite")]
    Thread(mpsc::Sender<Op>),
    /// A thread with a runtime.
    #[cfg(feature = "postgres")]
    Runtime(tokio::sync::mpsc::UnboundedSender<Op>),
}

impl Ops {
    /// Hands an operation over. Returns false if the thread has ended.
    fn send(&self, op: Op) -> bool {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Thread(ops) => ops.send(op).is_ok(),
            #[cfg(feature = "postgres")]
            Self::Runtime(ops) => ops.send(op).is_ok(),
        }
    }
}

/// A reservation on its way to the caller that asked for it; given back if nobody takes it.
#[derive(Debug)]
pub(super) struct PendingReservation {
    reservation: Reservation,
    ops: Option<Ops>,
}

impl PendingReservation {
    pub(super) fn new(reservation: Reservation, ops: &Ops) -> Self {
        Self {
            reservation,
            ops: Some(ops.clone()),
        }
    }

    pub(super) fn take(mut self) -> Reservation {
        self.ops = None;
        self.reservation
    }
}

impl Drop for PendingReservation {
    fn drop(&mut self) {
        if let Some(ops) = &self.ops {
            // Without a thread there is nothing to give back to.
            ops.send(Op::Settle(self.reservation.id(), Settle::ReleaseUpstream));
        }
    }
}

/// The handle's end of the operations. The number of requests that wait is bounded.
#[derive(Debug)]
pub(super) struct Queue {
    ops: Ops,
    waiting: AtomicUsize,
}

impl Queue {
    pub(super) fn new(ops: Ops) -> Self {
        Self {
            ops,
            waiting: AtomicUsize::new(0),
        }
    }

    /// Hands an operation over, if the thread still runs.
    pub(super) fn send(&self, op: Op) {
        self.ops.send(op);
    }

    /// Asks for a reservation, and waits for the answer.
    pub(super) async fn reserve(
        &self,
        request: ReserveRequest,
    ) -> Result<Reservation, ReserveError> {
        let gone = || ReserveError::Unavailable("its writer has ended".to_owned());
        // Bounded here and not by the channel: what settles must get through whatever waits.
        let place = Place::take(&self.waiting)?;
        let (answer, asked) = oneshot::channel();
        if !self.ops.send(Op::Reserve(request, answer)) {
            return Err(gone());
        }
        let held = asked.await.map_err(|_| gone())?;
        drop(place);
        held.map(PendingReservation::take)
    }

    /// Returns the number of reservations that wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Waits until all that was handed over is durable.
    pub(super) async fn flush(&self) {
        let (done, waiting) = oneshot::channel();
        if self.ops.send(Op::Flush(done)) {
            // An error means that the thread has ended: nothing is left to wait for.
            let _ = waiting.await;
        }
    }
}

/// A place in the queue of requests.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Result<Self, ReserveError> {
        let place = Self(waiting);
        if waiting.fetch_add(1, Ordering::Relaxed) < QUEUE {
            Ok(place)
        } else {
            Err(ReserveError::Unavailable(
                "too many claims are waiting for it".to_owned(),
            ))
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use std::num::NonZeroU64;

    use super::*;

    #[test]
    fn a_reservation_that_nobody_takes_costs_no_try() {
        let (ops, queue) = mpsc::channel();
        let ops = Ops::Thread(ops);
        let held = |id| PendingReservation::new(Reservation::new(id, NonZeroU64::MIN), &ops);
        drop(held(1));
        held(2).take();
        let settled: Vec<_> = queue.try_iter().collect();
        assert!(
            matches!(settled[..], [Op::Settle(1, Settle::ReleaseUpstream)]),
            "{settled:?}"
        );
    }
}
