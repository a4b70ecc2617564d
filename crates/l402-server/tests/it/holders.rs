//! Several ledgers on one real PostgreSQL: rows that all of them want, leases that end, and holders that
//! have died.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use l402::UnixTime;
use l402_host::ManualClock;
use l402_server::Ledger;
use l402_server::ledger::{PostgresLedger, Reservation, ReserveError, ReserveRequest, Settle};
use l402_testkit::postgres::PostgresServer;

use crate::contract::claim;

/// The longest wait for something that must come. Past it something is wrong.
const PATIENCE: Duration = Duration::from_secs(30);

fn open(url: &str) -> Arc<PostgresLedger> {
    let clock = Arc::new(ManualClock::new(UnixTime::from_secs(1_790_000_000)));
    let url = url.parse().expect("an address");
    Arc::new(PostgresLedger::open(&url, clock, |_| ()).expect("a ledger"))
}

/// Reserves as soon as the ledger can.
async fn at_last(ledger: &dyn Ledger, request: ReserveRequest) -> Reservation {
    let trying = async {
        loop {
            match ledger.reserve(request).await {
                Ok(held) => return held,
                Err(ReserveError::Consumed) => panic!("a use was lost"),
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    let held = tokio::time::timeout(PATIENCE, trying).await;
    held.expect("the use comes back")
}

/// Many claims of a few payments over several ledgers at once: rows that all of them want.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_ledgers_serve_each_use_once_and_never_wait_for_each_other() {
    const USES: u64 = 5;
    let server = PostgresServer::start_with(&["fsync=off"]);
    let ledgers: Vec<_> = (0..4).map(|_| open(&server.url())).collect();
    let mut tasks = tokio::task::JoinSet::new();
    for turn in 0..1600_usize {
        let ledger = Arc::clone(&ledgers[turn % ledgers.len()]);
        let payment = u32::try_from(turn * 7 % 40).expect("small");
        tasks.spawn(async move {
            let served = match ledger.reserve(claim(payment, USES)).await {
                Ok(held) if turn % 5 == 0 => {
                    ledger.settle(held, Settle::ReleaseUpstream);
                    0
                }
                Ok(held) => {
                    ledger.settle(held, Settle::ONE_USE);
                    1
                }
                Err(ReserveError::InUse | ReserveError::Consumed) => 0,
                Err(error) => panic!("{error}"),
            };
            (payment, served)
        });
    }
    let mut served = HashMap::<u32, u64>::new();
    while let Some(done) = tasks.join_next().await {
        let (payment, uses) = done.expect("no task panics");
        *served.entry(payment).or_default() += uses;
    }
    for ledger in &ledgers {
        ledger.flush().await;
    }
    for payment in 0..40 {
        while let Ok(held) = ledgers[0].reserve(claim(payment, USES)).await {
            ledgers[0].settle(held, Settle::ONE_USE);
            *served.entry(payment).or_default() += 1;
        }
        assert_eq!(served.get(&payment), Some(&USES), "payment {payment}");
        let gone = ledgers[1].reserve(claim(payment, USES)).await;
        assert_eq!(gone, Err(ReserveError::Consumed));
    }
}

/// Others have ended this ledger while it was stopped: it notices, gives nothing twice, and goes on under
/// another number.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_ledger_that_others_have_ended_serves_nothing_more_of_what_it_held() {
    let server = PostgresServer::start();
    let first = open(&server.url());
    let mut lease = first.lease().expect("a lease");
    let before = first.holder();
    let held = first.reserve(claim(1, 1)).await.expect("a use");
    assert!(lease.is_valid());
    let _ = server.sql("UPDATE l402_gateways SET lease_until = now() - interval '1 second'");
    // It looks at once for what others have left behind.
    let second = open(&server.url());
    let again = at_last(&*second, claim(1, 1)).await;
    let ended = tokio::time::timeout(PATIENCE, lease.ended()).await;
    ended.expect("it hears of it with the next renewal");
    assert!(!lease.is_valid());
    // What the first one says of it now counts for nothing.
    first.settle(held, Settle::ONE_USE);
    first.flush().await;
    assert_eq!(first.reserve(claim(1, 1)).await, Err(ReserveError::InUse));
    assert!(!lease.is_valid(), "the old lease stays ended");
    second.settle(again, Settle::ReleaseUpstream);
    second.flush().await;
    let held = at_last(&*first, claim(1, 1)).await;
    // The lease ends before the new number is there; a use is granted only after it.
    assert_ne!(first.holder(), before);
    first.settle(held, Settle::ONE_USE);
    first.flush().await;
    assert_eq!(
        second.reserve(claim(1, 1)).await,
        Err(ReserveError::Consumed)
    );
}

/// What a killed gateway held is given back without a trace, also what arrives after its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_a_killed_holder_has_left_behind_goes_back() {
    let server = PostgresServer::start();
    let first = open(&server.url());
    let held = first.reserve(claim(1, 1)).await.expect("a use");
    first.settle(held, Settle::ReleaseBuyer);
    first.flush().await;
    // A holder that has died with a use in its hands, in the words of the database.
    let _ = server.sql(
        "INSERT INTO l402_gateways (holder, name, lease_until, ended) VALUES (7, 'dead', now(), true);
         INSERT INTO l402_reservations SELECT payment_hash, 7, 1, 1 FROM l402_payments;
         UPDATE l402_payments SET reserved = reserved + 1",
    );
    let second = open(&server.url());
    let again = at_last(&*second, claim(1, 1)).await;
    assert_eq!((again.failures(), again.releases()), (0, 1));
}
