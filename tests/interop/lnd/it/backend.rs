//! The backend `lnd` of `l402-lightning` against lnd.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use l402::{Invoice, Msat, UnixTime};
use l402_host::{BoxFuture, Clock, SystemClock};
use l402_interop::Regtest;
use l402_lightning::{
    ErrorKind, InvoiceState, LndNode, Node, Open, Pay, Payment, Receive, recover_signer,
};

use crate::contract::{
    Bench, asked, is_settled, keeps_every_promise, order,
    the_newest_index_tells_nothing_of_the_past,
};

/// Two lnds: one receives, with a macaroon that may only receive; the other pays.
pub(crate) struct Nodes {
    pub(crate) receive: Arc<dyn Receive>,
    pub(crate) pay: Arc<dyn Pay>,
    buyer: (Node, PathBuf),
    clock: Arc<AdvancedClock>,
}

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

impl Nodes {
    /// Opens both with the macaroons that every lnd has.
    pub(crate) async fn of(net: &Regtest) -> Self {
        let (seller, buyer) = (net.seller.node("invoice"), net.buyer.node("admin"));
        Self::open(net, seller, buyer).await
    }

    async fn open(net: &Regtest, seller: Node, buyer: Node) -> Self {
        let system = SystemClock::default();
        let clock = Arc::new(AdvancedClock::default());
        let receive = seller.receiver(Open::new(net.folder(), Arc::new(system)));
        let pay = buyer.wallet(Open::new(net.folder(), clock.clone()));
        Self {
            receive: receive.await.expect("receives").receive,
            pay: pay.await.expect("pays").pay,
            buyer: (buyer, net.folder().to_owned()),
            clock,
        }
    }
}

/// Returns the seller's and the buyer's node with the least macaroons, in hexadecimal, from files that
/// do not show the network.
pub(crate) async fn least_macaroons(net: &Regtest) -> (Node, Node) {
    let sells = net.folder().join("sell.macaroon");
    let pays = net.folder().join("pay.macaroon");
    let sell = LndNode::least_macaroon_to_sell();
    let pay = LndNode::least_macaroon_to_pay();
    tokio::join!(net.seller.bake(&sell, &sells), net.buyer.bake(&pay, &pays));
    let with = |node, macaroon| match node {
        Node::Lnd(node) => Node::Lnd(LndNode { macaroon, ..node }),
        other => panic!("{other}"),
    };
    let seller = with(net.seller.node("invoice"), sells);
    (seller, with(net.buyer.node("admin"), pays))
}

impl Bench for Nodes {
    fn receive(&self) -> Arc<dyn Receive> {
        self.receive.clone()
    }

    fn pay(&self) -> Arc<dyn Pay> {
        self.pay.clone()
    }

    /// Returns zero: the two have a channel, so no other node routes.
    fn fee(&self) -> Msat {
        Msat::ZERO
    }

    /// Moves the buyer's clock alone, because lnd uses the machine's. The test of expiry waits for
    /// lnd to let an invoice expire.
    fn pass(&self, time: Duration) -> BoxFuture<'_, ()> {
        let seconds = time.as_secs();
        self.clock.seconds.fetch_add(seconds, Ordering::SeqCst);
        Box::pin(async {})
    }

    fn reopen(&self) -> Option<BoxFuture<'_, Arc<dyn Pay>>> {
        let (buyer, folder) = &self.buyer;
        let open = Open::new(folder, self.clock.clone());
        Some(Box::pin(async {
            buyer.wallet(open).await.expect("pays").pay
        }))
    }
}

// BACKENDS lnd real: lnd v0.20.1-beta, two nodes with a channel on regtest, pinned in tests/interop/lnd/go/lnd/go.mod

// BACKENDS lnd pay, expired, already_paid, lookup_after_restart: real
// BACKENDS lnd cancellation, deadline, msat, preimage_proven, once_per_hash: real
#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_contract() {
    let net = Regtest::start().await;
    let nodes = Nodes::of(&net).await;
    keeps_every_promise(&nodes).await;
}

/// The calls that the least macaroons name are all that either side makes.
// BACKENDS lnd pay, msat, once_per_hash: real
#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_contract_with_the_least_macaroons() {
    let net = Regtest::start().await;
    let (seller, buyer) = least_macaroons(&net).await;
    let nodes = Nodes::open(&net, seller, buyer).await;
    signs_as_its_invoices(&net, &nodes).await;
    keeps_every_promise(&nodes).await;
}

/// Asserts that lnd signs messages with the key of its invoices, by the least macaroon for that.
async fn signs_as_its_invoices(net: &Regtest, nodes: &Nodes) {
    let macaroon = net.folder().join("sign.macaroon");
    let command = LndNode::least_macaroon_to_sign();
    net.seller.bake(&command, &macaroon).await;
    let Node::Lnd(node) = net.seller.node("invoice") else {
        panic!("it is an lnd");
    };
    let node = Node::Lnd(LndNode { macaroon, ..node });
    let open = Open::new(net.folder(), Arc::new(SystemClock::default()));
    let signer = node.signer(open).await.expect("a signer");
    let signature = signer.sign.sign(b"a claim").await.expect("signed");
    let made = nodes.receive.create_invoice(asked(Msat::from_sat(7))).await;
    let invoice = Invoice::decode(made.expect("an invoice").bolt11()).expect("BOLT 11");
    let signed_by = recover_signer(b"a claim", &signature);
    assert_eq!(signed_by, Some(invoice.payee));
}

/// With nodes of its own: the contract leaves the buyer's clock ahead, and all invoices expired.
#[tokio::test(flavor = "multi_thread")]
async fn tells_settlements_from_the_newest_on() {
    let net = Regtest::start().await;
    let nodes = Nodes::of(&net).await;
    the_newest_index_tells_nothing_of_the_past(&nodes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_macaroon_that_could_spend_does_not_sell_and_one_that_cannot_does_not_pay() {
    let net = Regtest::start().await;
    let open = || Open::new(net.folder(), Arc::new(SystemClock::default()));
    for spends in ["admin", "router"] {
        let node = net.seller.node(spends);
        let refused = node.receiver(open()).await;
        let error = refused.expect_err("it could spend");
        assert_eq!(error.kind(), ErrorKind::Unauthorized, "{spends}: {error}");
    }
    let admin = net.seller.node("admin");
    let accepted = admin.receiver(open().with_danger_spending_node(true)).await;
    let receive = accepted.expect("where it is asked for").receive;
    let made = receive.create_invoice(asked(Msat::from_sat(7))).await;
    let made = made.expect("an invoice");

    // An invoice macaroon of the buyer's node opens no wallet there.
    let node = net.buyer.node("invoice");
    let pay = node.wallet(open()).await;
    let pay = pay.expect("its network is known from its path").pay;
    let payment = pay.pay(order(made.bolt11())).await;
    assert!(matches!(payment, Payment::Failed(_)), "{payment:?}");
    let state = receive.lookup(made.payment_hash()).await.expect("a state");
    assert_eq!(state, InvoiceState::Open);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_ends_of_the_channel_pay() {
    let net = Regtest::start().await;
    let open = || Open::new(net.folder(), Arc::new(SystemClock::default()));
    for (from, to) in [(&net.buyer, &net.seller), (&net.seller, &net.buyer)] {
        let (payee, payer) = (to.node("invoice"), from.node("admin"));
        let receive = payee.receiver(open()).await;
        let receive = receive.expect("receives").receive;
        let pay = payer.wallet(open()).await.expect("pays").pay;
        let bought = receive.create_invoice(asked(Msat::from_sat(90))).await;
        let bought = bought.expect("an invoice");
        let payment = pay.pay(order(bought.bolt11())).await;
        assert!(is_settled(&payment, &bought), "{payment:?}");
    }
}
