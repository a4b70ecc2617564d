//! A gateway at a node whose preimages prove nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use l402::Msat;
use l402_gateway::Gateway;
use l402_host::ManualClock;
use l402_lightning::{InvoiceState, Node};
use l402_testkit::TestHome;
use l402_testkit::hostile::LeakyNode;
use l402_testkit::lnurl::LnurlService;

use crate::harness::{Answer, request, routes, send, start_at, upstream, whole};

/// A gateway, its node, and an upstream that counts its requests.
struct Shop {
    gateway: Option<Gateway>,
    address: SocketAddr,
    node: Arc<LeakyNode>,
    clock: Arc<ManualClock>,
    served: Arc<AtomicUsize>,
    text: String,
    home: tempfile::TempDir,
}

impl Shop {
    async fn open(policy: &str) -> Self {
        let served = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&served);
        let upstream = upstream(false, move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            async { whole(200, "a joke") }
        });
        let text = routes(upstream.await, policy);
        let (home, clock) = (tempfile::tempdir().expect("a home"), l402_testkit::clock());
        let node = LeakyNode::new(clock.clone());
        let gateway = start_at(node.clone(), &text, home.path(), clock.clone()).await;
        let gateway = gateway.expect("a gateway");
        Self {
            address: gateway.local_addrs()[0],
            gateway: Some(gateway),
            node,
            clock,
            served,
            text,
            home,
        }
    }

    async fn restart(&mut self) {
        let gateway = self.gateway.take().expect("it is open");
        let stopped = tokio::task::spawn_blocking(move || gateway.shutdown(Duration::ZERO));
        stopped.await.expect("no panic");
        let (node, clock) = (self.node.clone(), self.clock.clone());
        let gateway = start_at(node, &self.text, self.home.path(), clock).await;
        let gateway = gateway.expect("a gateway");
        self.address = gateway.local_addrs()[0];
        self.gateway = Some(gateway);
    }

    async fn get(&self, credential: Option<&str>) -> Answer {
        send(self.address, request("GET", "/joke", credential, b"")).await
    }

    /// Asks for the price, and is told the preimage without paying.
    async fn learn(&self) -> String {
        let challenge = self.get(None).await.json();
        let text = |key: &str| challenge[key].as_str().expect("a text").to_owned();
        let hash = text("payment_hash").parse().expect("a hash");
        format!(
            "L402 {}:{}",
            text("token"),
            self.node.preimage(&hash).to_hex()
        )
    }

    fn served(&self) -> usize {
        self.served.load(Ordering::SeqCst)
    }
}

/// ATTACKS P-06: over the whole gateway, with its cache of proofs.
#[tokio::test(flavor = "multi_thread")]
async fn a_preimage_that_was_not_paid_for_reaches_no_upstream() {
    for policy in ["", "policy = \"uses=3\"", "policy = \"time=1h\""] {
        let mut shop = Shop::open(policy).await;
        let credential = shop.learn().await;
        for state in [InvoiceState::Open, InvoiceState::Held, InvoiceState::Unseen] {
            shop.node.set(shop.node.newest(), state);
            let answer = shop.get(Some(&credential)).await;
            assert_eq!(
                (answer.status(), answer.code().as_str()),
                (503, "not_settled")
            );
            assert_eq!(answer.json()["retry_with"], "same_token");
            assert_eq!(answer.header("retry-after"), Some("1"));
            assert_eq!(answer.header("l402-use"), Some("kept"));
            assert_eq!(answer.header("www-authenticate"), None);
            shop.clock.advance(Duration::from_secs(1));
        }
        shop.node.go_away(true);
        let answer = shop.get(Some(&credential)).await;
        assert_eq!(
            (answer.status(), answer.code().as_str()),
            (503, "node_unavailable")
        );
        assert_eq!(answer.json()["retry_with"], "same_token");
        assert_eq!(shop.served(), 0, "{policy}");
        shop.node.go_away(false);
        shop.clock.advance(Duration::from_secs(1));

        let paid = Msat::from_sat(50);
        shop.node
            .set(shop.node.newest(), InvoiceState::Settled { paid });
        let answer = shop.get(Some(&credential)).await;
        assert_eq!((answer.status(), answer.text().as_str()), (200, "a joke"));
        assert_eq!(shop.node.looked_up().len(), 5);
        // Nothing was written, so that a restart asks again, and the node may be away by then.
        if !policy.is_empty() {
            assert_eq!(shop.get(Some(&credential)).await.status(), 200);
            assert_eq!(shop.node.looked_up().len(), 5);
            shop.restart().await;
            shop.node.go_away(true);
            assert_eq!(shop.get(Some(&credential)).await.code(), "node_unavailable");
            shop.node.go_away(false);
            shop.clock.advance(Duration::from_secs(1));
            assert_eq!(shop.get(Some(&credential)).await.status(), 200);
            assert_eq!(shop.node.looked_up().len(), 7);
        }
    }
}

/// Sold through a Lightning address: asked, paid, served once.
#[tokio::test(flavor = "multi_thread")]
async fn a_lightning_address_sells_without_a_node() {
    let home = TestHome::new();
    let service = LnurlService::start(&home.sandbox, "a joke");
    let node: Node = service.address().parse().expect("an address");
    let receiver = node.receiver(home.open()).await.expect("a receiver");
    let upstream = upstream(false, |_| async { whole(200, "a joke") });
    let text = routes(upstream.await, "");
    let gateway = start_at(
        receiver.receive,
        &text,
        home.home.path(),
        home.clock.clone(),
    )
    .await;
    let gateway = gateway.expect("a gateway");
    let address = gateway.local_addrs()[0];
    let get = async |credential: Option<&str>| {
        send(address, request("GET", "/joke", credential, b"")).await
    };
    let challenge = get(None).await.json();
    let text = |key: &str| challenge[key].as_str().expect("a text").to_owned();
    let (preimage, _) = l402_testkit::pay(&home.wallet, &text("invoice")).await;
    let credential = format!("L402 {}:{}", text("token"), preimage.to_hex());
    let answer = get(Some(&credential)).await;
    assert_eq!((answer.status(), answer.text().as_str()), (200, "a joke"));
    assert_eq!(get(Some(&credential)).await.code(), "consumed");
    // The same, if the service is away when the buyer comes.
    let challenge = get(None).await.json();
    let text = |key: &str| challenge[key].as_str().expect("a text").to_owned();
    let (preimage, _) = l402_testkit::pay(&home.wallet, &text("invoice")).await;
    let credential = format!("L402 {}:{}", text("token"), preimage.to_hex());
    service.answer_with(502, "<html>");
    assert_eq!(get(Some(&credential)).await.code(), "node_unavailable");
    service.be_honest();
    home.clock.advance(Duration::from_secs(1));
    assert_eq!(get(Some(&credential)).await.status(), 200);
}
