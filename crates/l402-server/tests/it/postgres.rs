//! The ledger in a real PostgreSQL.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use l402_host::SystemClock;
use l402_server::Ledger;
use l402_server::ledger::{LedgerErrorKind, LedgerMark, PostgresLedger, ReserveError, Settle};
use l402_testkit::postgres::{Cut, CutProxy, PostgresServer};

use crate::contract::{claim, one_of_many_gets_it, promises};

fn open(url: &str) -> PostgresLedger {
    let url = url.parse().expect("an address");
    PostgresLedger::open(&url, Arc::new(SystemClock::default()), |_| ()).expect("a ledger")
}

/// ATTACKS R-08.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn postgres_keeps_its_promises() {
    let server = PostgresServer::start();
    promises(Arc::new(open(&server.url()))).await;
    assert_eq!(
        server.sql("SELECT count(*) FROM l402_gateways WHERE NOT ended"),
        "0"
    );
    assert_eq!(
        server.sql("SELECT count(*) FROM l402_reservations WHERE units > 0"),
        "0"
    );
    assert_eq!(
        server.sql("SELECT coalesce(sum(reserved), 0) FROM l402_payments"),
        "0"
    );
}

/// ATTACKS R-02: four gateways on one database.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_fifty_claims_on_each_of_a_thousand_payments_four_ledgers_grant_one() {
    let server = PostgresServer::start();
    let ledgers: Vec<_> = (0..4).map(|_| Arc::new(open(&server.url()))).collect();
    let spread = Arc::new(Spread(ledgers, Mutex::new(0)));
    one_of_many_gets_it(spread, 1000, 50).await;
    assert_eq!(
        server.sql("SELECT count(*), sum(used) FROM l402_payments"),
        "1000|1000"
    );
}

/// Hands requests to several ledgers in turn. A reservation's number carries that of its ledger.
#[derive(Debug)]
struct Spread(Vec<Arc<PostgresLedger>>, Mutex<usize>);

impl Ledger for Spread {
    fn reserve(
        &self,
        request: l402_server::ledger::ReserveRequest,
    ) -> l402_host::BoxFuture<'_, Result<l402_server::ledger::Reservation, ReserveError>> {
        let mut turn = self.1.lock().expect("a turn");
        *turn = (*turn + 1) % self.0.len();
        let (at, ledger) = (*turn, Arc::clone(&self.0[*turn]));
        Box::pin(async move {
            let held = ledger.reserve(request).await?;
            let id = held.id() * 16 + at as u64;
            Ok(l402_server::ledger::Reservation::new(id, held.units()).with_left(held.left()))
        })
    }

    fn settle(&self, reservation: l402_server::ledger::Reservation, settle: Settle) {
        let at = usize::try_from(reservation.id() % 16).expect("a ledger");
        let own = l402_server::ledger::Reservation::new(reservation.id() / 16, reservation.units());
        self.0[at].settle(own, settle);
    }

    fn flush(&self) -> l402_host::BoxFuture<'_, ()> {
        Box::pin(async move {
            for ledger in &self.0 {
                ledger.flush().await;
            }
        })
    }
}

/// Waits until a request is answered otherwise than that the ledger cannot be reached.
async fn answered(
    ledger: &PostgresLedger,
    request: l402_server::ledger::ReserveRequest,
) -> Result<l402_server::ledger::Reservation, ReserveError> {
    for _ in 0..200 {
        match ledger.reserve(request).await {
            Err(ReserveError::Unavailable(_) | ReserveError::InUse) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            answer => return answer,
        }
    }
    panic!("the ledger does not recover");
}

/// The connection is lost when the statement was sent: whether the server has done it or not, the use is
/// served once and never lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_lost_at_a_commit_costs_and_gives_nothing() {
    let server = PostgresServer::start();
    let proxy = CutProxy::before(&server.socket());
    let ledger = open(&proxy.url());
    for (n, cut) in [(1, Cut::Before), (2, Cut::After)] {
        proxy.arm("INSERT INTO l402_reservations", cut);
        let lost = ledger.reserve(claim(n, 1)).await;
        assert!(
            matches!(lost, Err(ReserveError::Unavailable(_))),
            "{lost:?}"
        );
        let held = answered(&ledger, claim(n, 1))
            .await
            .expect("nothing is spent");
        assert_eq!(held.failures(), 0, "nobody has failed");
        proxy.arm("DELETE FROM l402_reservations", cut);
        ledger.settle(held, Settle::ONE_USE);
        let spent = answered(&ledger, claim(n, 1)).await;
        assert_eq!(spent, Err(ReserveError::Consumed), "{cut:?}");
        assert_eq!(
            answered(&ledger, claim(n, 2))
                .await
                .expect("another use")
                .left(),
            0
        );
    }
    assert_eq!(proxy.cuts(), 4);
    drop(ledger);
    assert_eq!(
        server.sql("SELECT count(*), sum(used), sum(reserved) FROM l402_payments"),
        "2|2|0"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_or_takes_no_writes_is_used_again_when_it_is_back() {
    let mut server = PostgresServer::start();
    let ledger = open(&server.url());
    let held = ledger.reserve(claim(1, 1)).await.unwrap();
    server.kill();
    ledger.settle(held, Settle::ONE_USE);
    let down = ledger.reserve(claim(2, 1)).await;
    assert!(
        matches!(down, Err(ReserveError::Unavailable(_))),
        "{down:?}"
    );
    server.restart();
    assert_eq!(
        answered(&ledger, claim(1, 1)).await,
        Err(ReserveError::Consumed)
    );
    answered(&ledger, claim(2, 1)).await.expect("never granted");

    let read_only = "ALTER SYSTEM SET default_transaction_read_only = ";
    server.sql(&format!("{read_only} on"));
    server.sql("SELECT pg_reload_conf()");
    let mut refused = ledger.reserve(claim(3, 1)).await;
    for n in 4..200 {
        if refused.is_err() {
            break;
        }
        refused = ledger.reserve(claim(n, 1)).await;
    }
    assert!(
        matches!(refused, Err(ReserveError::Unavailable(_))),
        "{refused:?}"
    );
    server.sql(&format!(
        "SET default_transaction_read_only = off; {read_only} off"
    ));
    server.sql("SELECT pg_reload_conf()");
    answered(&ledger, claim(900, 1))
        .await
        .expect("it takes writes again");
}

/// A statement of a gateway that was stopped for hours arrives when the row of its holder is forgotten.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_no_living_holder_is_given_back_and_nothing_else() {
    let server = PostgresServer::start();
    let living = open(&server.url());
    let held = living.reserve(claim(1, 1)).await.expect("a use");
    let late = living.reserve(claim(2, 1)).await.expect("a use");
    server.sql(&format!(
        "UPDATE l402_reservations SET holder = 42 WHERE number = {}",
        late.id()
    ));
    let other = open(&server.url());
    answered(&other, claim(2, 1)).await.expect("it is free");
    let in_use = other.reserve(claim(1, 1)).await;
    assert_eq!(in_use, Err(ReserveError::InUse));
    // The end of what was given back counts for nothing.
    living.settle(late, Settle::ONE_USE);
    living.settle(held, Settle::ONE_USE);
    living.flush().await;
    let spent = other.reserve(claim(1, 1)).await;
    assert_eq!(spent, Err(ReserveError::Consumed));
    let counts = "SELECT sum(used), sum(reserved) FROM l402_payments";
    assert_eq!(server.sql(counts), "1|1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_program_leaves_newer_tables_as_they_are() {
    let server = PostgresServer::start();
    drop(open(&server.url()));
    server.sql("UPDATE l402_schema SET version = 99 WHERE part = 'ledger'");
    let url = server.url().parse().unwrap();
    let clock = Arc::new(SystemClock::default());
    let error = PostgresLedger::open(&url, clock, |_: LedgerMark| ()).unwrap_err();
    assert_eq!(error.kind(), LedgerErrorKind::Newer);
    assert!(error.to_string().contains("upgrade"), "{error}");
}
