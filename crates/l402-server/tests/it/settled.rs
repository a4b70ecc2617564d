//! A node whose preimages prove nothing: nobody is served before the node itself says *settled*.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU16;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use futures_util::future::join_all;
use http::Request;
use l402::{Macaroon, Msat, PaymentHash};
use l402_host::ManualClock;
use l402_lightning::InvoiceState;
use l402_server::ledger::MemoryLedger;
use l402_server::{ChallengeLimits, Ledger, Paywall, PaywallLayer};
use l402_testkit::hostile::LeakyNode;

use crate::world::{Answer, send, service, snapshot, with};

const SECOND: Duration = Duration::from_secs(1);

/// A paid service at a node that tells its preimages.
struct Shop {
    node: Arc<LeakyNode>,
    clock: Arc<ManualClock>,
    ledger: Arc<dyn Ledger>,
    app: Router,
}

/// A credential of which nobody knows if it was paid for.
struct Bought {
    credential: String,
    hash: PaymentHash,
}

impl Shop {
    fn new() -> Self {
        let clock = l402_testkit::clock();
        let node = LeakyNode::new(clock.clone());
        let ledger: Arc<dyn Ledger> = Arc::new(MemoryLedger::new());
        let app = app(&node, &clock, &ledger);
        Self {
            node,
            clock,
            ledger,
            app,
        }
    }

    /// Starts the paywall anew, on the same ledger.
    fn restart(&mut self) {
        self.app = app(&self.node, &self.clock, &self.ledger);
    }

    async fn get(&self, path: &str, credential: &str) -> Answer {
        send(&self.app, with(path, credential)).await
    }

    async fn code(&self, path: &str, credential: &str) -> (u16, String) {
        let answer = self.get(path, credential).await;
        match answer.status.as_u16() {
            200 => (200, answer.text().to_owned()),
            _ => answer.code(),
        }
    }

    /// Asks for a price, and is told the preimage without paying.
    async fn learn(&self, path: &str) -> Bought {
        let request = Request::get(path).body(Body::empty()).expect("a request");
        let challenge = send(&self.app, request).await.challenge();
        let hash = self.node.newest();
        let credential = challenge.authorization(&self.node.preimage(&hash));
        Bought { credential, hash }
    }

    fn settle(&self, bought: &Bought, msat: u64) {
        let paid = Msat::new(msat);
        self.node.set(bought.hash, InvoiceState::Settled { paid });
    }

    fn look_ups(&self) -> usize {
        self.node.looked_up().len()
    }
}

fn app(node: &Arc<LeakyNode>, clock: &Arc<ManualClock>, ledger: &Arc<dyn Ledger>) -> Router {
    let off = ChallengeLimits {
        per_peer: None,
        per_prefix: None,
        total: None,
    };
    app_with(off, node, clock, ledger)
}

fn app_with(
    limits: ChallengeLimits,
    node: &Arc<LeakyNode>,
    clock: &Arc<ManualClock>,
    ledger: &Arc<dyn Ledger>,
) -> Router {
    let builder = Paywall::builder(node.clone()).clock(clock.clone());
    let paywall = builder.limits(limits).ledger(Arc::clone(ledger)).build();
    service(&Arc::new(AtomicU16::new(200))).layer(PaywallLayer::new(paywall, snapshot()))
}

/// ATTACKS P-06: the preimage was told to somebody who has not paid.
#[tokio::test]
async fn nobody_gets_in_before_the_node_says_settled_and_then_the_same_credential_works() {
    // Counted once, counted three times, and sold by time.
    for (path, body) in [
        ("/joke", "joke for joke"),
        ("/three", "three"),
        ("/hour", "hour"),
    ] {
        let shop = Shop::new();
        let bought = shop.learn(path).await;
        for _ in 0..3 {
            let answer = shop.get(path, &bought.credential).await;
            assert_eq!(answer.code(), (503, "not_settled".to_owned()), "{path}");
            let document = answer.json();
            assert_eq!(document["retry_with"], "same_token");
            assert_eq!(document["paid"], false);
            assert_eq!(answer.headers["retry-after"], "1");
            assert_eq!(answer.headers["l402-use"], "kept");
            assert!(!answer.headers.contains_key("www-authenticate"));
            assert!(document.get("invoice").is_none());
            shop.clock.advance(SECOND);
        }
        shop.settle(&bought, 50_000);
        assert_eq!(
            shop.code(path, &bought.credential).await,
            (200, body.to_owned())
        );
        assert_eq!(shop.look_ups(), 4);
    }
}

/// ATTACKS P-07: a payment that can still go back is none.
#[tokio::test]
async fn open_held_and_unseen_wait_and_cancelled_is_sold_anew() {
    let shop = Shop::new();
    let bought = shop.learn("/three").await;
    for (state, code) in [
        (InvoiceState::Open, (503, "not_settled")),
        (InvoiceState::Held, (503, "not_settled")),
        (InvoiceState::Unseen, (503, "not_settled")),
        (InvoiceState::Cancelled, (402, "revoked")),
    ] {
        shop.node.set(bought.hash, state);
        let answer = shop.get("/three", &bought.credential).await;
        assert_eq!(answer.code(), (code.0, code.1.to_owned()), "{state:?}");
        assert_eq!(answer.headers["l402-use"], "kept");
        let is_sold = answer.headers.contains_key("www-authenticate");
        assert_eq!(is_sold, code.0 == 402, "{state:?}");
        shop.clock.advance(SECOND);
    }
}

/// ATTACKS P-15.
#[tokio::test]
async fn what_was_settled_is_remembered_and_a_restart_asks_again() {
    let mut shop = Shop::new();
    let (counted, timed) = (shop.learn("/three").await, shop.learn("/hour").await);
    shop.settle(&counted, 1000);
    shop.settle(&timed, 1000);
    for (path, bought) in [("/three", &counted), ("/hour", &timed)] {
        for _ in 0..2 {
            assert_eq!(shop.code(path, &bought.credential).await.0, 200, "{path}");
            shop.clock.advance(10 * SECOND);
        }
    }
    assert_eq!(shop.look_ups(), 2);
    shop.restart();
    for (path, bought) in [("/three", &counted), ("/hour", &timed)] {
        assert_eq!(shop.code(path, &bought.credential).await.0, 200, "{path}");
    }
    assert_eq!(shop.look_ups(), 4);
    // The uses are in the ledger, which knows nothing of all this.
    let code = shop.code("/three", &counted.credential).await;
    assert_eq!(code, (402, "consumed".to_owned()));
}

#[tokio::test]
async fn less_than_the_price_is_not_enough_to_the_last_millisatoshi() {
    let shop = Shop::new();
    let bought = shop.learn("/three").await;
    for (msat, status) in [(0, 503), (999, 503), (1000, 200)] {
        shop.settle(&bought, msat);
        let answer = shop.get("/three", &bought.credential).await;
        assert_eq!(answer.status, status, "{msat}");
        if status == 503 {
            let document = answer.json();
            assert_eq!(document["code"], "not_settled");
            let detail = document["detail"].as_str().expect("a text");
            assert!(detail.starts_with("Less than the price"), "{detail}");
        }
        shop.clock.advance(SECOND);
    }
}

/// ATTACKS P-06: a holder may narrow what was bought, and so cannot make it cheaper.
#[tokio::test]
async fn a_lower_price_that_a_holder_appends_changes_nothing() {
    let shop = Shop::new();
    let bought = shop.learn("/three").await;
    let (token, preimage) = bought.credential.split_once(':').expect("a credential");
    let token = token.strip_prefix("L402 ").expect("the scheme");
    let macaroon = Macaroon::from_base64(token).expect("a token");
    let cheaper = macaroon
        .with_caveat(b"three_price_msat=1")
        .expect("a caveat");
    let cheaper = format!("L402 {}:{preimage}", cheaper.to_base64());
    shop.settle(&bought, 1);
    let code = shop.code("/three", &cheaper).await;
    assert_eq!(code, (503, "not_settled".to_owned()));
    shop.clock.advance(SECOND);
    shop.settle(&bought, 1000);
    assert_eq!(shop.code("/three", &cheaper).await.0, 200);
}

#[tokio::test]
async fn a_node_that_is_away_or_silent_lets_nobody_in() {
    let shop = Shop::new();
    let bought = shop.learn("/hour").await;
    shop.settle(&bought, 1000);
    shop.node.go_away(true);
    let answer = shop.get("/hour", &bought.credential).await;
    assert_eq!(answer.code(), (503, "node_unavailable".to_owned()));
    assert_eq!(answer.json()["retry_with"], "same_token");
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(answer.headers["l402-use"], "kept");
    assert!(answer.json().get("invoice").is_none());
    // Of a request for an invoice it says as before that no credential helps.
    shop.node.go_away(false);
    shop.clock.advance(SECOND);
    assert_eq!(shop.code("/hour", &bought.credential).await.0, 200);
    shop.node.go_away(true);
    shop.clock.advance(SECOND);
    assert_eq!(shop.code("/hour", &bought.credential).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn a_silent_node_is_waited_for_for_two_seconds() {
    let shop = Shop::new();
    let bought = shop.learn("/hour").await;
    shop.settle(&bought, 1000);
    let silence = shop.node.gate.forget_permits(usize::MAX);
    let began = tokio::time::Instant::now();
    let code = shop.code("/hour", &bought.credential).await;
    assert_eq!(code, (503, "node_unavailable".to_owned()));
    assert_eq!(began.elapsed(), 2 * SECOND);
    shop.node.gate.add_permits(silence);
    shop.clock.advance(2 * SECOND);
    assert_eq!(shop.code("/hour", &bought.credential).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn many_requests_for_one_payment_are_one_look_up() {
    let shop = Shop::new();
    let bought = shop.learn("/hour").await;
    shop.settle(&bought, 1000);
    let silence = shop.node.gate.forget_permits(usize::MAX);
    // The first one gives up: the look-up goes on for the others.
    let first = shop.get("/hour", &bought.credential);
    assert!(tokio::time::timeout(SECOND / 2, first).await.is_err());
    let others = join_all((0..50).map(|_| shop.code("/hour", &bought.credential)));
    let open = async {
        tokio::time::sleep(SECOND / 2).await;
        shop.node.gate.add_permits(silence);
    };
    let (codes, ()) = tokio::join!(others, open);
    assert!(codes.iter().all(|(status, _)| *status == 200), "{codes:?}");
    assert_eq!(shop.look_ups(), 1);
    // Also unpaid: once a second, however many ask.
    let unpaid = shop.learn("/hour").await;
    for second in 1..=3 {
        let asked = (0..50).map(|_| shop.code("/hour", &unpaid.credential));
        let codes = join_all(asked).await;
        assert!(codes.iter().all(|code| code.1 == "not_settled"));
        assert_eq!(shop.look_ups(), 1 + second);
        shop.clock.advance(SECOND);
    }
}

#[tokio::test]
async fn a_flood_of_unpaid_and_forged_credentials_is_bounded() {
    let shop = Shop::new();
    let mut flood = Vec::new();
    for _ in 0..250 {
        flood.push(shop.learn("/three").await);
    }
    for second in 1..=3 {
        for bought in &flood {
            let answer = shop.get("/three", &bought.credential).await;
            assert_eq!(answer.code(), (503, "not_settled".to_owned()));
            assert_eq!(answer.headers["retry-after"], "1");
        }
        // The rest of the hundred is for networks that have had none lately.
        assert_eq!(shop.look_ups(), 75 * second);
        // Forged ones reach no node at all.
        let (token, _) = flood[0].credential.split_once(':').expect("a credential");
        for n in 0..20_u8 {
            let forged = format!("{token}:{}", format!("{n:02x}").repeat(32));
            assert_eq!(shop.code("/three", &forged).await.0, 401);
        }
        assert_eq!(shop.look_ups(), 75 * second);
        shop.clock.advance(SECOND);
    }
    // Somebody who has paid is let in as soon as there is room, and then without any.
    shop.settle(&flood[0], 1000);
    assert_eq!(shop.code("/three", &flood[0].credential).await.0, 200);
    for bought in &flood[1..] {
        let _ = shop.get("/three", &bought.credential).await;
    }
    assert_eq!(shop.code("/three", &flood[0].credential).await.0, 200);
}

/// ATTACKS P-06: one caller with a hundred unpaid tokens takes its own share of look-ups, and no payer's.
#[tokio::test]
async fn a_caller_with_many_unpaid_tokens_keeps_no_payer_of_another_network_out() {
    let mut shop = Shop::new();
    let mut unpaid = Vec::new();
    for _ in 0..100 {
        unpaid.push(shop.learn("/three").await);
    }
    let mut payers = Vec::new();
    for _ in 0..5 {
        let payer = shop.learn("/three").await;
        shop.settle(&payer, 1000);
        payers.push(payer);
    }
    let limits = ChallengeLimits::default();
    shop.app = app_with(limits, &shop.node, &shop.clock, &shop.ledger);
    let code = async |from: [u8; 4], bought: &Bought| {
        let mut request = with("/three", &bought.credential);
        let address = SocketAddr::from((from, 4000));
        request.extensions_mut().insert(ConnectInfo(address));
        send(&shop.app, request).await.status.as_u16()
    };
    for (n, payer) in payers.iter().enumerate() {
        for bought in &unpaid {
            assert_eq!(code([192, 0, 2, 1], bought).await, 503);
        }
        assert_eq!(shop.look_ups(), 21 * n + 20);
        // Of the same network there is room, too.
        let neighbour = [192, 0, 2, u8::try_from(n).expect("few") + 2];
        let from = if n % 2 == 0 {
            neighbour
        } else {
            [203, 0, 113, 1]
        };
        assert_eq!(code(from, payer).await, 200);
        shop.clock.advance(SECOND);
    }
}
