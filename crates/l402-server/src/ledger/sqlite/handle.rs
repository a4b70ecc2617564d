//! The handle on the ledger, and the operations that it sends to the writer thread.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;

use l402_host::BoxFuture;
use tokio::sync::oneshot;

use super::writer::Writer;
use super::{Ledger, Reservation, ReserveError, Settle, UseRequest};

/// The most requests for a use that wait for the writer. Further ones are refused.
const QUEUE: usize = 8192;

/// The reason why a ledger does not open. Its text names the file, the fault and the fix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerError {
    path: PathBuf,
    text: String,
}

impl LedgerError {
    pub(super) fn new(path: &Path, text: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            text: text.into(),
        }
    }
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ledger {}: {}", self.path.display(), self.text)
    }
}

impl std::error::Error for LedgerError {}

/// A ledger in a SQLite file (WAL, `synchronous = FULL`), which survives restarts and crashes.
///
/// The file is read and written for uses only: an HTTP request without a credential does not touch
/// it. Several processes may open one file. Dropping the ledger writes all settlements that are
/// queued, and waits for that.
///
/// ```
/// use std::num::NonZeroU32;
/// use l402::{PaymentHash, UnixTime};
/// use l402_server::ledger::{Ledger, ReserveError, Settle, SqliteLedger, UseRequest};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let home = tempfile::tempdir()?;
/// let file = home.path().join("ledger.db");
/// let request = UseRequest {
///     payment_hash: PaymentHash::from_bytes([7; 32]),
///     uses: NonZeroU32::MIN,
///     expires: UnixTime::from_secs(1_790_086_400),
///     now: UnixTime::from_secs(1_790_000_000),
/// };
///
/// let ledger = SqliteLedger::open(&file)?;
/// let reservation = ledger.reserve(request).await?;
/// ledger.settle(reservation, Settle::Commit);
/// drop(ledger);
///
/// // After a restart the use is still spent.
/// let ledger = SqliteLedger::open(&file)?;
/// assert_eq!(ledger.reserve(request).await, Err(ReserveError::Consumed));
/// # Ok(())
/// # }
/// ```
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
        UseRequest,
        oneshot::Sender<Result<PendingReservation, ReserveError>>,
    ),
    Settle(u64, Settle),
}

/// A reservation on its way to its caller. Given back if nobody takes it.
#[derive(Debug)]
pub(super) struct PendingReservation {
    pub(super) reservation: Reservation,
    /// `None` once the caller has taken the reservation.
    pub(super) ops: Option<Sender<Op>>,
}

impl PendingReservation {
    fn take(mut self) -> Reservation {
        self.ops = None;
        self.reservation
    }
}

impl Drop for PendingReservation {
    fn drop(&mut self) {
        if let Some(ops) = &self.ops {
            // An error means that the writer has ended, and with it the owner of the reservation.
            let _ = ops.send(Op::Settle(self.reservation.id, Settle::ReleaseUpstream));
        }
    }
}

impl SqliteLedger {
    /// Opens or creates the file (mode 0600), and gives back the uses that dead processes had
    /// reserved in it. Blocks until that is on disk.
    ///
    /// # Errors
    /// [`LedgerError`]: the folder is missing or not writable, the file is no ledger, or a newer
    /// version wrote it.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let (ops, queue) = mpsc::channel();
        let writer = Writer::open(path, ops.clone())?;
        let writer = std::thread::Builder::new()
            .name("l402-ledger".to_owned())
            .spawn(move || writer.run(&queue))
            .map_err(|error| LedgerError::new(path, format!("no thread to write it: {error}")))?;
        Ok(Self {
            ops,
            waiting: AtomicUsize::new(0),
            writer: Some(writer),
        })
    }

    /// Sends a request to the writer, and waits until it is on disk.
    async fn ask(&self, request: UseRequest) -> Result<Reservation, ReserveError> {
        let gone = || ReserveError::Unavailable("its writer has ended".to_owned());
        let place = Place::take(&self.waiting)?;
        let (answer, answered) = oneshot::channel();
        self.ops
            .send(Op::Reserve(request, answer))
            .map_err(|_| gone())?;
        // A caller who goes away here drops the receiver: the reservation cannot be delivered, and
        // is given back by its own drop.
        let held = answered.await.map_err(|_| gone())?;
        drop(place);
        held.map(PendingReservation::take)
    }
}

impl Drop for SqliteLedger {
    fn drop(&mut self) {
        // Errors are ignored: a writer that has ended needs no signal, and its panic was reported.
        let _ = self.ops.send(Op::Close);
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl Ledger for SqliteLedger {
    fn reserve(&self, request: UseRequest) -> BoxFuture<'_, Result<Reservation, ReserveError>> {
        Box::pin(self.ask(request))
    }

    fn settle(&self, reservation: Reservation, settle: Settle) {
        // An error means that the writer has ended. The reservation ends with its owner.
        let _ = self.ops.send(Op::Settle(reservation.id, settle));
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

/// A place in the bounded queue of requests for a use. Freed when it is dropped.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Result<Self, ReserveError> {
        // Made before the check, so that its drop takes the count back if the queue is full.
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
    use super::*;

    #[test]
    fn a_reservation_that_nobody_takes_costs_no_try() {
        let (ops, queue) = mpsc::channel();
        let held = |id| PendingReservation {
            reservation: Reservation { id, failures: 0 },
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
