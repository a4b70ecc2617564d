//! The statements, page writes and syncs that a use costs.
//!
//! `cargo test -p l402-server --lib cost -- --nocapture` prints them. The figures of 20,000 and
//! 200,000 payments are in `docs/design/ledger.md`.

use std::cell::Cell;
use std::fs;
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::{Arc, mpsc};

use l402::{PaymentHash, UnixTime};
use l402_host::{Clock as _, ManualClock};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::fold::Folding;
use super::writer::Writer;
use super::{ReserveRequest, Settle};
use crate::ledger::ops::{Ops, PendingReservation};
use crate::ledger::{Allowance, GRACE_SECS};

/// Payments in the file before the first use.
const PAYMENTS: u64 = 20_000;

/// The bytes of a page in the log, its head among them.
const FRAME_BYTES: u64 = 4096 + 24;

/// Unix seconds of the first use.
const START: u64 = 1_790_000_000;

/// Seconds until the last of the payments in the file is forgotten, and each new one.
const LIFE: u64 = 20_000;

thread_local! {
    static STATEMENTS: Cell<u64> = const { Cell::new(0) };
    static SYNCS: Cell<u64> = const { Cell::new(0) };
}

/// The cost of one use.
#[derive(Debug)]
struct Cost {
    statements: f64,
    pages: f64,
    syncs: f64,
}

/// With `synchronous = FULL` the log is synced once a commit.
fn count(sql: &str) {
    match sql {
        "COMMIT" => SYNCS.set(SYNCS.get() + 1),
        _ if sql.starts_with("BEGIN") || sql.starts_with("PRAGMA") => {}
        _ => STATEMENTS.set(STATEMENTS.get() + 1),
    }
}

/// Numbers that lie as scattered as payment hashes do, and are the same in each run (splitmix64).
fn hash(n: u64) -> [u8; 32] {
    let mut bytes = [0; 32];
    let mut state = n;
    for part in bytes.chunks_mut(8) {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        part.copy_from_slice(&(mixed ^ (mixed >> 31)).to_be_bytes());
    }
    bytes
}

/// Writes spent payments, whose rows may be forgotten one after another during `LIFE`.
fn fill(path: &Path) {
    let mut connection = Connection::open(path).unwrap();
    let tx = connection.transaction().unwrap();
    for n in 0..PAYMENTS {
        let end = START + n * LIFE / PAYMENTS - GRACE_SECS;
        let sql = "INSERT INTO payments VALUES (?1, 1, 0, 0, ?2, 0)";
        let row = (hash(1 << 40 | n), end);
        tx.prepare_cached(sql).unwrap().execute(row).unwrap();
    }
    tx.commit().unwrap();
}

/// A writer on this thread, whose statements are counted.
struct Counted {
    writer: Writer,
    home: tempfile::TempDir,
    clock: Arc<ManualClock>,
}

impl Counted {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("ledger.db");
        let (ops, _) = mpsc::channel();
        let clock = Arc::new(ManualClock::new(UnixTime::from_secs(START)));
        let writer = Writer::open(&path, Ops::Thread(ops), clock.clone(), None).unwrap();
        fill(&path);
        let mut counted = Self {
            writer,
            home,
            clock,
        };
        let connection = counted.writer.connection.as_mut().unwrap();
        connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .unwrap();
        connection.trace(Some(count));
        STATEMENTS.set(0);
        SYNCS.set(0);
        counted
    }

    /// Returns the pages in the log. It is not emptied before it holds 8,192 of them.
    fn pages(&self) -> u64 {
        let log = self.home.path().join("ledger.db-wal");
        fs::metadata(log).unwrap().len() / FRAME_BYTES
    }

    /// Reserves one use of each of these payments, in one commit.
    fn reserve(&mut self, payments: std::ops::Range<u64>, now: impl Fn(u64) -> u64) -> Vec<u64> {
        let (requests, answers): (Vec<_>, Vec<_>) = payments
            .map(|n| {
                let (answer, asked) = oneshot::channel();
                let hash = PaymentHash::from_bytes(hash(n));
                let end = UnixTime::from_secs(now(n) + LIFE - GRACE_SECS);
                let allowance = Allowance::new(hash, NonZeroU64::MIN, end);
                let now = UnixTime::from_secs(now(n));
                let request = ReserveRequest::one_use(allowance, now);
                ((request, answer), asked)
            })
            .unzip();
        let last = requests.last().map(|(request, _)| request.now());
        let passed = last.unwrap().since(self.clock.wall());
        self.clock.advance(passed);
        self.writer.commit(requests);
        let taken = |mut asked: oneshot::Receiver<Result<PendingReservation, _>>| {
            asked.try_recv().unwrap().unwrap().take().id()
        };
        answers.into_iter().map(taken).collect()
    }

    fn settle(&mut self, ids: Vec<u64>) {
        let spent = ids.into_iter().map(|id| (id, Settle::ONE_USE));
        self.writer.owed.extend(spent);
    }
}

/// Uses `batch` payments at once, each once: what one batch has used is settled by the commit that
/// reserves the next. If `ends`, as many payments come to their end as are used. `room` is the number of
/// payments that memory may hold, if it is not the usual one.
fn cost(batch: u64, batches: u64, ends: bool, room: Option<usize>) -> Cost {
    let mut counted = Counted::new();
    if let Some(room) = room {
        counted.writer.folding = Folding::with_room(room);
    }
    let now = |n| START + if ends { n * LIFE / PAYMENTS } else { 0 };
    for turn in 0..batches {
        let ids = counted.reserve(turn * batch..(turn + 1) * batch, now);
        counted.settle(ids);
        if batch == 1 {
            counted.writer.commit(Vec::new());
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let per_use = |n: u64| n as f64 / (batch * batches) as f64;
    Cost {
        statements: per_use(STATEMENTS.get()),
        pages: per_use(counted.pages()),
        syncs: per_use(SYNCS.get()),
    }
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "the figures are for the page on the ledger"
)]
fn the_cost_of_a_use_stays_what_it_is() {
    let alone = cost(1, 200, false, None);
    let together = cost(64, 30, false, None);
    let full = cost(64, 90, false, Some(2000));
    let for_ever = cost(64, 30, true, None);
    println!("alone {alone:.2?}\n64 at once {together:.2?}\nmemory full {full:.2?}");
    println!("as many end {for_ever:.2?}");
    assert!(alone.statements < 5.2, "{alone:?}");
    assert!(alone.pages < 2.2, "{alone:?}");
    assert!(alone.syncs <= 2.0, "{alone:?}");
    assert!(together.statements < 1.2, "{together:?}");
    assert!(together.pages < 0.1, "{together:?}");
    assert!(together.syncs < 0.02, "{together:?}");
    assert!(full.pages < 0.5, "{full:?}");
    assert!(for_ever.pages < 1.3, "{for_ever:?}");
}
