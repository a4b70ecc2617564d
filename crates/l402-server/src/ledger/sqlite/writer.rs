//! The thread that writes the file.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use l402::{PaymentHash, UnixTime};
use l402_host::{Clock as _, SystemClock};
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use super::file::{self, Slot};
use super::owner::{self, Owner};
use super::{LedgerError, Op, PendingReservation, Reservation, ReserveError, Settle, UseRequest};
use crate::ledger::Tally;

/// The most operations that one transaction carries.
const BATCH: usize = 1024;

/// The time that a commit is kept back. It is requested when the last piece of an answer is handed
/// over to be written to the socket. A process that is killed before that piece is on its way must
/// not have spent the use. A request for the same payment in this time finds the use spent all the
/// same.
const GRACE: Duration = Duration::from_micros(500);

/// The pause before settlements that could not be written are tried again, and the number of tries
/// when the ledger closes.
const RETRY: Duration = Duration::from_millis(100);
const LAST_TRIES: usize = 5;

/// The seconds between two searches for payments that have ended.
const PRUNE_EVERY: u64 = 60;

/// The way back to the caller of one request.
type Reply = oneshot::Sender<Result<PendingReservation, ReserveError>>;

/// The result of one request in a transaction that may still fail.
type Outcome = Result<(Slot, Tally), ReserveError>;

/// The state of the writer thread: the connection, and the uses that are reserved through it.
#[derive(Debug)]
pub(super) struct Writer {
    path: PathBuf,
    /// `None` after an error of the disk. Nothing that was cached is trusted then, and the file is
    /// opened anew.
    connection: Option<Connection>,
    owner: Owner,
    ops: Sender<Op>,
    /// The uses in flight, by the id of their reservation.
    held: HashMap<u64, Slot>,
    /// Settlements that are not yet in the file. Lost only with the process.
    owed: Vec<(u64, Settle)>,
    /// Commits that are kept back, oldest first, each with the end of its grace.
    late: VecDeque<(Duration, u64)>,
    clock: SystemClock,
    flushes: Vec<oneshot::Sender<()>>,
    last_id: u64,
    last_reap: Option<UnixTime>,
    next_prune: u64,
}

impl Writer {
    /// Opens the file, and gives back the uses of dead owners.
    pub(super) fn open(path: &Path, ops: Sender<Op>) -> Result<Self, LedgerError> {
        let connection = file::open(path)?;
        let owner = Owner::new(path).map_err(|error| {
            LedgerError::new(path, format!("cannot lock a file beside it: {error}"))
        })?;
        owner::tidy(path);
        let mut writer = Self {
            path: path.to_owned(),
            connection: Some(connection),
            owner,
            ops,
            held: HashMap::new(),
            owed: Vec::new(),
            late: VecDeque::new(),
            clock: SystemClock::default(),
            flushes: Vec::new(),
            last_id: 0,
            last_reap: None,
            next_prune: 0,
        };
        writer
            .recover()
            .map_err(|error| LedgerError::new(path, error.to_string()))?;
        Ok(writer)
    }

    /// Writes until the ledger is closed.
    pub(super) fn run(mut self, queue: &Receiver<Op>) {
        while let Some((first, more)) = self.next(queue) {
            let mut requests = Vec::new();
            let mut open = more;
            // All that waits goes into one transaction: under load many requests share one sync.
            for op in first.into_iter().chain(queue.try_iter()).take(BATCH) {
                match op {
                    Op::Close => open = false,
                    Op::Flush(done) => self.flushes.push(done),
                    Op::Reserve(request, answer) => requests.push((request, answer)),
                    Op::Settle(id, Settle::Commit) => {
                        self.late.push_back((self.clock.monotonic() + GRACE, id));
                    }
                    Op::Settle(id, settle) => self.owed.push((id, settle)),
                }
            }
            self.end_grace(&requests);
            if !(requests.is_empty() && self.owed.is_empty() && self.flushes.is_empty()) {
                self.commit(requests);
            }
            if !open {
                return self.close(queue);
            }
        }
    }

    /// Waits for the next operation, or until something is due. The second value is false if no
    /// more operations will come.
    fn next(&self, queue: &Receiver<Op>) -> Option<(Option<Op>, bool)> {
        let wait = match self.late.front() {
            // Owed after a commit means that it failed: not at once again, the disk may be full.
            _ if !self.owed.is_empty() => RETRY,
            Some((end, _)) => end.saturating_sub(self.clock.monotonic()),
            None => return queue.recv().ok().map(|op| (Some(op), true)),
        };
        match queue.recv_timeout(wait) {
            Ok(op) => Some((Some(op), true)),
            Err(RecvTimeoutError::Timeout) => Some((None, true)),
            Err(RecvTimeoutError::Disconnected) => Some((None, false)),
        }
    }

    /// Moves commits whose grace is over to those owed. So it does with commits of payments that
    /// are requested again, and with all of them if a caller waits for a flush.
    fn end_grace(&mut self, requests: &[(UseRequest, Reply)]) {
        let now = self.clock.monotonic();
        let all = !self.flushes.is_empty();
        let requested: HashSet<PaymentHash> =
            requests.iter().map(|(r, _)| r.payment_hash).collect();
        let (held, owed) = (&self.held, &mut self.owed);
        self.late.retain(|(end, id)| {
            // Otherwise a buyer who asks again in the grace would find the use still in flight.
            let again = held
                .get(id)
                .is_some_and(|slot| requested.contains(&slot.payment_hash));
            let due = all || *end <= now || again;
            if due {
                owed.push((*id, Settle::Commit));
            }
            !due
        });
    }

    /// Writes everything in one transaction, and answers when it is on disk. If it fails, nothing
    /// was written: requests are refused, and settlements stay owed.
    fn commit(&mut self, requests: Vec<(UseRequest, Reply)>) {
        match self.reopen().and_then(|()| self.try_write(&requests)) {
            Ok(outcomes) => {
                // Only now: had the transaction failed, these would have to be written again.
                for (id, _) in self.owed.drain(..) {
                    self.held.remove(&id);
                }
                for ((_, answer), outcome) in requests.into_iter().zip(outcomes) {
                    self.answer(answer, outcome);
                }
                for done in self.flushes.drain(..) {
                    // An error means that the caller no longer waits.
                    let _ = done.send(());
                }
            }
            Err(error) => {
                tracing::error!(%error, file = %self.path.display(), "cannot write the ledger");
                for (_, answer) in requests {
                    let _ = answer.send(Err(ReserveError::Unavailable(error.clone())));
                }
            }
        }
    }

    /// Opens the file anew after an error of the disk.
    fn reopen(&mut self) -> Result<(), String> {
        if self.connection.is_some() {
            return Ok(());
        }
        self.connection = Some(file::open(&self.path).map_err(|error| error.to_string())?);
        self.recover().map_err(|error| {
            self.connection = None;
            error.to_string()
        })
    }

    /// Writes, and drops the connection after an error of the disk.
    fn try_write(&mut self, requests: &[(UseRequest, Reply)]) -> Result<Vec<Outcome>, String> {
        self.write(requests).map_err(|error| {
            // After a failed sync the cached pages cannot be trusted. A file that is only busy is
            // fine.
            if error.sqlite_error_code() != Some(ErrorCode::DatabaseBusy) {
                self.connection = None;
            }
            error.to_string()
        })
    }

    /// Answers one request whose transaction is on disk.
    fn answer(&mut self, answer: Reply, outcome: Outcome) {
        let held = outcome.map(|(slot, tally)| {
            self.last_id += 1;
            self.held.insert(self.last_id, slot);
            let reservation = Reservation {
                id: self.last_id,
                failures: tally.failures,
            };
            PendingReservation {
                reservation,
                ops: Some(self.ops.clone()),
            }
        });
        // If the caller has gone, the reservation comes back here, and its drop gives the use back.
        let _ = answer.send(held);
    }

    /// Runs one transaction: settlements, then requests, then pruning.
    fn write(&mut self, requests: &[(UseRequest, Reply)]) -> rusqlite::Result<Vec<Outcome>> {
        let Some(connection) = &mut self.connection else {
            return Ok(Vec::new());
        };
        let owner = self.owner.id;
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Settlements first: a use that they give back can be reserved in the same transaction.
        for (id, settle) in &self.owed {
            if let Some(slot) = self.held.get(id) {
                file::settle(&tx, slot, owner, *settle)?;
            }
        }
        let mut outcomes = Vec::with_capacity(requests.len());
        for (request, _) in requests {
            let mut outcome = file::reserve(&tx, request, owner)?;
            // The owner of the use may be dead. Checked once a second at most, by the clock of the
            // requests, since it reads lock files.
            if matches!(outcome, Err(ReserveError::InUse)) && self.last_reap != Some(request.now) {
                self.last_reap = Some(request.now);
                reap(&tx, &self.path, owner)?;
                outcome = file::reserve(&tx, request, owner)?;
            }
            outcomes.push(outcome);
        }
        let now = requests.last().map(|(request, _)| request.now);
        if let Some(now) = now.filter(|now| now.secs() >= self.next_prune) {
            let more = file::prune(&tx, now)?;
            self.next_prune = if more {
                0
            } else {
                now.secs().saturating_add(PRUNE_EVERY)
            };
        }
        tx.commit()?;
        Ok(outcomes)
    }

    /// Gives back the uses of dead owners, and those that this owner has forgotten by an error.
    fn recover(&mut self) -> rusqlite::Result<()> {
        let Some(connection) = &mut self.connection else {
            return Ok(());
        };
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        reap(&tx, &self.path, self.owner.id)?;
        // A transaction can reach the disk although its commit reported an error. Its reservations
        // were refused to their callers, so no one else would give them back.
        let held: HashSet<_> = self
            .held
            .values()
            .map(|slot| (slot.payment_hash, slot.slot))
            .collect();
        file::sweep(&tx, self.owner.id, |hash, slot| {
            held.contains(&(*hash, slot))
        })?;
        tx.commit()
    }

    /// Writes all settlements, gives back the other uses, and frees the lock.
    fn close(mut self, queue: &Receiver<Op>) {
        for op in queue.try_iter() {
            if let Op::Settle(id, settle) = op {
                self.owed.push((id, settle));
            }
        }
        // A grace does not outlive the ledger: these answers have ended.
        let late = self.late.drain(..).map(|(_, id)| (id, Settle::Commit));
        self.owed.extend(late);
        for _ in 0..LAST_TRIES {
            self.commit(Vec::new());
            if self.owed.is_empty() {
                break;
            }
            std::thread::sleep(RETRY);
        }
        // With nothing held, `recover` gives back every use that is still in flight.
        self.held.clear();
        if let Err(error) = self.recover() {
            tracing::error!(%error, file = %self.path.display(), "cannot give back reservations");
        }
    }
}

/// Gives back the uses of all dead owners.
fn reap(tx: &Transaction<'_>, path: &Path, owner: i64) -> rusqlite::Result<()> {
    for other in file::others(tx, owner)? {
        if owner::is_dead(path, other) {
            let count = file::give_back(tx, other)?;
            tracing::warn!(
                count,
                "gave back the reservations of a ledger that was not closed"
            );
        }
    }
    Ok(())
}
