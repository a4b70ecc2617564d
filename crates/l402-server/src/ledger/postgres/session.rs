//! The thread that reserves and settles.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use l402::{PaymentHash, UnixTime};
use l402_host::Clock;
use l402_host::postgres::{PostgresError, PostgresErrorKind, Target};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use super::batch::{self, Queued};
use super::doubt::{self, Doubt};
use super::late::{GRACE, Late};
use super::link::{Link, within};
use super::reserve::{self, Outcome, unsigned};
use super::settle::{self, End, Owed};
use super::{holder, prune};
use crate::ledger::growth::Growth;
use crate::ledger::ops::{Op, Ops, PendingReservation, Reply};
use crate::ledger::{
    LeaseKeeper, LedgerIdentity, LedgerTime, ReserveError, ReserveRequest, Settle,
};

/// The most operations that are taken at once, and the ends of reservations in one statement.
const TAKEN: usize = 1024;
const ENDS: usize = 256;

/// The pause between two tries to connect, and the tries to settle what is left at the close.
const RETRY: Duration = Duration::from_millis(200);
const LAST_TRIES: usize = 5;

/// The connection, and what is reserved through it.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) target: Target,
    pub(super) ops: Ops,
    pub(super) queue: UnboundedReceiver<Op>,
    pub(super) clock: Arc<dyn Clock>,
    /// The clock of the requests, whose monotonic time moves `time`.
    pub(super) shop_clock: Arc<dyn Clock>,
    pub(super) keeper: Arc<LeaseKeeper>,
    pub(super) holder: watch::Receiver<i64>,
    pub(super) link: Option<Link>,
    pub(super) time: LedgerTime,
    pub(super) growth: Growth,
    /// The highest epoch that a renewal of the lease has seen.
    pub(super) seen: Arc<AtomicU64>,
    pub(super) state: State,
}

/// What is under way.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The reservations that somebody was told of, with their holder.
    held: HashMap<u64, (PaymentHash, i64)>,
    waiting: Vec<Queued>,
    /// Settled here and not yet in the database. Lost only with the process.
    owed: Vec<Owed>,
    late: Late,
    /// Nobody knows if these were made.
    doubts: Vec<Doubt>,
    flushes: Vec<oneshot::Sender<()>>,
    /// The number of the newest reservation. None is given twice.
    last: i64,
    /// The monotonic time of the next try to connect.
    retry: Duration,
    /// The place of the hand that forgets.
    hand: Vec<u8>,
    is_closing: bool,
}

impl Session {
    /// Works until it is told to close.
    pub(super) async fn run(mut self) {
        while !self.state.is_closing {
            self.take().await;
            self.work().await;
        }
        self.close().await;
    }

    /// Waits for something to do, and takes all that has queued up.
    async fn take(&mut self) {
        let first = match self.wait() {
            None => self.queue.recv().await,
            Some(wait) => match timeout(wait, self.queue.recv()).await {
                Ok(first) => first,
                Err(_) => return,
            },
        };
        let Some(first) = first else {
            self.state.is_closing = true;
            return;
        };
        self.note(first);
        // Only what is there already: who waits for a batch to fill waits for nothing.
        // The statement that runs meanwhile lets the next batch grow by itself.
        for _ in 1..TAKEN {
            match self.queue.try_recv() {
                Ok(op) => self.note(op),
                Err(_) => return,
            }
        }
    }

    /// Returns the time until there is something to do without a word from outside.
    fn wait(&self) -> Option<Duration> {
        let state = &self.state;
        if !state.owed.is_empty() || !state.doubts.is_empty() || !state.waiting.is_empty() {
            let wait = state.retry.saturating_sub(self.clock.monotonic());
            return Some(if self.link.is_some() {
                Duration::ZERO
            } else {
                wait
            });
        }
        // Nothing else is due, so the end of the first grace is the next thing to wake for.
        let end = state.late.first_end()?;
        Some(end.saturating_sub(self.clock.monotonic()))
    }

    fn note(&mut self, op: Op) {
        match op {
            Op::Close => self.state.is_closing = true,
            Op::Flush(done) => self.state.flushes.push(done),
            Op::Reserve(request, reply) => self.ask(request, reply),
            Op::Settle(number, settle) => self.end(number, settle),
        }
    }

    fn ask(&mut self, request: ReserveRequest, reply: Reply) {
        if let Err(behind) = self.time.check(request.now()) {
            let _ = reply.send(Err(behind));
            return;
        }
        // Counted before anything is sent: a number that was given away is never used again, also if its
        // statement fails.
        self.state.last += 1;
        let number = self.state.last;
        self.state.waiting.push(Queued {
            number,
            request,
            reply,
        });
    }

    /// Takes note of the end of a reservation. A second end finds nothing.
    fn end(&mut self, number: u64, settle: Settle) {
        // The holder of that time: this ledger may have become another one since, and the row in the
        // database has the old number.
        let Some((payment, holder)) = self.state.held.remove(&number) else {
            return;
        };
        let owed = Owed {
            payment,
            holder,
            number: reserve::signed(number),
            end: match settle {
                // Cut off with the lease: the upstream has not failed.
                Settle::ReleaseUpstream if !self.is_current(holder) => End::Untold,
                settle => End::Settled(settle),
            },
        };
        // What is given back hurts nobody if it comes early.
        if matches!(settle, Settle::Commit { .. }) {
            self.state.late.keep(self.clock.monotonic() + GRACE, owed);
        } else {
            self.state.owed.push(owed);
        }
    }

    /// Does all that there is to do, as far as the database can be reached.
    async fn work(&mut self) {
        self.end_grace();
        let state = &self.state;
        let is_idle = state.owed.is_empty() && state.doubts.is_empty() && state.waiting.is_empty();
        if is_idle {
            self.tell_flushed();
            return;
        }
        if let Err(error) = self.try_work().await {
            self.failed(&error);
        }
        self.tell_flushed();
    }

    /// Works on the connection, which is given up after an error.
    async fn try_work(&mut self) -> Result<(), PostgresError> {
        let link = self.connect().await?;
        self.resolve(&link).await?;
        let has_used = self.batch(&link).await?;
        if has_used {
            self.grow(&link).await?;
        }
        // Only after a success: a link on which something failed is dropped, and the next one is clean.
        self.link = Some(link);
        Ok(())
    }

    /// Moves commits whose grace is over, and those whose payment is asked for again, to what is owed.
    fn end_grace(&mut self) {
        let state = &mut self.state;
        // A buyer who asks again at once has to find the use spent, whether its grace is over or not.
        let again: HashSet<PaymentHash> = state.waiting.iter().map(Queued::payment).collect();
        let all = !state.flushes.is_empty() || state.is_closing;
        let due = state.late.take(self.clock.monotonic(), &again, all);
        state.owed.extend(due);
    }

    fn tell_flushed(&mut self) {
        if self.state.owed.is_empty() {
            for done in self.state.flushes.drain(..) {
                // A caller that no longer waits need not be told.
                let _ = done.send(());
            }
        }
    }

    /// Refuses those who wait, and gives the connection up unless the server has answered on it.
    fn failed(&mut self, error: &PostgresError) {
        tracing::error!(%error, "cannot write the ledger");
        let text = error.to_string();
        for asked in self.state.waiting.drain(..) {
            let _ = asked
                .reply
                .send(Err(ReserveError::Unavailable(text.clone())));
        }
        // Its session may hold locks, or a half-sent statement. A new one begins clean.
        self.link = None;
    }

    /// Returns the connection, or makes one if there is none, now and then.
    async fn connect(&mut self) -> Result<Link, PostgresError> {
        if let Some(link) = self.link.take().filter(|link| !link.client.is_closed()) {
            return Ok(link);
        }
        if self.clock.monotonic() < self.state.retry {
            return Err(PostgresError::local(&"the database cannot be reached"));
        }
        // Set at each try, and not at each request, which would put the next try off again and again.
        self.state.retry = self.clock.monotonic() + RETRY;
        let link = Link::open(&self.target).await?;
        // The address may lead to another database than before, such as a copy of last night.
        let found = within(read_identity(&link.client)).await?;
        // Growth that others have made is seen with a renewal alone.
        if self.growth.is_same(&found) && found.epoch >= self.seen.load(Ordering::Relaxed) {
            Ok(link)
        } else {
            Err(PostgresError::local(
                &"another ledger is in its place; start again",
            ))
        }
    }

    /// Finds out what became of what was under way when a connection broke.
    async fn resolve(&mut self, link: &Link) -> Result<(), PostgresError> {
        if !self.state.doubts.is_empty() {
            let made = within(doubt::resolve(&link.client, &self.state.doubts)).await?;
            self.state.doubts.clear();
            self.state.owed.extend(made);
        }
        Ok(())
    }

    /// Sends what is owed and, behind it on the same connection, what is asked for. Returns true if
    /// something was asked for.
    async fn batch(&mut self, link: &Link) -> Result<bool, PostgresError> {
        let batch = batch::next(&mut self.state.waiting);
        let holder = *self.holder.borrow();
        if let Some(asked) = batch.last()
            && let Err(error) = self.begin_time(link, asked.request.now()).await
        {
            refuse(batch, &error);
            return Err(error);
        }
        let owed = settle::take(&mut self.state.owed, ENDS);
        let settling = async {
            match owed.is_empty() {
                true => Ok(()),
                false => within(settle::settle(&link.client, &link.settle, &owed)).await,
            }
        };
        let reserving = async {
            match batch.is_empty() {
                true => Ok(Vec::new()),
                false => {
                    within(reserve::reserve(
                        &link.client,
                        &link.reserve,
                        holder,
                        &batch,
                    ))
                    .await
                }
            }
        };
        // Both are on their way before either is answered. The server keeps the order, so a use that is
        // given back in the first can be had by the second.
        let (settled, reserved) = tokio::join!(settling, reserving);
        if settled.is_ok() {
            self.growth
                .committed(!owed.is_empty(), None, Duration::ZERO);
        } else {
            // In their order, before what comes later.
            self.state.owed.splice(0..0, owed.iter().copied());
        }
        let has_used = !batch.is_empty();
        let answered = match reserved {
            Ok(outcomes) => {
                self.growth.committed(has_used, None, Duration::ZERO);
                self.answer(holder, batch, outcomes);
                Ok(())
            }
            Err(error) => {
                self.doubt(holder, &batch, &error);
                refuse(batch, &error);
                Err(error)
            }
        };
        settled.and(answered).map(|()| has_used)
    }

    /// Takes note that nobody knows what became of a batch, if so it is.
    fn doubt(&mut self, holder: i64, batch: &[Queued], error: &PostgresError) {
        if error.kind() == PostgresErrorKind::Lost {
            let doubts = batch.iter().map(|asked| Doubt {
                payment: asked.payment(),
                holder,
                number: asked.number,
            });
            self.state.doubts.extend(doubts);
        }
    }

    /// Tells each caller its outcome. What was reserved under a lease that has ended meanwhile goes back: it
    /// may be in other hands already.
    fn answer(&mut self, holder: i64, batch: Vec<Queued>, outcomes: Vec<Outcome>) {
        let is_valid = self.is_current(holder);
        // The lease was asked for after the answer came: the statement may have taken longer than it ran.
        // What comes too late goes back without a trace, and its caller asks again.
        for (asked, outcome) in batch.into_iter().zip(outcomes) {
            let (payment, number) = (asked.payment(), asked.number);
            let told = match outcome {
                Ok(reservation) if is_valid => {
                    self.state.held.insert(reservation.id(), (payment, holder));
                    Ok(PendingReservation::new(reservation, &self.ops))
                }
                Ok(_) => {
                    self.state.owed.push(Owed {
                        payment,
                        holder,
                        number,
                        end: End::Untold,
                    });
                    let text = "the lease of this gateway has ended";
                    Err(ReserveError::Unavailable(text.to_owned()))
                }
                Err(error) => Err(error),
            };
            // If nobody waits any more, dropping it gives the use back.
            let _ = asked.reply.send(told);
        }
    }

    /// Returns true if what this holder has reserved may be served.
    fn is_current(&self, holder: i64) -> bool {
        self.keeper.is_valid() && *self.holder.borrow() == holder
    }

    /// Begins the time of the ledger with the first use.
    async fn begin_time(&mut self, link: &Link, wall: UnixTime) -> Result<(), PostgresError> {
        if self.time.has_begun() {
            return Ok(());
        }
        let (latest, alive) = within(read_time(&link.client)).await?;
        self.time.store(latest);
        self.time
            .begin(wall, self.shop_clock.monotonic(), alive <= 1);
        Ok(())
    }

    /// Grows the epoch with a use, once a minute, and forgets a few payments.
    async fn grow(&mut self, link: &Link) -> Result<(), PostgresError> {
        let now = self.shop_clock.monotonic();
        if !self.growth.is_due(now) {
            return Ok(());
        }
        let grown = within(prune::grow(&link.client, self.time.at(now))).await?;
        let latest = grown.latest;
        self.time.store(latest);
        self.growth.committed(false, Some(grown), now);
        self.growth.tell();
        let hand = std::mem::take(&mut self.state.hand);
        self.state.hand = within(prune::forget(&link.client, &hand, latest)).await?;
        Ok(())
    }

    /// Writes what is owed, gives back the rest, and ends the holder.
    async fn close(mut self) {
        // What was settled while the last statement ran is still in the queue.
        while let Ok(op) = self.queue.try_recv() {
            self.note(op);
        }
        let closed = PostgresError::local(&"the ledger is being closed");
        refuse(std::mem::take(&mut self.state.waiting), &closed);
        // Somebody was told of these, and has not come back. They are served no more once this ends.
        let held = std::mem::take(&mut self.state.held);
        let rest = held.into_iter().map(|(number, (payment, holder))| Owed {
            payment,
            holder,
            number: reserve::signed(number),
            end: End::Untold,
        });
        self.state.owed.extend(rest);
        self.state.retry = Duration::ZERO;
        // Bounded: a database that is away must not keep the program from ending. Others give back what
        // is left as soon as the lease has run out.
        for _ in 0..LAST_TRIES {
            self.work().await;
            if self.state.owed.is_empty() && self.state.late.first_end().is_none() {
                break;
            }
            if self.link.is_none() {
                tokio::time::sleep(RETRY).await;
            }
        }
        if let Err(error) = self.leave().await {
            tracing::error!(%error, "the ledger was not closed; others give back what is left soon");
        }
    }

    /// Marks what was written since the last growth, and ends the holder.
    async fn leave(&mut self) -> Result<(), PostgresError> {
        let link = self.connect().await?;
        if self.growth.is_unmarked() {
            let now = self.shop_clock.monotonic();
            let grown = within(prune::grow(&link.client, self.time.at(now))).await?;
            self.growth.committed(false, Some(grown), now);
            self.growth.tell();
        }
        let holder = *self.holder.borrow();
        within(holder::end(&link.client, holder)).await?;
        within(holder::reap(&link.client)).await.map(drop)
    }
}

/// Refuses requests.
fn refuse(batch: Vec<Queued>, error: &PostgresError) {
    for asked in batch {
        // A caller that no longer waits need not be told.
        let _ = asked
            .reply
            .send(Err(ReserveError::Unavailable(error.to_string())));
    }
}

/// Reads what the ledger says of itself, without the fingerprints.
pub(super) async fn read_identity(
    client: &tokio_postgres::Client,
) -> Result<LedgerIdentity, PostgresError> {
    let sql = "SELECT id, epoch, latest, number, uses_from FROM l402_ledger";
    let row = client.query_one(sql, &[]).await;
    let row = row.map_err(|error| PostgresError::of_statement(&error))?;
    Ok(prune::identity(&row))
}

/// Reads the latest time of a use, and the number of holders that live.
async fn read_time(client: &tokio_postgres::Client) -> Result<(UnixTime, i64), PostgresError> {
    let sql = "SELECT latest, (SELECT count(*) FROM l402_gateways \
               WHERE NOT ended AND lease_until > now()) FROM l402_ledger";
    let row = client.query_one(sql, &[]).await;
    let row = row.map_err(|error| PostgresError::of_statement(&error))?;
    Ok((UnixTime::from_secs(unsigned(row.get(0))), row.get(1)))
}
