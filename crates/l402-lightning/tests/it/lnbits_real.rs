//! The backend `lnbits` against a real LNbits server with play money, which `tests/interop/lnbits.sh`
//! starts. The folder named by `L402_LNBITS` has a folder for each test, with `url`, `seller.key` (the
//! invoice key of one wallet) and `buyer.key` (the admin key of another one).

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use l402::{Msat, UnixTime};
use l402_host::{BoxFuture, Clock, SystemClock};
use l402_lightning::{ErrorKind, InvoiceState, LnbitsNode, Node, Open, Pay, Payment, Receive};

use super::contract::{
    Bench, asked, invoice, is_settled, keeps_every_promise, order,
    the_newest_index_tells_nothing_of_the_past,
};

/// A clock that shows the machine's time, moved forward.
#[derive(Debug, Default)]
struct AdvancedClock {
    system: SystemClock,
    seconds: AtomicU64,
}

impl AdvancedClock {
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

struct Real {
    test: &'static str,
    receive: Arc<dyn Receive>,
    pay: Arc<dyn Pay>,
    clock: Arc<AdvancedClock>,
}

/// The two wallets of a test.
struct Keys(PathBuf);

impl Keys {
    fn of(test: &str) -> Self {
        let all = std::env::var_os("L402_LNBITS").expect("tests/interop/lnbits.sh sets it");
        Self(PathBuf::from(all).join(test))
    }

    fn node(&self, key: &str) -> Node {
        let url = std::fs::read_to_string(self.0.join("url")).expect("an address");
        Node::Lnbits(LnbitsNode {
            url: url.trim().parse().expect("a URL"),
            key: self.0.join(key),
        })
    }

    fn open(&self) -> Open {
        Open::new(&self.0, Arc::new(SystemClock::default()))
    }
}

impl Real {
    async fn new(test: &'static str) -> Self {
        let keys = Keys::of(test);
        let clock = Arc::new(AdvancedClock::default());
        let receiver = keys.node("seller.key").receiver(keys.open()).await;
        let payer = Open::new(&keys.0, clock.clone());
        let wallet = keys.node("buyer.key").wallet(payer).await;
        Self {
            test,
            receive: receiver.expect("receives").receive,
            pay: wallet.expect("pays").pay,
            clock,
        }
    }
}

impl Bench for Real {
    fn receive(&self) -> Arc<dyn Receive> {
        self.receive.clone()
    }

    fn pay(&self) -> Arc<dyn Pay> {
        self.pay.clone()
    }

    /// Returns zero: payments from one wallet of the server to another are free.
    fn fee(&self) -> Msat {
        Msat::ZERO
    }

    fn finest(&self) -> Msat {
        Msat::from_sat(1)
    }

    /// Moves the buyer's clock alone, because the server uses the machine's.
    fn pass(&self, time: Duration) -> BoxFuture<'_, ()> {
        self.clock
            .seconds
            .fetch_add(time.as_secs(), Ordering::SeqCst);
        Box::pin(async {})
    }

    fn reopen(&self) -> Option<BoxFuture<'_, Arc<dyn Pay>>> {
        let keys = Keys::of(self.test);
        Some(Box::pin(async move {
            let wallet = keys.node("buyer.key").wallet(keys.open()).await;
            wallet.expect("pays").pay
        }))
    }
}

// BACKENDS lnbits real: LNbits 1.6.2 with play money, pinned in tests/interop/lnbits/requirements.txt
// BACKENDS lnbits pay, once_per_hash, expired, already_paid, cancellation, deadline: real
// BACKENDS lnbits preimage_proven, lookup_after_restart: real
#[tokio::test]
#[ignore = "needs the server that tests/interop/lnbits.sh starts"]
async fn keeps_the_contract() {
    keeps_every_promise(&Real::new("contract").await).await;
}

#[tokio::test]
#[ignore = "needs the server that tests/interop/lnbits.sh starts"]
async fn tells_settlements_from_the_newest_on() {
    the_newest_index_tells_nothing_of_the_past(&Real::new("newest").await).await;
}

#[tokio::test]
#[ignore = "needs the server that tests/interop/lnbits.sh starts"]
async fn another_process_finds_the_payment() {
    let real = Real::new("process").await;
    let bought = invoice(&real, Msat::from_sat(21)).await;
    assert!(is_settled(
        &real.pay.pay(order(bought.bolt11())).await,
        &bought
    ));
    let other = Real::new("process").await;
    let found = other.pay.lookup(bought.payment_hash()).await;
    let found = found.expect("an answer").expect("begun");
    assert!(is_settled(&found, &bought), "{found:?}");
    let before = other.pay.balance().await.expect("a balance");
    assert!(is_settled(
        &other.pay.pay(order(bought.bolt11())).await,
        &bought
    ));
    assert_eq!(other.pay.balance().await.expect("a balance"), before);
}

// BACKENDS lnbits fee_limit: real
#[tokio::test]
#[ignore = "needs the server that tests/interop/lnbits.sh starts"]
async fn what_the_server_reserves_is_compared_with_the_limit() {
    let real = Real::new("fees").await;
    let dear = invoice(&real, Msat::from_sat(1000)).await;
    let mut limit = order(dear.bolt11());
    limit.max_fee = Msat::new(9_999);
    let payment = real.pay.pay(limit).await;
    assert!(matches!(payment, Payment::Failed(_)), "{payment:?}");
    assert!(is_settled(&real.pay.pay(order(dear.bolt11())).await, &dear));
}

#[tokio::test]
#[ignore = "needs the server that tests/interop/lnbits.sh starts"]
async fn the_kind_of_a_key_is_found_without_paying() {
    let keys = Keys::of("keys");
    let error = keys
        .node("buyer.key")
        .receiver(keys.open())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized, "{error}");
    let danger = keys.open().with_danger_spending_node(true);
    keys.node("buyer.key")
        .receiver(danger)
        .await
        .expect("accepted");
    let error = keys
        .node("seller.key")
        .wallet(keys.open())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized, "{error}");
    std::fs::write(keys.0.join("wrong.key"), "0".repeat(32)).expect("written");
    let errors = [
        keys.node("wrong.key")
            .receiver(keys.open())
            .await
            .unwrap_err(),
        keys.node("wrong.key")
            .wallet(keys.open())
            .await
            .unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::Unauthorized, "{error}");
    }
}

/// A wallet that pays its own invoice has both sides of the payment.
#[tokio::test]
#[ignore = "needs the server that tests/interop/lnbits.sh starts"]
async fn a_wallet_may_pay_itself() {
    let keys = Keys::of("itself");
    let wallet = keys
        .node("buyer.key")
        .wallet(keys.open())
        .await
        .expect("pays");
    let receive = wallet.receive.expect("receives");
    let own = receive
        .create_invoice(asked(Msat::from_sat(30)))
        .await
        .expect("an invoice");
    assert_eq!(
        receive.lookup(own.payment_hash()).await.unwrap(),
        InvoiceState::Open
    );
    assert!(
        wallet
            .pay
            .lookup(own.payment_hash())
            .await
            .unwrap()
            .is_none()
    );
    assert!(is_settled(&wallet.pay.pay(order(own.bolt11())).await, &own));
    let settled = InvoiceState::Settled {
        paid: Msat::from_sat(30),
    };
    assert_eq!(receive.lookup(own.payment_hash()).await.unwrap(), settled);
}
