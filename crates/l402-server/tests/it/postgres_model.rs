//! Several ledgers on one PostgreSQL against a model in memory: nothing is granted that the model does not
//! grant, and nothing is lost.
//!
//! They close and open again, the server is killed, and the connection of the first one is cut at its
//! statements. `L402_SEED` and `L402_LEDGER_STEPS` choose another run (`tests/long.sh ledgers`).

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use l402_host::SystemClock;
use l402_server::Ledger;
use l402_server::ledger::{
    BUYER_RELEASES, Lease, PostgresLedger, Reservation, ReserveError, Settle,
};
use l402_testkit::postgres::{Cut, CutProxy, PostgresServer};

use crate::contract::several;

const LEDGERS: usize = 3;

/// Payments that are shown at a time, and units of each.
const PAYMENTS: usize = 12;
const UNITS: u64 = 6;

/// The longest wait for an answer. Past it something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

/// Numbers that are the same in each run (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 27)) % n
    }

    fn is_one_of(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).expect("small")
    }
}

/// A payment as it must be.
#[derive(Clone, Copy, Debug, Default)]
struct Payment {
    used: u64,
    reserved: u64,
    failures: u32,
    releases: u32,
}

impl Payment {
    /// Returns what is left beside a grant of so many units, or why there is none.
    fn admit(self, units: u64) -> Result<u64, ReserveError> {
        let unspent = UNITS.saturating_sub(self.used);
        let beside = unspent.checked_sub(units).ok_or(ReserveError::Consumed)?;
        beside.checked_sub(self.reserved).ok_or(ReserveError::InUse)
    }

    fn settle(&mut self, units: u64, settle: Settle) {
        self.reserved -= units;
        match settle {
            Settle::Commit { units: spent } => {
                self.used += spent.min(units);
                self.failures = 0;
            }
            Settle::ReleaseBuyer if self.releases < BUYER_RELEASES => self.releases += 1,
            Settle::ReleaseBuyer => self.used += units,
            _ => self.failures += 1,
        }
    }
}

struct Held {
    ledger: usize,
    payment: usize,
    reservation: Reservation,
}

struct World {
    server: PostgresServer,
    proxy: CutProxy,
    random: Random,
    ledgers: Vec<Option<PostgresLedger>>,
    leases: Vec<Lease>,
    payments: Vec<Payment>,
    held: Vec<Held>,
    /// Payments with an end of a use that may not be in the database yet.
    unwritten: HashSet<usize>,
}

fn open(url: &str) -> PostgresLedger {
    let url = url.parse().expect("an address");
    PostgresLedger::open(&url, Arc::new(SystemClock::default()), |_| ()).expect("a ledger")
}

impl World {
    fn new(seed: u64) -> Self {
        let server = PostgresServer::start_with(&["fsync=off"]);
        let proxy = CutProxy::before(&server.socket());
        let mut world = Self {
            server,
            proxy,
            random: Random(seed),
            ledgers: Vec::new(),
            leases: Vec::new(),
            payments: vec![Payment::default(); PAYMENTS],
            held: Vec::new(),
            unwritten: HashSet::new(),
        };
        for number in 0..LEDGERS {
            let ledger = open(&world.url(number));
            world.leases.push(ledger.lease().expect("a lease"));
            world.ledgers.push(Some(ledger));
        }
        world
    }

    /// The proxy stands before the first ledger only.
    fn url(&self, number: usize) -> String {
        match number {
            0 => self.proxy.url(),
            _ => self.server.url(),
        }
    }

    fn ledger(&self, number: usize) -> &PostgresLedger {
        self.ledgers[number].as_ref().expect("it is open")
    }

    async fn flush(&mut self) {
        self.unwritten.clear();
        for number in 0..LEDGERS {
            let flushed = tokio::time::timeout(PATIENCE, self.ledger(number).flush());
            flushed.await.expect("it is written");
        }
    }

    /// On a machine that stood still for seconds a lease may end, and then any use may go back.
    fn has_lost_a_lease(&self) -> bool {
        self.leases.iter().any(|lease| !lease.is_valid())
    }

    async fn step(&mut self) {
        match self.random.below(100) {
            0..55 => self.reserve().await,
            55..93 => self.settle().await,
            93..96 => {
                let cut = [Cut::Before, Cut::After][self.random.index(2)];
                let statement = ["INSERT INTO", "DELETE FROM"][self.random.index(2)];
                self.proxy
                    .arm(&format!("{statement} l402_reservations"), cut);
            }
            96..99 => self.close().await,
            _ => {
                self.server.kill();
                self.server.restart();
            }
        }
    }

    async fn reserve(&mut self) {
        let newest = self.payments.len();
        // Old ones are shown now and then: what is spent stays so.
        let payment = match self.random.is_one_of(10) {
            true => self.random.index(newest),
            false => newest - 1 - self.random.index(newest.min(PAYMENTS)),
        };
        let (number, units) = (self.random.index(LEDGERS), 1 + self.random.below(3));
        let is_exact = self.random.is_one_of(2);
        if is_exact {
            self.flush().await;
        }
        let expected = self.payments[payment].admit(units);
        let (got, is_first) = self.ask(number, payment, units, &expected).await;
        if self.has_lost_a_lease() {
            return;
        }
        let tally = &mut self.payments[payment];
        assert_eq!(got.as_ref().err(), expected.as_ref().err(), "{tally:?}");
        let (Ok(reservation), Ok(left)) = (got, expected) else {
            return;
        };
        if is_exact && is_first {
            let told = (
                reservation.left(),
                reservation.failures(),
                reservation.releases(),
            );
            assert_eq!(told, (left, tally.failures, tally.releases));
        }
        tally.reserved += units;
        self.held.push(Held {
            ledger: number,
            payment,
            reservation,
        });
    }

    /// Asks until the ledger can be reached, and what was given back before has arrived.
    async fn ask(
        &self,
        number: usize,
        payment: usize,
        units: u64,
        expected: &Result<u64, ReserveError>,
    ) -> (Result<Reservation, ReserveError>, bool) {
        let request = several(u32::try_from(payment).expect("small"), units, UNITS);
        let asking = async {
            let mut is_first = true;
            loop {
                let got = self.ledger(number).reserve(request).await;
                let is_late = matches!(got, Err(ReserveError::InUse))
                    && *expected != Err(ReserveError::InUse);
                if !is_late && !matches!(got, Err(ReserveError::Unavailable(_))) {
                    return (got, is_first);
                }
                is_first = false;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let asked = tokio::time::timeout(PATIENCE, asking).await;
        asked.unwrap_or_else(|_| panic!("{expected:?} does not come: {:?}", self.payments[payment]))
    }

    /// Ends a reservation. Two ends of one payment at two ledgers have no order until they are written.
    async fn settle(&mut self) {
        if self.held.is_empty() {
            return;
        }
        let held = self.held.swap_remove(self.random.index(self.held.len()));
        if !self.unwritten.insert(held.payment) {
            self.flush().await;
            self.unwritten.insert(held.payment);
        }
        let units = held.reservation.units().get();
        let settle = match self.random.below(4) {
            0 => Settle::ReleaseBuyer,
            1 => Settle::ReleaseUpstream,
            _ => Settle::Commit {
                units: self.random.below(units + 1),
            },
        };
        self.ledger(held.ledger).settle(held.reservation, settle);
        self.payments[held.payment].settle(units, settle);
        if self.payments[held.payment].used >= UNITS {
            self.payments.push(Payment::default());
        }
    }

    /// Closes a ledger, which gives back without a trace what it holds, and opens it again.
    async fn close(&mut self) {
        self.compare().await;
        let number = self.random.index(LEDGERS);
        self.ledgers[number] = None;
        let payments = &mut self.payments;
        self.held.retain(|held| {
            let stays = held.ledger != number;
            if !stays {
                payments[held.payment].reserved -= held.reservation.units().get();
            }
            stays
        });
        let ledger = open(&self.url(number));
        self.leases[number] = ledger.lease().expect("a lease");
        self.ledgers[number] = Some(ledger);
    }

    /// Compares the sums, before a close gives back what should not be there.
    async fn compare(&mut self) {
        self.flush().await;
        let sum = |of: fn(&Payment) -> u64| self.payments.iter().map(of).sum::<u64>();
        let expected = format!("{}|{}", sum(|one| one.used), sum(|one| one.reserved));
        let counts = "SELECT coalesce(sum(used), 0), coalesce(sum(reserved), 0) FROM l402_payments";
        let found = self.server.sql(counts);
        assert!(
            found == expected || self.has_lost_a_lease(),
            "{found}, not {expected}"
        );
    }

    /// Compares, and closes everything.
    async fn end(mut self) {
        self.compare().await;
        assert!(self.proxy.cuts() > 0, "nothing was cut");
        if self.has_lost_a_lease() {
            return;
        }
        self.ledgers.clear();
        let used: u64 = self.payments.iter().map(|payment| payment.used).sum();
        let counts = "SELECT sum(used), sum(reserved) FROM l402_payments";
        assert_eq!(self.server.sql(counts), format!("{used}|0"));
        let grants = "SELECT count(*) FROM l402_reservations WHERE units > 0";
        assert_eq!(self.server.sql(grants), "0");
    }
}

#[expect(clippy::disallowed_methods, reason = "the size of a long run")]
fn number(name: &str, usual: u64) -> u64 {
    let value = std::env::var(name).ok();
    value.map_or(usual, |it| it.parse().expect("a number"))
}

/// ATTACKS R-02.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_ledgers_grant_what_the_model_grants() {
    let seed = number("L402_SEED", 402);
    let mut world = World::new(seed);
    for step in 0..number("L402_LEDGER_STEPS", 600) {
        if world.has_lost_a_lease() {
            world = World::new(seed.wrapping_add(step));
        }
        world.step().await;
    }
    world.end().await;
}
