//! Nodes that are down, slow, or answer falsely.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use http::Request;
use l402::{Msat, Network, PaymentHash};
use l402_host::{BoxFuture, BoxStream, ManualClock};
use l402_lightning::sandbox::Sandbox;
use l402_lightning::{
    Error, ErrorKind, InvoiceLimits, InvoiceRequest, InvoiceState, NewInvoice, Receive, Settlement,
    SettlementIndex,
};
use l402_server::{Access, CanonicalRequest, Paywall, Refusal, Route, Snapshot};

use crate::world::{NOW, keys, snapshot};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mood {
    Amount,
    Away,
    Expiry,
    Honest,
    Locked,
    Refuses,
    Rounds,
    Silent,
}

#[derive(Debug)]
struct Moody {
    sandbox: Sandbox,
    mood: Mutex<Mood>,
}

impl Moody {
    async fn answer(&self, mut request: InvoiceRequest) -> Result<NewInvoice, Error> {
        let mood = *self.mood.lock().expect("no panic");
        match mood {
            Mood::Away => return Err(Error::new(ErrorKind::Unavailable, "gone")),
            Mood::Locked => return Err(Error::new(ErrorKind::Unauthorized, "locked")),
            // Of one route alone, as an address does whose least amount is above its price.
            Mood::Refuses if request.amount == Msat::from_sat(50) => {
                return Err(Error::new(ErrorKind::Rejected, "too little"));
            }
            Mood::Silent => std::future::pending().await,
            Mood::Amount => request.amount = Msat::new(request.amount.msat() - 1),
            Mood::Expiry => request.expiry *= 10,
            Mood::Rounds => request.amount = Msat::from_sat(request.amount.ceil_sat()),
            _ => {}
        }
        self.sandbox.create_invoice(request).await
    }
}

impl Receive for Moody {
    fn network(&self) -> Network {
        self.sandbox.network()
    }

    fn preimage_is_proof(&self) -> bool {
        self.sandbox.preimage_is_proof()
    }

    fn create_invoice(&self, request: InvoiceRequest) -> BoxFuture<'_, Result<NewInvoice, Error>> {
        Box::pin(self.answer(request))
    }

    fn lookup(&self, hash: PaymentHash) -> BoxFuture<'_, Result<InvoiceState, Error>> {
        self.sandbox.lookup(hash)
    }

    fn settlements(&self, from: SettlementIndex) -> BoxStream<'_, Result<Settlement, Error>> {
        self.sandbox.settlements(from)
    }
}

struct Counter {
    node: Arc<Moody>,
    clock: Arc<ManualClock>,
    paywall: Paywall,
    _home: tempfile::TempDir,
}

impl Counter {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let clock = Arc::new(ManualClock::new(NOW));
        let sandbox = Sandbox::open(home.path(), clock.clone()).expect("a sandbox");
        let node = Arc::new(Moody {
            sandbox,
            mood: Mutex::new(Mood::Honest),
        });
        let paywall = Paywall::builder(node.clone()).clock(clock.clone()).build();
        Self {
            node,
            clock,
            paywall,
            _home: home,
        }
    }

    fn be(&self, mood: Mood) {
        *self.node.mood.lock().expect("no panic") = mood;
    }

    async fn ask(&self) -> Refusal {
        self.ask_for("/joke").await
    }

    async fn ask_for(&self, path: &str) -> Refusal {
        self.ask_at(&snapshot(), path).await
    }

    async fn ask_at(&self, snapshot: &Snapshot, path: &str) -> Refusal {
        let (parts, ()) = Request::get(path).body(()).expect("a request").into_parts();
        let request = CanonicalRequest::from_parts(&parts, [127, 0, 0, 1].into());
        let admitted = self
            .paywall
            .admit(snapshot, &request.expect("one reading"))
            .await;
        admitted.expect_err("not paid")
    }

    async fn code(&self) -> &'static str {
        self.ask().await.problem().code()
    }
}

/// ATTACKS P-13.
#[tokio::test]
async fn an_invoice_that_says_something_else_is_never_offered() {
    for (mood, path) in [(Mood::Amount, "/joke"), (Mood::Expiry, "/hour")] {
        let counter = Counter::new();
        counter.be(mood);
        let refusal = counter.ask_for(path).await;
        assert_eq!(refusal.problem().code(), "node_unavailable", "{mood:?}");
        assert!(!refusal.has_challenge());
        counter.be(Mood::Honest);
        assert_eq!(counter.code().await, "payment_required");
    }
}

// A node that knows nothing finer than a satoshi. The buyer is told what the invoice asks for.
#[tokio::test]
async fn a_price_may_be_rounded_up_to_a_satoshi_and_no_further() {
    let price = Msat::new(1500);
    let route = Route::priced("/fine", "fine".parse().expect("a service"), price);
    let at = Snapshot::new(vec![route], Vec::new(), keys(), Network::Regtest);
    let at = at.expect("a route");
    for (mood, msat) in [(Mood::Honest, 1500), (Mood::Rounds, 2000)] {
        let counter = Counter::new();
        counter.be(mood);
        let refusal = counter.ask_at(&at, "/fine").await;
        let body = refusal.into_response().into_body();
        let document: serde_json::Value = serde_json::from_slice(&body).expect("a document");
        assert_eq!(document["price_msat"], msat, "{mood:?}");
        assert_eq!(document["price_sats"], 2);
        let invoice = document["invoice"].as_str().expect("an invoice");
        let invoice = l402::Invoice::decode(invoice).expect("an invoice");
        assert_eq!(invoice.amount, Some(Msat::new(msat)));
        let token = document["token"].as_str().expect("a token");
        let macaroon = l402::Macaroon::from_base64(token).expect("a macaroon");
        let price = format!("fine_price_msat={msat}");
        assert!(macaroon.caveats().any(|it| it == price.as_bytes()));
    }
}

// The token's end is counted from that of its invoice. Uses do not become more by it, as time does.
#[tokio::test]
async fn a_longer_life_of_the_invoice_is_no_harm_where_uses_are_counted() {
    let counter = Counter::new();
    counter.be(Mood::Expiry);
    for path in ["/joke", "/three"] {
        let refusal = counter.ask_for(path).await;
        assert_eq!(refusal.problem().code(), "payment_required", "{path}");
        let body = refusal.into_response().into_body();
        let document: serde_json::Value = serde_json::from_slice(&body).expect("a document");
        let token = document["token"].as_str().expect("a token");
        let macaroon = l402::Macaroon::from_base64(token).expect("a macaroon");
        let end = NOW.secs() + 6000 + 24 * 3600;
        let ends = |caveat: &[u8]| caveat.ends_with(format!("_valid_until={end}").as_bytes());
        assert!(macaroon.caveats().any(ends), "{path}");
    }
}

/// ATTACKS H-38, D-12.
#[tokio::test]
async fn a_node_that_is_away_is_left_alone() {
    let counter = Counter::new();
    counter.be(Mood::Away);
    for _ in 0..10 {
        let response = counter.ask().await.into_response();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["retry-after"], "1");
    }
    assert_eq!(counter.paywall.node_calls(), 3);
    counter.clock.advance(Duration::from_secs(1));
    assert_eq!(counter.code().await, "node_unavailable");
    assert_eq!(
        counter.ask().await.into_response().headers()["retry-after"],
        "2"
    );
    assert_eq!(counter.paywall.node_calls(), 4);
    counter.be(Mood::Honest);
    counter.clock.advance(Duration::from_secs(2));
    assert_eq!(counter.code().await, "payment_required");
}

#[tokio::test(start_paused = true)]
async fn a_node_that_says_nothing_is_not_waited_for() {
    let counter = Counter::new();
    counter.be(Mood::Silent);
    let began = tokio::time::Instant::now();
    assert_eq!(counter.code().await, "node_unavailable");
    assert_eq!(began.elapsed(), Duration::from_secs(2));
}

/// ATTACKS D-12: one route that cannot be sold stops no other.
#[tokio::test]
async fn a_fault_of_one_route_is_none_of_the_node() {
    for mood in [Mood::Refuses, Mood::Expiry, Mood::Amount] {
        let counter = Counter::new();
        for _ in 0..10 {
            counter.be(mood);
            let path = if mood == Mood::Expiry {
                "/hour"
            } else {
                "/joke"
            };
            let response = counter.ask_for(path).await.into_response();
            assert_eq!(response.status(), 503, "{mood:?}");
            assert_eq!(response.headers()["retry-after"], "1");
            if mood == Mood::Amount {
                counter.be(Mood::Honest);
            }
            let refusal = counter.ask_for("/three").await;
            assert_eq!(refusal.problem().code(), "payment_required", "{mood:?}");
        }
    }
    // Such a fault does not say that a node which was away is back, either.
    let counter = Counter::new();
    counter.be(Mood::Locked);
    for _ in 0..3 {
        counter.ask().await;
    }
    assert_eq!(counter.paywall.node_calls(), 3);
    counter.clock.advance(Duration::from_secs(1));
    counter.be(Mood::Refuses);
    counter.ask().await;
    counter.be(Mood::Locked);
    counter.ask().await;
    counter.ask().await;
    assert_eq!(counter.paywall.node_calls(), 5);
}

#[test]
fn a_route_that_a_node_cannot_sell_is_named_with_its_field_and_the_fix() {
    let hour = |secs| {
        let route = Route::priced(
            "/hour",
            "hour".parse().expect("a service"),
            Msat::from_sat(5),
        );
        let mut route = route.with_policy("time=1h".parse().expect("a policy"));
        if let Access::Priced(priced) = &mut route.access {
            priced.invoice_expiry = Duration::from_secs(secs);
        }
        route
    };
    let fault = |routes: Vec<Route>, limits: &InvoiceLimits| {
        let snapshot = Snapshot::new(routes, Vec::new(), keys(), Network::Regtest);
        let checked = snapshot.expect("routes").check_sellable(limits);
        checked.err().map(|error| error.to_string())
    };
    let mut limits = InvoiceLimits::default();
    assert_eq!(snapshot().check_sellable(&limits), Ok(()));
    (limits.least, limits.most) = (Msat::from_sat(5), Msat::from_sat(6));
    assert_eq!(fault(vec![Route::free("/"), hour(600)], &limits), None);
    let cheap = Route::priced(
        "/cheap",
        "cheap".parse().expect("a service"),
        Msat::new(4999),
    );
    let dear = Route::priced("/dear", "dear".parse().expect("a service"), Msat::new(6001));
    for (route, start) in [
        (
            cheap,
            "route /cheap: price: this node takes 5 sat to 6 sat in one payment, and not 4999 msat; ",
        ),
        (
            dear,
            "route /dear: price: this node takes 5 sat to 6 sat in one payment, and not 6001 msat; ",
        ),
    ] {
        let told = fault(vec![hour(600), route], &limits).expect("a fault");
        assert!(told.starts_with(start), "{told}");
    }
    limits.life = Some(Duration::from_secs(1801));
    let told = fault(vec![hour(600)], &limits).expect("a fault");
    assert!(
        told.starts_with("route /hour: invoice_expiry_secs: "),
        "{told}"
    );
    assert!(
        told.contains("write invoice_expiry_secs = 601, or"),
        "{told}"
    );
    assert_eq!(fault(vec![hour(601)], &limits), None);
    // Of answers that are counted nobody has more.
    limits.life = Some(Duration::from_secs(7 * 24 * 3600));
    let counted = hour(600).with_policy("uses=3".parse().expect("a policy"));
    assert_eq!(fault(vec![counted], &limits), None);
    let told = fault(vec![hour(600)], &limits).expect("a fault");
    assert!(!told.contains("write invoice_expiry_secs"), "{told}");
    assert!(told.contains("; sell a number of answers"), "{told}");
}
