//! A gateway at a node whose preimages prove nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use l402::Msat;
use l402_gateway::{Config, Gateway, GatewayErrorKind};
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

/// ATTACKS P-15: paid while no gateway runs, and presented to one that has made no invoice itself. The
/// token names the URL that tells if it is paid, so nothing was stored for it.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_paid_at_a_lightning_address_is_served_after_a_restart() {
    let home = TestHome::new();
    let service = LnurlService::start(&home.sandbox, "a joke");
    let node: Node = service.address().parse().expect("an address");
    let upstream = upstream(false, |_| async { whole(200, "a joke") });
    let text = routes(upstream.await, "policy = \"uses=2\"");
    let open = async || {
        let receiver = node.receiver(home.open()).await.expect("a receiver");
        let (folder, clock) = (home.home.path(), home.clock.clone());
        let gateway = start_at(receiver.receive, &text, folder, clock).await;
        gateway.expect("a gateway")
    };
    let get = async |gateway: &Gateway, credential: Option<&str>| {
        let address = gateway.local_addrs()[0];
        send(address, request("GET", "/joke", credential, b"")).await
    };
    let close = async |gateway: Gateway| {
        let stopped = tokio::task::spawn_blocking(move || gateway.shutdown(Duration::ZERO));
        stopped.await.expect("no panic");
    };
    let gateway = open().await;
    let (paid, unpaid) = (get(&gateway, None).await.json(), get(&gateway, None).await);
    close(gateway).await;
    let text = |key: &str| paid[key].as_str().expect("a text").to_owned();
    let (preimage, _) = l402_testkit::pay(&home.wallet, &text("invoice")).await;
    let credential = format!("L402 {}:{}", text("token"), preimage.to_hex());
    for _ in 0..2 {
        let gateway = open().await;
        let answer = get(&gateway, Some(&credential)).await;
        assert_eq!((answer.status(), answer.text().as_str()), (200, "a joke"));
        close(gateway).await;
    }
    let gateway = open().await;
    assert_eq!(get(&gateway, Some(&credential)).await.code(), "consumed");
    // A holder who appends another place to ask is not heard: there is none in his token's second
    // place, and nobody is asked there.
    let token = l402::Macaroon::from_base64(unpaid.json()["token"].as_str().expect("a token"));
    let token = token.expect("a macaroon");
    let named: Vec<_> = token.caveats().map(<[u8]>::to_vec).collect();
    assert!(named[1].starts_with(b"all_lookup=http://127.0.0.1:"));
}

/// One route that the node cannot sell is refused before it can serve: at the start, and at a reload.
#[tokio::test(flavor = "multi_thread")]
async fn a_route_outside_of_the_addresss_limits_is_refused_at_start_and_at_reload() {
    let home = TestHome::new();
    let service = LnurlService::start(&home.sandbox, "a joke");
    service.set_life(Duration::from_secs(86_400));
    service.alter("/.well-known/", |answer| {
        answer["maxSendable"] = 60_000.into();
    });
    let node: Node = service.address().parse().expect("an address");
    let receiver = node.receiver(home.open()).await.expect("a receiver");
    let upstream = upstream(false, |_| async { whole(200, "a joke") });
    let text = routes(upstream.await, "");
    let start = async |text: &str| {
        let node = Arc::clone(&receiver.receive);
        start_at(node, text, home.home.path(), home.clock.clone()).await
    };
    let timed = text.replace("service =", "policy = \"time=1h\"\nservice =");
    let cases = [
        (text.replace("50 sat", "61 sat"), "route /: price: "),
        (timed.clone(), "route /: invoice_expiry_secs: "),
    ];
    for (text, named) in &cases {
        let error = start(text).await.expect_err("it sells nothing");
        assert_eq!(error.kind(), GatewayErrorKind::Configuration);
        assert!(error.to_string().starts_with(named), "{error}");
    }
    let gateway = start(&text).await.expect("a gateway");
    let address = gateway.local_addrs()[0];
    for (text, named) in &cases {
        let listening = format!("listen = [\"{address}\"]\n{text}");
        let config = Config::from_toml(&listening, "new.toml").expect("sound");
        let error = gateway.reload(config).expect_err("it sells nothing");
        assert_eq!(error.kind(), GatewayErrorKind::Configuration);
        assert!(error.to_string().starts_with(named), "{error}");
        let answer = send(address, request("GET", "/joke", None, b"")).await;
        assert_eq!(answer.json()["price_msat"], 50_000, "as before");
    }
    // As the error says.
    let fixed = timed.replace("service =", "invoice_expiry_secs = 42900\nservice =");
    let listening = format!("listen = [\"{address}\"]\n{fixed}");
    let config = Config::from_toml(&listening, "new.toml").expect("sound");
    assert!(gateway.reload(config).is_ok());
    let answer = send(address, request("GET", "/joke", None, b"")).await;
    assert_eq!(answer.status(), 402);
}
