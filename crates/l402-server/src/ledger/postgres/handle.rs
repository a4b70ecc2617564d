//! The handle on the ledger.

use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use l402_host::postgres::{PostgresError, Target, migrate};
use l402_host::{BoxFuture, Clock, PostgresUrl, SystemClock};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::lessor::{Grown, Lessor};
use super::link::{Link, within};
use super::schema::STEPS;
use super::session::{Session, State, read_identity};
use crate::ledger::growth::{Growth, Listener};
use crate::ledger::ops::{Op, Ops, Queue};
use crate::ledger::{
    Lease, LeaseKeeper, Ledger, LedgerError, LedgerMark, LedgerTime, Reservation, ReserveError,
    ReserveRequest, Settle,
};

/// Counts in a PostgreSQL database, durably. Any number of gateways may share it, each with one of these.
///
/// What a gateway has reserved stands under a [`Lease`]. Dropping it writes what is queued, and waits for
/// that for some seconds at most.
#[derive(Debug)]
pub struct PostgresLedger {
    queue: Queue,
    lease: Lease,
    holder: tokio::sync::watch::Receiver<i64>,
    thread: Option<JoinHandle<()>>,
}

impl PostgresLedger {
    /// Connects, makes or upgrades the tables, and takes a lease. Blocks. `clock` is the clock of the
    /// requests; the ledger needs its monotonic time. `grown` is told of each growth of the epoch after it
    /// is durable. It is called on the thread that writes, so it must not block.
    ///
    /// # Errors
    /// [`LedgerError`], whose kind says what to do: the database cannot be reached, or a newer version
    /// made its tables.
    pub fn open(
        url: &PostgresUrl,
        clock: Arc<dyn Clock>,
        grown: impl Fn(LedgerMark) + Send + Sync + 'static,
    ) -> Result<Self, LedgerError> {
        let place = url.to_string();
        let failed = |error: PostgresError| LedgerError::database(&place, error);
        let target = Target::read(url).map_err(failed)?;
        let (ops, queue) = unbounded_channel();
        let ops = Ops::Runtime(ops);
        let start = Start {
            target,
            ops: ops.clone(),
            shop_clock: clock,
            grown: Arc::new(grown),
        };
        let (told, opened) = mpsc::channel();
        let thread = std::thread::Builder::new().name("l402-ledger".to_owned());
        let thread = thread
            .spawn(move || run(start, queue, &told))
            .map_err(|error| LedgerError::system(Path::new(&place), error))?;
        let gone = |_| PostgresError::local(&"its thread has ended");
        // Waits for the thread's first connection, so that a database out of reach is told here.
        let (lease, holder) = opened
            .recv()
            .map_err(gone)
            .and_then(|it| it)
            .map_err(failed)?;
        Ok(Self {
            queue: Queue::new(ops),
            lease,
            holder,
            thread: Some(thread),
        })
    }
}

impl Drop for PostgresLedger {
    fn drop(&mut self) {
        // The thread writes what is owed before it ends, so the drop waits for it.
        self.queue.send(Op::Close);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Ledger for PostgresLedger {
    fn queue(&self) -> Option<usize> {
        Some(self.queue.waiting())
    }

    fn reserve(&self, request: ReserveRequest) -> BoxFuture<'_, Result<Reservation, ReserveError>> {
        Box::pin(self.queue.reserve(request))
    }

    fn settle(&self, reservation: Reservation, settle: Settle) {
        // Without a thread the reservation ends with the lease.
        self.queue.send(Op::Settle(reservation.id(), settle));
    }

    fn flush(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.queue.flush())
    }

    fn lease(&self) -> Option<Lease> {
        Some(self.lease.current())
    }

    fn holder(&self) -> Option<i64> {
        Some(*self.holder.borrow())
    }
}

/// All that the thread begins with.
struct Start {
    target: Target,
    ops: Ops,
    shop_clock: Arc<dyn Clock>,
    grown: Arc<Grown>,
}

type Begun = Result<(Lease, tokio::sync::watch::Receiver<i64>), PostgresError>;

/// The work of the thread.
fn run(start: Start, queue: UnboundedReceiver<Op>, told: &mpsc::Sender<Begun>) {
    let opened = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime
            .block_on(begin(start, queue))
            .map(|it| (runtime, it)),
        Err(error) => Err(PostgresError::local(&error)),
    };
    // An opener that has gone wants no ledger.
    let _ = match opened {
        Err(error) => told.send(Err(error)),
        Ok((runtime, (session, lessor))) => {
            let sent = told.send(Ok((session.keeper.lease(), lessor.holder())));
            serve(&runtime, session, lessor);
            sent
        }
    };
}

fn serve(runtime: &Runtime, session: Session, lessor: Lessor) {
    runtime.block_on(async {
        let keeping = tokio::spawn(lessor.run());
        session.run().await;
        keeping.abort();
    });
}

/// Opens all that a ledger needs.
async fn begin(
    start: Start,
    queue: UnboundedReceiver<Op>,
) -> Result<(Session, Lessor), PostgresError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let target = start.target;
    // On a connection of its own, which takes its lock and its settings with it.
    let (mut client, _) = l402_host::postgres::connect(&target).await?;
    migrate(&mut client, "ledger", STEPS).await?;
    drop(client);
    let link = Link::open(&target).await?;
    let known = within(read_identity(&link.client)).await?;
    let keeper = Arc::new(LeaseKeeper::new(Arc::clone(&clock)));
    let name = format!("{}", std::process::id());
    let lessor = Lessor::begin(
        target.clone(),
        name,
        Arc::clone(&clock),
        Arc::clone(&keeper),
        Arc::clone(&start.grown),
    )
    .await?;
    let grown = start.grown;
    let listener = Listener(Box::new(move |mark| grown(mark)));
    let session = Session {
        target,
        ops: start.ops,
        queue,
        clock,
        shop_clock: start.shop_clock,
        keeper,
        holder: lessor.holder(),
        link: Some(link),
        time: LedgerTime::new(known.latest),
        growth: Growth::new(known, Some(listener)),
        seen: lessor.seen(),
        state: State::default(),
    };
    Ok((session, lessor))
}
