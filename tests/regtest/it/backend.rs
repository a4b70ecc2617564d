//! The backend `ldk` of `l402-lightning` keeps the contract of all backends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use l402::{Msat, UnixTime};
use l402_host::{BoxFuture, Clock, SystemClock};
use l402_lightning::{Pay, Receive};
use l402_regtest::Pair;

use crate::contract::{Bench, keeps_every_promise, the_newest_index_tells_nothing_of_the_past};

struct Nodes {
    clock: Arc<AdvancedClock>,
    fee: Msat,
    pair: Pair,
}

/// A clock that shows the machine's time, moved forward.
#[derive(Debug, Default)]
pub(crate) struct AdvancedClock {
    system: SystemClock,
    seconds: AtomicU64,
}

impl AdvancedClock {
    pub(crate) fn pass(&self, time: Duration) {
        self.seconds.fetch_add(time.as_secs(), Ordering::SeqCst);
    }

    fn by(&self) -> Duration {
        Duration::from_secs(self.seconds.load(Ordering::SeqCst))
    }
}

impl Clock for AdvancedClock {
    fn wall(&self) -> UnixTime {
        self.system.wall().saturating_add(self.by())
    }

    fn monotonic(&self) -> Duration {
        self.system.monotonic() + self.by()
    }
}

impl Bench for Nodes {
    fn receive(&self) -> Arc<dyn Receive> {
        self.pair.seller.clone()
    }

    fn pay(&self) -> Arc<dyn Pay> {
        self.pair.buyer.clone()
    }

    fn fee(&self) -> Msat {
        self.fee
    }

    fn pass(&self, time: Duration) -> BoxFuture<'_, ()> {
        self.clock.pass(time);
        Box::pin(async {})
    }
}

// BACKENDS ldk real: LDK Node 0.7.1 on a regtest chain in the process, pinned in Cargo.lock

// BACKENDS ldk pay, expired, already_paid, cancellation, deadline: real
// BACKENDS ldk msat, preimage_proven, once_per_hash: real
#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_contract() {
    let clock = Arc::new(AdvancedClock::default());
    let pair = Pair::start(clock.clone()).await;
    let fee = Msat::ZERO;
    keeps_every_promise(&Nodes { clock, fee, pair }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tells_settlements_from_the_newest_on() {
    let clock = Arc::new(AdvancedClock::default());
    let pair = Pair::start(clock.clone()).await;
    let fee = Msat::ZERO;
    the_newest_index_tells_nothing_of_the_past(&Nodes { clock, fee, pair }).await;
}

/// The payer knows the last hop from the invoice alone, and the hop costs.
// BACKENDS ldk fee_limit, msat: real
#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_contract_through_a_node_that_charges() {
    let clock = Arc::new(AdvancedClock::default());
    let pair = Pair::with_router(clock.clone()).await;
    let fee = Msat::from_sat(1);
    keeps_every_promise(&Nodes { clock, fee, pair }).await;
}
