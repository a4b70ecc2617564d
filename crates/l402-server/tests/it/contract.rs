//! The promises of a ledger, tested on each implementation.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use l402::{PaymentHash, UnixTime};
use l402_server::Ledger;
use l402_server::ledger::{
    Allowance, BUYER_RELEASES, MemoryLedger, Reservation, ReserveError, ReserveRequest, Settle,
    SqliteLedger,
};

/// An allowance of payment `n`.
pub(crate) fn allowance(n: u32, units: u64) -> Allowance {
    let mut hash = [0x5a; 32];
    hash[28..].copy_from_slice(&n.to_be_bytes());
    Allowance::new(
        PaymentHash::from_bytes(hash),
        NonZeroU64::new(units).expect("above zero"),
        UnixTime::from_secs(2_000_000_000),
    )
}

/// A request for one use of payment `n`, which bought so many.
pub(crate) fn claim(n: u32, uses: u64) -> ReserveRequest {
    ReserveRequest::one_use(allowance(n, uses), UnixTime::from_secs(1_790_000_000))
}

/// A request for several units at once.
pub(crate) fn several(n: u32, units: u64, of: u64) -> ReserveRequest {
    let units = NonZeroU64::new(units).expect("above zero");
    let now = UnixTime::from_secs(1_790_000_000);
    ReserveRequest::new(allowance(n, of), units, now)
}

async fn reserved(ledger: &dyn Ledger, claim: ReserveRequest) -> Reservation {
    ledger.reserve(claim).await.expect("a use is left")
}

async fn one_use_is_held_then_spent(ledger: &dyn Ledger) {
    let held = reserved(ledger, claim(1, 1)).await;
    assert_eq!(ledger.reserve(claim(1, 1)).await, Err(ReserveError::InUse));
    ledger.settle(held, Settle::ONE_USE);
    assert_eq!(
        ledger.reserve(claim(1, 1)).await,
        Err(ReserveError::Consumed)
    );
    ledger.settle(held, Settle::ReleaseUpstream);
    ledger.flush().await;
    assert_eq!(
        ledger.reserve(claim(1, 1)).await,
        Err(ReserveError::Consumed)
    );
}

async fn so_many_uses_and_no_more(ledger: &dyn Ledger) {
    let first = reserved(ledger, claim(2, 3)).await;
    let second = reserved(ledger, claim(2, 3)).await;
    ledger.settle(first, Settle::ONE_USE);
    let third = reserved(ledger, claim(2, 3)).await;
    assert_eq!(ledger.reserve(claim(2, 3)).await, Err(ReserveError::InUse));
    ledger.settle(second, Settle::ONE_USE);
    ledger.settle(third, Settle::ONE_USE);
    assert_eq!(
        ledger.reserve(claim(2, 3)).await,
        Err(ReserveError::Consumed)
    );
    assert_eq!(
        ledger.reserve(claim(2, 1)).await,
        Err(ReserveError::Consumed)
    );
    reserved(ledger, claim(2, 4)).await;
}

async fn the_upstreams_failures_are_counted_and_never_cost_a_use(ledger: &dyn Ledger) {
    for failures in 0..40 {
        let held = reserved(ledger, claim(3, 1)).await;
        assert_eq!(held.failures(), failures);
        ledger.settle(held, Settle::ReleaseUpstream);
    }
    let held = reserved(ledger, claim(3, 2)).await;
    ledger.settle(held, Settle::ONE_USE);
    assert_eq!(reserved(ledger, claim(3, 2)).await.failures(), 0);
}

async fn a_buyer_who_keeps_leaving_spends_the_use(ledger: &dyn Ledger) {
    for _ in 0..=BUYER_RELEASES {
        let held = reserved(ledger, claim(4, 1)).await;
        ledger.settle(held, Settle::ReleaseBuyer);
    }
    assert_eq!(
        ledger.reserve(claim(4, 1)).await,
        Err(ReserveError::Consumed)
    );
}

async fn what_a_settle_leaves_of_its_units_goes_back(ledger: &dyn Ledger) {
    let first = reserved(ledger, several(6, 600, 1000)).await;
    assert_eq!((first.units().get(), first.left()), (600, 400));
    let too_many = ledger.reserve(several(6, 401, 1000)).await;
    assert_eq!(too_many, Err(ReserveError::InUse));
    ledger.settle(first, Settle::Commit { units: 250 });
    let second = reserved(ledger, several(6, 750, 1000)).await;
    assert_eq!(second.left(), 0);
    ledger.settle(second, Settle::Commit { units: 0 });
    // 750 are left: with nothing in flight, more than that is not worth waiting for.
    let too_many = ledger.reserve(several(6, 751, 1000)).await;
    assert_eq!(too_many, Err(ReserveError::Consumed));
    let third = reserved(ledger, several(6, 50, 1000)).await;
    ledger.settle(third, Settle::Commit { units: u64::MAX });
    let last = reserved(ledger, several(6, 1, 1000)).await;
    assert_eq!(last.left(), 699, "no more is spent than was reserved");
    ledger.settle(last, Settle::ReleaseUpstream);
    let other = reserved(ledger, several(6, 1, 2000)).await;
    assert_eq!((other.left(), other.failures()), (1699, 1));
}

async fn a_release_gives_all_units_back_until_the_buyer_has_had_enough(ledger: &dyn Ledger) {
    for _ in 0..BUYER_RELEASES {
        let held = reserved(ledger, several(7, 30, 100)).await;
        assert_eq!(held.left(), 70);
        ledger.settle(held, Settle::ReleaseBuyer);
    }
    let held = reserved(ledger, several(7, 30, 100)).await;
    ledger.settle(held, Settle::ReleaseBuyer);
    let left = reserved(ledger, several(7, 30, 100)).await.left();
    assert_eq!(left, 40);
}

async fn as_many_units_as_a_file_can_count(ledger: &dyn Ledger) {
    let most = i64::MAX.unsigned_abs();
    let held = reserved(ledger, several(8, most, most)).await;
    let more = ledger.reserve(several(8, 1, most)).await;
    assert_eq!(more, Err(ReserveError::InUse));
    ledger.settle(held, Settle::Commit { units: most });
    let more = ledger.reserve(several(8, 1, most)).await;
    assert_eq!(more, Err(ReserveError::Consumed));
}

/// ATTACKS R-02: each of many payments is claimed by many at once.
pub(crate) async fn one_of_many_gets_it(ledger: Arc<dyn Ledger>, payments: u32, claims: u32) {
    let (committed, held_twice) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..payments {
        let holders = Arc::new(AtomicU32::new(0));
        for turn in 0..claims {
            let (ledger, holders) = (Arc::clone(&ledger), Arc::clone(&holders));
            let (committed, held_twice) = (Arc::clone(&committed), Arc::clone(&held_twice));
            tasks.spawn(async move {
                let Ok(held) = ledger.reserve(claim(1000 + n, 1)).await else {
                    return;
                };
                held_twice.fetch_add(holders.fetch_add(1, Ordering::SeqCst), Ordering::SeqCst);
                tokio::task::yield_now().await;
                holders.fetch_sub(1, Ordering::SeqCst);
                if turn % 3 == 0 {
                    ledger.settle(held, Settle::ReleaseUpstream);
                } else {
                    committed.fetch_add(1, Ordering::SeqCst);
                    ledger.settle(held, Settle::ONE_USE);
                }
            });
        }
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("no task panics");
    }
    assert_eq!(held_twice.load(Ordering::SeqCst), 0);
    // A payment whose only holders gave it back is left over: finish those.
    for n in 0..payments {
        if let Ok(held) = ledger.reserve(claim(1000 + n, 1)).await {
            committed.fetch_add(1, Ordering::SeqCst);
            ledger.settle(held, Settle::ONE_USE);
        }
    }
    assert_eq!(committed.load(Ordering::SeqCst), payments);
    for n in 0..payments {
        assert_eq!(
            ledger.reserve(claim(1000 + n, 1)).await,
            Err(ReserveError::Consumed)
        );
    }
}

/// A caller that goes away while its request waits leaves nothing reserved.
async fn an_abandoned_claim_is_given_back(ledger: &dyn Ledger) {
    for n in 0..50 {
        let asked = std::pin::pin!(ledger.reserve(claim(5000 + n, 1)));
        let soon = tokio::time::timeout(std::time::Duration::from_micros(50 * u64::from(n)), asked);
        if let Ok(Ok(held)) = soon.await {
            ledger.settle(held, Settle::ReleaseUpstream);
        }
    }
    ledger.flush().await;
    ledger.flush().await;
    for n in 0..50 {
        reserved(ledger, claim(5000 + n, 1)).await;
    }
}

pub(crate) async fn promises(ledger: Arc<dyn Ledger>) {
    one_use_is_held_then_spent(&*ledger).await;
    so_many_uses_and_no_more(&*ledger).await;
    the_upstreams_failures_are_counted_and_never_cost_a_use(&*ledger).await;
    a_buyer_who_keeps_leaving_spends_the_use(&*ledger).await;
    what_a_settle_leaves_of_its_units_goes_back(&*ledger).await;
    a_release_gives_all_units_back_until_the_buyer_has_had_enough(&*ledger).await;
    as_many_units_as_a_file_can_count(&*ledger).await;
    an_abandoned_claim_is_given_back(&*ledger).await;
}

/// ATTACKS R-08.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory_keeps_its_promises() {
    promises(Arc::new(MemoryLedger::new())).await;
    one_of_many_gets_it(Arc::new(MemoryLedger::new()), 1000, 50).await;
}

/// ATTACKS R-08.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sqlite_keeps_its_promises() {
    let home = tempfile::tempdir().unwrap();
    promises(Arc::new(
        SqliteLedger::open(&home.path().join("ledger.db")).unwrap(),
    ))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_fifty_claims_on_each_of_a_thousand_payments_sqlite_grants_one() {
    let home = tempfile::tempdir().unwrap();
    let ledger = SqliteLedger::open(&home.path().join("ledger.db")).unwrap();
    one_of_many_gets_it(Arc::new(ledger), 1000, 50).await;
}
