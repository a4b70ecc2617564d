//! The handle on the ledger.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;

use l402_host::{BoxFuture, Clock, SystemClock};

use super::writer::Writer;
use super::{Ledger, LedgerError, Reservation, ReserveError, ReserveRequest, Settle};
use crate::ledger::LedgerMark;
use crate::ledger::growth::Listener;
use crate::ledger::ops::{Op, Ops, Queue};

/// Counts in a SQLite file, durably (WAL, `synchronous = FULL`).
///
/// The file is read and written for paid requests alone: an HTTP request without a credential leaves it as
/// it is. Dropping it writes what is queued and waits for that.
#[derive(Debug)]
pub struct SqliteLedger {
    queue: Queue,
    writer: Option<JoinHandle<()>>,
    holder: i64,
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
        let ops = Ops::Thread(ops);
        let writer = Writer::open(path, ops.clone(), clock, listener)?;
        let holder = writer.holder();
        let writer = std::thread::Builder::new()
            .name("l402-ledger".to_owned())
            .spawn(move || writer.run(&queue))
            .map_err(|error| LedgerError::system(path, error))?;
        Ok(Self {
            queue: Queue::new(ops),
            writer: Some(writer),
            holder,
        })
    }
}

impl Drop for SqliteLedger {
    fn drop(&mut self) {
        // A writer that has ended already needs no word, and a panic of its has been reported.
        self.queue.send(Op::Close);
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl Ledger for SqliteLedger {
    fn holder(&self) -> Option<i64> {
        Some(self.holder)
    }

    fn queue(&self) -> Option<usize> {
        Some(self.queue.waiting())
    }

    fn reserve(&self, request: ReserveRequest) -> BoxFuture<'_, Result<Reservation, ReserveError>> {
        Box::pin(self.queue.reserve(request))
    }

    fn settle(&self, reservation: Reservation, settle: Settle) {
        // Without a writer the reservation ends with its owner.
        self.queue.send(Op::Settle(reservation.id(), settle));
    }

    fn flush(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.queue.flush())
    }
}
