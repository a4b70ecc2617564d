//! Several writers on one file against a model in memory: what is granted is always what the model grants.
//!
//! They end by accident, lose their connection, are in doubt about a commit, meet a file that is held or
//! cannot be written, and hold so little in memory that every commit folds and trims. Time passes, and
//! payments end and are forgotten.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use l402::{PaymentHash, UnixTime};
use l402_host::{Clock as _, ManualClock};
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use super::fold::Folding;
use super::writer::Writer;
use super::{ReserveError, ReserveRequest, Settle};
use crate::ledger::ops::{Ops, PendingReservation};
use crate::ledger::{Allowance, Tally};

/// Unix seconds of the first use, the longest life of a payment, and the longest rest.
const START: u64 = 1_790_000_000;
const LIFE: u64 = 20_000;
const REST: u64 = 4000;

/// Seconds by which the wall clock of a writer may be wrong.
const SKEW: u64 = 1200;

/// Payments, units of each, writers, and steps of one run.
const PAYMENTS: u64 = 40;
const UNITS: NonZeroU64 = NonZeroU64::new(6).expect("not zero");
const WRITERS: usize = 3;
const STEPS: u64 = 1500;

/// The payments that a writer holds in memory.
const ROOM: usize = 8;

/// Numbers that are the same in each run (splitmix64).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 27)) % n
    }
}

/// A payment as it must be.
#[derive(Clone, Copy)]
struct Payment {
    tally: Tally,
    reserved: u64,
    /// Unix seconds.
    end: u64,
}

/// A reservation: its number with the writer, the payment, and the units.
type Held = (u64, u64, NonZeroU64);

struct World {
    path: PathBuf,
    random: Random,
    clock: Arc<ManualClock>,
    writers: Vec<(Writer, Vec<Held>)>,
    payments: HashMap<u64, Payment>,
    /// The payments that are presented, each until it ends; then a new one takes its place.
    shown: Vec<u64>,
}

pub(super) fn open(path: &Path, clock: Arc<ManualClock>) -> Writer {
    let (ops, _) = mpsc::channel();
    let mut writer = Writer::open(path, Ops::Thread(ops), clock, None).unwrap();
    writer.folding = Folding::with_room(ROOM);
    quicken(&mut writer);
    writer
}

/// The test loses no power, and does not wait for who holds the file.
pub(super) fn quicken(writer: &mut Writer) {
    if let Some(connection) = &writer.connection {
        connection
            .pragma_update(None, "synchronous", "OFF")
            .unwrap();
        connection.busy_timeout(Duration::ZERO).unwrap();
    }
}

pub(super) fn hash(payment: u64) -> PaymentHash {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&payment.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    PaymentHash::from_bytes(bytes)
}

type Asked = oneshot::Receiver<Result<PendingReservation, ReserveError>>;

impl World {
    /// Returns a payment that has not ended by the wall clock of who presents it.
    fn request(&mut self) -> (u64, ReserveRequest, NonZeroU64) {
        let skew = self.random.below(2 * SKEW);
        let now = self.clock.wall().secs() + skew - SKEW;
        let place = usize::try_from(self.random.below(PAYMENTS)).unwrap();
        let mut payment = self.shown[place];
        if self.payments[&payment].end <= now {
            payment = self.show(now);
            self.shown[place] = payment;
        }
        let end = UnixTime::from_secs(self.payments[&payment].end);
        let allowance = Allowance::new(hash(payment), UNITS, end);
        let units = NonZeroU64::MIN.saturating_add(self.random.below(2));
        let request = ReserveRequest::new(allowance, units, UnixTime::from_secs(now));
        (payment, request, units)
    }

    fn show(&mut self, now: u64) -> u64 {
        let payment = self.payments.len() as u64;
        let state = Payment {
            tally: Tally::default(),
            reserved: 0,
            end: now + 1 + self.random.below(LIFE),
        };
        self.payments.insert(payment, state);
        payment
    }

    fn held(&mut self, at: usize) -> Option<Held> {
        let count = self.writers[at].1.len() as u64;
        (count > 0).then(|| {
            let place = usize::try_from(self.random.below(count)).unwrap();
            self.writers[at].1.swap_remove(place)
        })
    }

    /// Settles in the model.
    fn settled(&mut self, payment: u64, units: NonZeroU64, settle: Settle) {
        let state = self.payments.get_mut(&payment).unwrap();
        state.reserved -= units.get();
        state.tally = state.tally.settled(units.get(), settle);
    }

    fn reserve(&mut self, at: usize) {
        let mut asked: Vec<(u64, NonZeroU64, Asked)> = Vec::new();
        let mut requests = Vec::new();
        for _ in 0..=self.random.below(4) {
            let (payment, request, units) = self.request();
            let (answer, waiting) = oneshot::channel();
            requests.push((request, answer));
            asked.push((payment, units, waiting));
        }
        let expected: Vec<_> = requests
            .iter()
            .zip(&asked)
            .map(|((request, _), (payment, units, _))| {
                let state = self.payments.get_mut(payment).unwrap();
                let outcome = state.tally.admit(request, state.reserved);
                if outcome.is_ok() {
                    state.reserved += units.get();
                }
                outcome.map(|_| (state.tally.failures, state.tally.attempts))
            })
            .collect();
        let (writer, held) = &mut self.writers[at];
        writer.commit(requests);
        for ((payment, units, mut waiting), expected) in asked.into_iter().zip(expected) {
            let found = waiting.try_recv().unwrap().map(PendingReservation::take);
            let told = found
                .as_ref()
                .map(|it| (it.failures(), it.releases()))
                .map_err(Clone::clone);
            assert_eq!(told, expected, "payment {payment}");
            held.extend(found.ok().map(|it| (it.id(), payment, units)));
        }
    }

    fn settle(&mut self, at: usize) {
        let Some((id, payment, units)) = self.held(at) else {
            return;
        };
        let settle = self.way();
        self.settled(payment, units, settle);
        let writer = &mut self.writers[at].0;
        writer.owed.push((id, settle));
        // A second time does nothing.
        writer.owed.push((id, Settle::ReleaseBuyer));
        writer.commit(Vec::new());
        assert!(writer.owed.is_empty());
    }

    fn way(&mut self) -> Settle {
        match self.random.below(4) {
            0 => Settle::ReleaseBuyer,
            1 => Settle::ReleaseUpstream,
            _ => Settle::Commit {
                units: self.random.below(3),
            },
        }
    }

    /// Another process holds the file, or it cannot be written: all is refused, and what is owed is not
    /// forgotten, unless the process ends.
    fn refused(&mut self, at: usize) {
        let owed = self.held(at).map(|held| (held, self.way()));
        let (_, request, _) = self.request();
        let rival = Connection::open(&self.path).unwrap();
        let (answer, mut waiting) = oneshot::channel();
        let writer = &mut self.writers[at].0;
        writer
            .owed
            .extend(owed.map(|((id, ..), settle)| (id, settle)));
        if self.random.below(2) == 0 {
            let behavior = TransactionBehavior::Immediate;
            let _held = rusqlite::Transaction::new_unchecked(&rival, behavior).unwrap();
            writer.commit(vec![(request, answer)]);
        } else {
            let connection = writer.connection.as_ref().unwrap();
            connection.pragma_update(None, "query_only", true).unwrap();
            writer.commit(vec![(request, answer)]);
        }
        let refused = waiting.try_recv().unwrap();
        assert!(matches!(refused, Err(ReserveError::Unavailable(_))));
        if self.random.below(3) == 0 {
            self.writers[at].1.extend(owed.map(|(held, _)| held));
            return self.crash(at);
        }
        self.writers[at].0.commit(Vec::new());
        quicken(&mut self.writers[at].0);
        if let Some(((_, payment, units), settle)) = owed {
            self.settled(payment, units, settle);
        }
    }

    /// A writer that ends by accident: what it holds is given back, and another takes its place.
    fn crash(&mut self, at: usize) {
        let (writer, held) = std::mem::replace(
            &mut self.writers[at],
            (
                open(&self.path.with_file_name("other.db"), self.clock.clone()),
                Vec::new(),
            ),
        );
        drop(writer);
        for (_, payment, units) in held {
            self.payments.get_mut(&payment).unwrap().reserved -= units.get();
        }
        self.writers[at].0 = open(&self.path, self.clock.clone());
    }

    /// The commit stands in the file, and the writer is told that it failed, or ends before it is told.
    fn doubt(&mut self, at: usize) {
        let (_, request, _) = self.request();
        let (answer, _asked) = oneshot::channel();
        let owed = self.held(at).map(|held| (held, self.way()));
        if let Some(((_, payment, units), settle)) = owed {
            self.settled(payment, units, settle);
        }
        let writer = &mut self.writers[at].0;
        writer
            .owed
            .extend(owed.map(|((id, ..), settle)| (id, settle)));
        writer.write(&[(request, answer)]).unwrap();
        if self.random.below(3) == 0 {
            return self.crash(at);
        }
        let writer = &mut self.writers[at].0;
        writer.connection = None;
        writer.commit(Vec::new());
        quicken(writer);
    }
}

fn run(seed: u64) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("ledger.db");
    let clock = Arc::new(ManualClock::new(UnixTime::from_secs(START)));
    let writers = (0..WRITERS)
        .map(|_| (open(&path, clock.clone()), Vec::new()))
        .collect();
    let mut world = World {
        path,
        random: Random(seed),
        clock,
        writers,
        payments: HashMap::new(),
        shown: Vec::new(),
    };
    world.shown = (0..PAYMENTS).map(|_| world.show(START)).collect();
    for _ in 0..STEPS {
        let at = usize::try_from(world.random.below(WRITERS as u64)).unwrap();
        match world.random.below(100) {
            0..50 => world.reserve(at),
            50..88 => world.settle(at),
            88..91 => world.refused(at),
            91..94 => world.doubt(at),
            94..97 => {
                let rest = Duration::from_secs(world.random.below(REST));
                world.clock.advance(rest);
            }
            _ => world.crash(at),
        }
    }
    let db = Connection::open(&world.path).unwrap();
    let count = |sql| db.query_row(sql, [], |row| row.get::<_, u64>(0)).unwrap();
    let (rows, newest) = (
        count("SELECT count(*) FROM log"),
        count("SELECT max(number) FROM log"),
    );
    assert!(rows < newest / 2, "{rows} of {newest} rows are left");
    let spent: u64 = world.payments.values().map(|it| it.tally.used).sum();
    assert!(spent > PAYMENTS * 2, "{spent} units were spent");
    let kept = count("SELECT count(*) FROM payments");
    assert!(
        kept < world.payments.len() as u64,
        "{kept} are kept, and none was forgotten"
    );
}

#[test]
fn every_grant_is_the_grant_of_the_model() {
    (1..=6).for_each(run);
}
