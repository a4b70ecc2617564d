//! Several writers on one file against a model in memory: what is granted is always what the model grants.
//!
//! They end by accident, lose their connection, are in doubt about a commit, and hold so little in memory
//! that every commit folds and trims.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};

use l402::{PaymentHash, UnixTime};
use l402_host::SystemClock;
use tokio::sync::oneshot;

use super::fold::Folding;
use super::writer::Writer;
use super::{PendingReservation, ReserveError, ReserveRequest, Settle};
use crate::ledger::{Allowance, Tally};

/// Unix seconds of the first use. Nothing ends.
const START: u64 = 1_790_000_000;

/// Payments, units of each, writers, and steps of one run.
const PAYMENTS: u64 = 40;
const UNITS: NonZeroU64 = NonZeroU64::new(6).expect("not zero");
const WRITERS: usize = 3;
const STEPS: u64 = 1500;

/// The payments that a writer holds in memory.
const ROOM: usize = 8;

/// Numbers that are the same in each run (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 27)) % n
    }
}

/// A payment as it must be.
#[derive(Clone, Copy, Default)]
struct Payment {
    tally: Tally,
    reserved: u64,
}

/// A reservation: its number with the writer, the payment, and the units.
type Held = (u64, u64, NonZeroU64);

struct World {
    path: PathBuf,
    random: Random,
    now: u64,
    writers: Vec<(Writer, Vec<Held>)>,
    payments: HashMap<u64, Payment>,
}

fn open(path: &Path) -> Writer {
    let (ops, _) = mpsc::channel();
    let clock = Arc::new(SystemClock::default());
    let mut writer = Writer::open(path, ops, clock, None).unwrap();
    writer.folding = Folding::with_room(ROOM);
    quicken(&mut writer);
    writer
}

/// The test loses no power.
fn quicken(writer: &mut Writer) {
    if let Some(connection) = &writer.connection {
        connection
            .pragma_update(None, "synchronous", "OFF")
            .unwrap();
    }
}

fn hash(payment: u64) -> PaymentHash {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&payment.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    PaymentHash::from_bytes(bytes)
}

type Asked = oneshot::Receiver<Result<PendingReservation, ReserveError>>;

impl World {
    fn request(&mut self, payment: u64) -> (ReserveRequest, NonZeroU64) {
        self.now += 1;
        let end = UnixTime::from_secs(START * 2);
        let allowance = Allowance::new(hash(payment), UNITS, end);
        let units = NonZeroU64::MIN.saturating_add(self.random.below(2));
        let now = UnixTime::from_secs(self.now);
        (ReserveRequest::new(allowance, units, now), units)
    }

    fn reserve(&mut self, at: usize) {
        let mut asked: Vec<(u64, NonZeroU64, Asked)> = Vec::new();
        let mut requests = Vec::new();
        for _ in 0..=self.random.below(4) {
            let payment = self.random.below(PAYMENTS);
            let (request, units) = self.request(payment);
            let (answer, waiting) = oneshot::channel();
            requests.push((request, answer));
            asked.push((payment, units, waiting));
        }
        let expected: Vec<_> = requests
            .iter()
            .zip(&asked)
            .map(|((request, _), (payment, units, _))| {
                let state = self.payments.entry(*payment).or_default();
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
        let count = self.writers[at].1.len() as u64;
        if count == 0 {
            return;
        }
        let place = usize::try_from(self.random.below(count)).unwrap();
        let (id, payment, units) = self.writers[at].1.swap_remove(place);
        let settle = match self.random.below(4) {
            0 => Settle::ReleaseBuyer,
            1 => Settle::ReleaseUpstream,
            _ => Settle::Commit {
                units: self.random.below(3),
            },
        };
        let state = self.payments.get_mut(&payment).unwrap();
        state.reserved -= units.get();
        state.tally = state.tally.settled(units.get(), settle);
        let writer = &mut self.writers[at].0;
        writer.owed.push((id, settle));
        // A second time does nothing.
        writer.owed.push((id, Settle::ReleaseBuyer));
        writer.commit(Vec::new());
    }

    /// A writer that ends by accident: what it holds is given back, and another takes its place.
    fn crash(&mut self, at: usize) {
        let (writer, held) = std::mem::replace(
            &mut self.writers[at],
            (open(&self.path.with_file_name("other.db")), Vec::new()),
        );
        drop(writer);
        for (_, payment, units) in held {
            self.payments.get_mut(&payment).unwrap().reserved -= units.get();
        }
        self.writers[at].0 = open(&self.path);
    }

    /// The commit stands in the file, and the writer is told that it failed.
    fn doubt(&mut self, at: usize) {
        let payment = self.random.below(PAYMENTS);
        let (request, _) = self.request(payment);
        let (answer, _asked) = oneshot::channel();
        let writer = &mut self.writers[at].0;
        writer.write(&[(request, answer)]).unwrap();
        writer.connection = None;
        writer.commit(Vec::new());
        quicken(writer);
    }
}

fn run(seed: u64) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("ledger.db");
    let writers = (0..WRITERS).map(|_| (open(&path), Vec::new())).collect();
    let mut world = World {
        path,
        random: Random(seed),
        now: START,
        writers,
        payments: HashMap::new(),
    };
    for _ in 0..STEPS {
        let at = usize::try_from(world.random.below(WRITERS as u64)).unwrap();
        match world.random.below(100) {
            0..50 => world.reserve(at),
            50..94 => world.settle(at),
            94..97 => world.doubt(at),
            _ => world.crash(at),
        }
    }
    let db = rusqlite::Connection::open(&world.path).unwrap();
    let count = |sql| db.query_row(sql, [], |row| row.get::<_, u64>(0)).unwrap();
    let (rows, newest) = (
        count("SELECT count(*) FROM log"),
        count("SELECT max(number) FROM log"),
    );
    assert!(rows < newest / 2, "{rows} of {newest} rows are left");
    let spent: u64 = world.payments.values().map(|it| it.tally.used).sum();
    assert!(spent > PAYMENTS * 2, "{spent} units were spent");
}

#[test]
fn every_grant_is_the_grant_of_the_model() {
    (1..=6).for_each(run);
}
