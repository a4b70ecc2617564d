//! The handle on the ledger, and the operations that it sends to its writer.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;

use l402_host::{BoxFuture, Clock, SystemClock};
use tokio::sync::oneshot;

use super::growth::Listener;
use super::writer::Writer;
use super::{Ledger, LedgerError, Reservation, ReserveError, ReserveRequest, Settle};
use crate::ledger::LedgerMark;

/// The most requests that wait for the writer. Beyond it the ledger refuses.
const QUEUE: usize = 8192;

/// Counts in a SQLite file, durably (WAL, `synchronous = FULL`).
///
/// The file is read and written for paid requests alone: an HTTP request without a credential leaves it as
/// it is. Dropping it writes what is queued and waits for that.
#[derive(Debug)]
pub struct SqliteLedger {
    ops: Sender<Op>,
    waiting: AtomicUsize,
    writer: Option<JoinHandle<()>>,
}

/// An operation for the writer.
#[derive(Debug)]
pub(super) enum Op {
    Close,
    Flush(oneshot::Sender<()>),
    Reserve(
        ReserveRequest,
        oneshot::Sender<Result<PendingReservation, ReserveError>>,
    ),
    Settle(u64, Settle),
}

/// A reservation on its way to the caller that asked for it; given back if nobody takes it.
#[derive(Debug)]
pub(super) struct PendingReservation {
    pub(super) reservation: Reservation,
    pub(super) ops: Option<Sender<Op>>,
}

impl PendingReservation {
    pub(super) fn take(mut self) -> Reservation {
        self.ops = None;
        self.reservation
    }
}

impl Drop for PendingReservation {
    fn drop(&mut self) {
        if let Some(ops) = &self.ops {
            // Without a writer there is nothing to give back to.
            let _ = ops.send(Op::Settle(self.reservation.id(), Settle::ReleaseUpstream));
        }
    }
}

impl SqliteLedger {
    /// Opens or creates the file (0600), and gives back what dead processes had reserved in it.
    /// Blocks for a moment.
    ///
    /// # Errors
    /// [`LedgerError`], whose kind says what to do: the folder is missing or not writable, the file
    /// is no ledger, or a newer version wrote it.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        Self::start(path, Arc::new(SystemClock::default()), None)
    }

    /// Opens or creates the file as [`SqliteLedger::open`] does. `clock` is the clock of the requests;
    /// the ledger needs its monotonic time. `grown` is told of each growth of the epoch after it is
    /// durable, at most once a minute and at the close. It is called on the thread that writes, so it
    /// must not block; the ledger waits for its drop at the close.
    ///
    /// # Errors
    /// As [`SqliteLedger::open`].
    pub fn open_with(
        path: &Path,
        clock: Arc<dyn Clock>,
        grown: impl Fn(LedgerMark) + Send + 'static,
    ) -> Result<Self, LedgerError> {
        Self::start(path, clock, Some(Listener(Box::new(grown))))
    }

    fn start(
        path: &Path,
        clock: Arc<dyn Clock>,
        listener: Option<Listener>,
    ) -> Result<Self, LedgerError> {
        let (ops, queue) = mpsc::channel();
        let writer = Writer::open(path, ops.clone(), clock, listener)?;
        let writer = std::thread::Builder::new()
            .name("l402-ledger".to_owned())
            .spawn(move || writer.run(&queue))
            .map_err(|error| LedgerError::system(path, error))?;
        Ok(Self {
            ops,
            waiting: AtomicUsize::new(0),
            writer: Some(writer),
        })
    }

    async fn ask(&self, request: ReserveRequest) -> Result<Reservation, ReserveError> {
        let gone = || ReserveError::Unavailable("its writer has ended".to_owned());
        let place = Place::take(&self.waiting)?;
        let (answer, asked) = oneshot::channel();
        self.ops
            .send(Op::Reserve(request, answer))
            .map_err(|_| gone())?;
        let held = asked.await.map_err(|_| gone())?;
        drop(place);
        held.map(PendingReservation::take)
    }
}

impl Drop for SqliteLedger {
    fn drop(&mut self) {
        // A writer that has ended already needs no word, and a panic of its has been reported.
        let _ = self.ops.send(Op::Close);
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl Ledger for SqliteLedger {
    fn reserve(&self, request: ReserveRequest) -> BoxFuture<'_, Result<Reservation, ReserveError>> {
        Box::pin(self.ask(request))
    }

    fn settle(&self, reservation: Reservation, settle: Settle) {
        // Without a writer the reservation ends with its owner.
        let _ = self.ops.send(Op::Settle(reservation.id(), settle));
    }

    fn flush(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let (done, waiting) = oneshot::channel();
            if self.ops.send(Op::Flush(done)).is_ok() {
                // An error means that the writer has ended: nothing is left to wait for.
                let _ = waiting.await;
            }
        })
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

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;

    #[test]
    fn a_reservation_that_nobody_takes_costs_no_try() {
        let (ops, queue) = mpsc::channel();
        let held = |id| PendingReservation {
            reservation: Reservation::new(id, NonZeroU64::MIN),
            ops: Some(ops.clone()),
        };
        drop(held(1));
        held(2).take();
        let settled: Vec<_> = queue.try_iter().collect();
        assert!(
            matches!(settled[..], [Op::Settle(1, Settle::ReleaseUpstream)]),
            "{settled:?}"
        );
    }
}
