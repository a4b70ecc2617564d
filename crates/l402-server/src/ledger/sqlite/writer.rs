//! The one thread that writes the file.

use std::collections::{HashMap, HashSet, VecDeque};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use l402::{PaymentHash, UnixTime};
use l402_host::{Clock, SystemClock};
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use super::entry::{End, Entry};
use super::file;
use super::fold::Folding;
use super::identity;
use super::owner::{self, Owner};
use super::prune::Pruning;
use super::tail::{Granted, Tail};
use super::{LedgerError, Reservation, ReserveError, ReserveRequest, Settle};
use crate::ledger::growth::{Growth, Listener};
use crate::ledger::ops::{Op, Ops, PendingReservation, Reply};
use crate::ledger::{LedgerIdentity, LedgerTime};

/// The most that one commit carries.
const BATCH: usize = 1024;

/// The time that a commit is kept back. It is asked for when the last piece of an answer is handed
/// over to be written: a process that is killed before that piece is on its way must not have spent
/// the use. A request of the same payment meanwhile finds it spent all the same.
const GRACE: Duration = Duration::from_micros(500);

/// The time between the beginnings of two commits under load, and the requests in one that are load. Fewer
/// and larger commits leave more of the machine to those who serve; one request after a rest waits for
/// nothing.
const PACE: Duration = Duration::from_micros(2500);
const LOAD: usize = 4;

/// The pause before what could not be settled is tried again, and the tries when the ledger closes.
const RETRY: Duration = Duration::from_millis(100);
const LAST_TRIES: usize = 5;

/// The outcome of one request in a transaction that may still fail, with the number of the reservation.
type Outcome = Result<(u64, PaymentHash, NonZeroU64, Granted), ReserveError>;

/// Owns the connection, and knows what is reserved through this ledger.
#[derive(Debug)]
pub(super) struct Writer {
    path: PathBuf,
    /// `None` after an error of the disk: then nothing cached is trusted, and it is opened anew.
    pub(super) connection: Option<Connection>,
    owner: Owner,
    ops: Ops,
    /// The reservations that somebody was told of.
    held: HashMap<u64, PaymentHash>,
    /// What the log says. Read anew after an error.
    tail: Tail,
    pub(super) folding: Folding,
    /// Settled in memory and not yet in the file. Lost only with the process.
    pub(super) owed: Vec<(u64, Settle)>,
    /// Commits in their grace, oldest first, with its end.
    late: VecDeque<(Duration, u64, Settle)>,
    clock: SystemClock,
    /// The clock of the requests, whose monotonic time moves `time`. In tests it stands still, and
    /// `clock`, by which this thread waits, never does.
    shop_clock: Arc<dyn Clock>,
    time: LedgerTime,
    growth: Growth,
    flushes: Vec<oneshot::Sender<()>>,
    /// The number of the newest reservation. None is given twice, also if its commit fails: such a commit
    /// may stand in the file after all.
    last_id: u64,
    /// The beginning of the last commit, if it carried load.
    loaded: Option<Duration>,
    last_reap: Option<UnixTime>,
    pruning: Pruning,
}

impl Writer {
    /// The number by which other processes know this one.
    pub(super) const fn holder(&self) -> i64 {
        self.owner.id
    }

    pub(super) fn open(
        path: &Path,
        ops: Ops,
        shop_clock: Arc<dyn Clock>,
        listener: Option<Listener>,
    ) -> Result<Self, LedgerError> {
        let mut connection = file::open(path)?;
        // The lock file comes before the recovery, which relies on it (see `recover_at_start`).
        let owner = Owner::new(path)?;
        owner::tidy(path);
        let failed = |error: rusqlite::Error| file::failed(path, &error);
        let mut tail = Tail::default();
        let known = recover_at_start(&mut connection, path, &owner, &mut tail).map_err(failed)?;
        let mut folding = Folding::default();
        folding.restart(&tail);
        Ok(Self {
            path: path.to_owned(),
            connection: Some(connection),
            owner,
            ops,
            held: HashMap::new(),
            tail,
            folding,
            owed: Vec::new(),
            late: VecDeque::new(),
            clock: SystemClock::default(),
            shop_clock,
            time: LedgerTime::new(known.latest),
            growth: Growth::new(known, listener),
            flushes: Vec::new(),
            last_id: 0,
            loaded: None,
            last_reap: None,
            pruning: Pruning::default(),
        })
    }

    /// Writes until it is told to close.
    pub(super) fn run(mut self, queue: &Receiver<Op>) {
        while let Some((first, more)) = self.next(queue) {
            self.keep_pace();
            let mut requests = Vec::new();
            let mut open = more;
            for op in first.into_iter().chain(queue.try_iter()).take(BATCH) {
                match op {
                    Op::Close => open = false,
                    Op::Flush(done) => self.flushes.push(done),
                    Op::Reserve(request, answer) => requests.push((request, answer)),
                    Op::Settle(id, settle @ Settle::Commit { .. }) => {
                        let end = self.clock.monotonic() + GRACE;
                        self.late.push_back((end, id, settle));
                    }
                    Op::Settle(id, settle) => self.owed.push((id, settle)),
                }
            }
            self.end_grace(&requests);
            // Commits in their grace are no reason for a transaction: they go with a later one.
            if !(requests.is_empty() && self.owed.is_empty() && self.flushes.is_empty()) {
                let has_load = requests.len() >= LOAD;
                self.loaded = has_load.then(|| self.clock.monotonic());
                self.commit(requests);
            }
            if !open {
                return self.close(queue);
            }
        }
    }

    /// Waits, if the last commit began a moment ago and carried load. Asleep, it is woken by nobody.
    fn keep_pace(&self) {
        if let Some(loaded) = self.loaded {
            let passed = self.clock.monotonic().saturating_sub(loaded);
            std::thread::sleep(PACE.saturating_sub(passed));
        }
    }

    /// Returns the next thing to do, and whether more will come.
    fn next(&self, queue: &Receiver<Op>) -> Option<(Option<Op>, bool)> {
        let wait = match self.late.front() {
            _ if !self.owed.is_empty() => RETRY,
            Some((end, ..)) => end.saturating_sub(self.clock.monotonic()),
            None => return queue.recv().ok().map(|op| (Some(op), true)),
        };
        match queue.recv_timeout(wait) {
            Ok(op) => Some((Some(op), true)),
            Err(RecvTimeoutError::Timeout) => Some((None, true)),
            Err(RecvTimeoutError::Disconnected) => Some((None, false)),
        }
    }

    /// Moves commits whose grace is over to what is owed; so too those of payments that are requested
    /// again, and all of them if somebody waits for the file to be complete.
    fn end_grace(&mut self, requests: &[(ReserveRequest, Reply)]) {
        let now = self.clock.monotonic();
        let all = !self.flushes.is_empty();
        let requested: HashSet<PaymentHash> = requests
            .iter()
            .map(|(r, _)| r.allowance().payment_hash())
            .collect();
        let (held, owed) = (&self.held, &mut self.owed);
        self.late.retain(|(end, id, settle)| {
            let again = held
                .get(id)
                .is_some_and(|payment| requested.contains(payment));
            let due = all || *end <= now || again;
            if due {
                owed.push((*id, *settle));
            }
            !due
        });
    }

    /// Puts everything into one transaction, and answers when it is on disk. On failure nothing
    /// was written: requests are refused, and what is owed is tried again.
    pub(super) fn commit(&mut self, requests: Vec<(ReserveRequest, Reply)>) {
        match self.reopen().and_then(|()| self.try_write(&requests)) {
            Ok((outcomes, grown)) => {
                for (id, _) in self.owed.drain(..) {
                    self.held.remove(&id);
                }
                for ((_, answer), outcome) in requests.into_iter().zip(outcomes) {
                    self.answer(answer, outcome);
                }
                for done in self.flushes.drain(..) {
                    // A caller that no longer waits need not be told.
                    let _ = done.send(());
                }
                if grown {
                    self.growth.tell();
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

    /// After an error of the disk: opens the file anew.
    fn reopen(&mut self) -> Result<(), String> {
        if self.connection.is_some() {
            return Ok(());
        }
        let connection = file::open_again(&self.path).map_err(|error| error.to_string())?;
        let found = identity::read(&connection).map_err(|error| error.to_string())?;
        if !self.growth.is_same(&found) {
            return Err("another file lies in its place; start again".to_owned());
        }
        self.connection = Some(connection);
        self.tail = Tail::default();
        self.recover().map_err(|error| {
            self.connection = None;
            error.to_string()
        })
    }

    /// Returns the outcomes, and whether the epoch has grown.
    fn try_write(
        &mut self,
        requests: &[(ReserveRequest, Reply)],
    ) -> Result<(Vec<Outcome>, bool), String> {
        // After an error other than that another process holds the file, the connection is gone: nothing
        // that is cached can be trusted.
        self.write(requests).map_err(|error| error.to_string())
    }

    fn answer(&mut self, answer: Reply, outcome: Outcome) {
        let held = outcome.map(|(id, payment, units, granted)| {
            self.held.insert(id, payment);
            let reservation = Reservation::new(id, units)
                .with_left(granted.left)
                .with_failures(granted.failures)
                .with_releases(granted.releases);
            PendingReservation::new(reservation, &self.ops)
        });
        // If nobody waits any more, dropping it gives the use back.
        let _ = answer.send(held);
    }

    /// Writes what is owed, then the reservations, then the growth of the epoch, folds and forgets a few
    /// payments. Returns the outcomes, and whether the epoch has grown. After an error what is in memory
    /// is not what is in the file.
    pub(super) fn write(
        &mut self,
        requests: &[(ReserveRequest, Reply)],
    ) -> rusqlite::Result<(Vec<Outcome>, bool)> {
        let Some(mut connection) = self.connection.take() else {
            return Ok((Vec::new(), false));
        };
        let (written, is_sound) =
            match connection.transaction_with_behavior(TransactionBehavior::Immediate) {
                Ok(tx) => {
                    let written = self.write_in(tx, requests);
                    let is_sound = written.is_ok();
                    (written, is_sound)
                }
                // Nothing was begun if another process holds the file.
                Err(error) => {
                    let is_busy = error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy);
                    (Err(error), is_busy)
                }
            };
        if is_sound {
            self.connection = Some(connection);
        }
        written
    }

    fn write_in(
        &mut self,
        tx: Transaction<'_>,
        requests: &[(ReserveRequest, Reply)],
    ) -> rusqlite::Result<(Vec<Outcome>, bool)> {
        catch_up(&mut self.tail, &mut self.folding, &tx)?;
        let number = self.tail.number() + 1;
        let mut entries = Vec::with_capacity(self.owed.len() + requests.len());
        // Before the requests, so that units which are given back are free for them.
        for (id, settle) in &self.owed {
            let end = End::Settled(*settle);
            if self.tail.end(&tx, number, (self.owner.id, *id), end)? {
                entries.push(Entry::Settle(*id, end));
            }
        }
        let mut outcomes = Vec::with_capacity(requests.len());
        let mut last_use = None;
        for (request, _) in requests {
            if let Err(behind) = self.time.check(request.now()) {
                outcomes.push(Err(behind));
                continue;
            }
            last_use = Some(request.now());
            outcomes.push(self.reserve(&tx, request, &mut entries)?);
        }
        let now = self.shop_clock.monotonic();
        let (mut grown, mut has_folded) = (None, false);
        if let Some(wall) = last_use {
            if !self.time.has_begun() {
                self.time.store(identity::read(&tx)?.latest);
                let alone = owner::tidy(&self.path) <= 1;
                self.time.begin(wall, now, alone);
            }
            let time = self.time.at(now);
            let due = self.growth.is_due(now);
            grown = due.then(|| identity::grow(&tx, time)).transpose()?;
            // By a time that stands in the file with this commit at the latest: a process whose
            // clock is behind it refuses.
            let ended = grown
                .as_ref()
                .map_or(self.time.stored(), |grown| grown.latest);
            let row = (number, &mut entries);
            has_folded = self.folding.go_on(&tx, &mut self.tail, row, ended)?;
            self.pruning.go_on(&tx, requests.len(), ended)?;
        }
        let has_changed = !entries.is_empty();
        if has_changed || has_folded {
            append(&tx, &mut self.tail, self.owner.id, &entries)?;
        }
        tx.commit()?;
        let has_grown = grown.is_some();
        self.note(has_changed, grown, now);
        Ok((outcomes, has_grown))
    }

    /// Reserves what one request asks for.
    fn reserve(
        &mut self,
        tx: &Transaction<'_>,
        request: &ReserveRequest,
        entries: &mut Vec<Entry>,
    ) -> rusqlite::Result<Outcome> {
        let place = (self.owner.id, self.last_id + 1);
        let mut outcome = self.tail.reserve(tx, request, place)?;
        // Perhaps its holder is dead. Looked at once a second, in the time of requests.
        if matches!(outcome, Err(ReserveError::InUse)) && self.last_reap != Some(request.now()) {
            self.last_reap = Some(request.now());
            reap(tx, &self.path, self.owner.id, &mut self.tail, entries)?;
            outcome = self.tail.reserve(tx, request, place)?;
        }
        Ok(outcome.map(|(granted, held)| {
            self.last_id = place.1;
            entries.push(Entry::Reserve(place.1, held));
            (place.1, held.payment_hash, request.units(), granted)
        }))
    }

    /// Takes note of a commit and of the growth in it.
    fn note(&mut self, wrote: bool, grown: Option<LedgerIdentity>, now: Duration) {
        if let Some(grown) = &grown {
            self.time.store(grown.latest);
        }
        self.growth.committed(wrote, grown, now);
    }

    /// Marks what was written since the last growth, so that a copy from before is known as one.
    fn grow_last(&mut self) -> rusqlite::Result<()> {
        let now = self.shop_clock.monotonic();
        let Some(connection) = self
            .connection
            .as_mut()
            .filter(|_| self.growth.is_unmarked())
        else {
            return Ok(());
        };
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let grown = identity::grow(&tx, self.time.at(now))?;
        tx.commit()?;
        self.note(false, Some(grown), now);
        self.growth.tell();
        Ok(())
    }

    /// Gives back what dead owners hold, and what nobody was told of because of an error.
    fn recover(&mut self) -> rusqlite::Result<()> {
        let Some(connection) = &mut self.connection else {
            return Ok(());
        };
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        catch_up(&mut self.tail, &mut self.folding, &tx)?;
        let (number, own) = (self.tail.number() + 1, self.owner.id);
        let mut entries = Vec::new();
        reap(&tx, &self.path, own, &mut self.tail, &mut entries)?;
        for id in self.tail.held_by(own) {
            if !self.held.contains_key(&id) {
                self.tail.end(&tx, number, (own, id), End::Untold)?;
                entries.push(Entry::Settle(id, End::Untold));
            }
        }
        if !entries.is_empty() {
            append(&tx, &mut self.tail, own, &entries)?;
        }
        tx.commit()
    }

    /// Writes what is owed, gives back the rest, and lets go of the lock.
    fn close(mut self, queue: &Receiver<Op>) {
        for op in queue.try_iter() {
            if let Op::Settle(id, settle) = op {
                self.owed.push((id, settle));
            }
        }
        // Their grace does not matter any more: this thread ends before it is over.
        let late = self.late.drain(..).map(|(_, id, settle)| (id, settle));
        self.owed.extend(late);
        // Bounded: a disk that fails must not keep the program from ending.
        for _ in 0..LAST_TRIES {
            self.commit(Vec::new());
            if self.owed.is_empty() {
                break;
            }
            std::thread::sleep(RETRY);
        }
        // With none held, `recover` gives back all that this ledger has reserved.
        self.held.clear();
        if let Err(error) = self.recover().and_then(|()| self.grow_last()) {
            tracing::error!(%error, file = %self.path.display(), "cannot give back reservations");
        }
    }
}

/// Gives back what dead owners hold, and returns what the file says of itself.
///
/// In a transaction of a writer, and after the own lock file is there: another process, whose time
/// leaps at this moment, has either seen that file, or has stored its time before it is read here.
fn recover_at_start(
    connection: &mut Connection,
    path: &Path,
    owner: &Owner,
    tail: &mut Tail,
) -> rusqlite::Result<LedgerIdentity> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tail.catch_up(&tx)?;
    let mut entries = Vec::new();
    reap(&tx, path, owner.id, tail, &mut entries)?;
    if !entries.is_empty() {
        append(&tx, tail, owner.id, &entries)?;
    }
    let known = identity::read(&tx)?;
    tx.commit()?;
    Ok(known)
}

/// Takes in what others have added to the log. The hand begins anew with what is read anew: of that it has
/// folded nothing yet.
fn catch_up(tail: &mut Tail, folding: &mut Folding, tx: &Transaction<'_>) -> rusqlite::Result<()> {
    if tail.catch_up(tx)? {
        folding.restart(tail);
    }
    Ok(())
}

/// Gives back what dead owners hold.
fn reap(
    tx: &Transaction<'_>,
    path: &Path,
    owner: i64,
    tail: &mut Tail,
    entries: &mut Vec<Entry>,
) -> rusqlite::Result<()> {
    for other in tail.others(owner) {
        if owner::is_dead(path, other) {
            let count = tail.held_by(other).len();
            tail.give_back(tx, other)?;
            entries.push(Entry::GiveBack(other));
            tracing::warn!(
                count,
                "gave back the reservations of a ledger that was not closed"
            );
        }
    }
    Ok(())
}

/// Adds the next row to the log, whose changes have been made in `tail`.
fn append(
    tx: &Transaction<'_>,
    tail: &mut Tail,
    owner: i64,
    entries: &[Entry],
) -> rusqlite::Result<()> {
    let number = tail.number() + 1;
    let mut bytes = Vec::with_capacity(entries.len() * 64);
    entries.iter().for_each(|entry| entry.write(&mut bytes));
    file::append(tx, number, owner, &bytes)?;
    tail.appended(number, entries.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;
    use std::sync::mpsc;

    use super::*;
    use crate::ledger::Allowance;

    fn request() -> ReserveRequest {
        let (hash, end) = (PaymentHash::from_bytes([1; 32]), UnixTime::from_secs(9));
        let two = NonZeroU64::new(2).expect("two");
        ReserveRequest::one_use(Allowance::new(hash, two, end), UnixTime::from_secs(1))
    }

    fn reserve(writer: &mut Writer) -> Result<PendingReservation, ReserveError> {
        let (answer, mut asked) = oneshot::channel();
        writer.commit(vec![(request(), answer)]);
        asked.try_recv().expect("an answer")
    }

    /// A sync may fail although the commit stands in the file: then all of it is tried again.
    #[test]
    fn a_settle_that_is_tried_again_counts_once() {
        let folder = tempfile::tempdir().unwrap();
        let (ops, _queue) = mpsc::channel();
        let path = folder.path().join("ledger.db");
        let clock = Arc::new(SystemClock::default());
        let mut writer = Writer::open(&path, Ops::Thread(ops), clock, None).unwrap();
        let first = reserve(&mut writer).unwrap().take();
        writer.owed.push((first.id(), Settle::ONE_USE));
        let (answer, _asked) = oneshot::channel();
        writer.write(&[(request(), answer)]).unwrap();
        writer.connection = None;

        let second = reserve(&mut writer).unwrap().take();
        assert_eq!(
            writer.held.len(),
            1,
            "what nobody was told of is given back"
        );
        writer.owed.push((second.id(), Settle::ONE_USE));
        let third = reserve(&mut writer);
        assert_eq!(
            third.err(),
            Some(ReserveError::Consumed),
            "two uses are two"
        );
    }
}
