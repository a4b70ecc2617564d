//! The question if a payment has settled: who is answered, and what the node is asked.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use l402::{Macaroon, Msat};
use l402_gateway::Gateway;
use l402_host::ManualClock;
use l402_lightning::InvoiceState;
use l402_testkit::hostile::LeakyNode;

use super::browser::{Browser, Price, cookie, state};
use super::shop;
use crate::harness::{Answer, serve, start_at};

const SECOND: Duration = Duration::from_secs(1);

/// A shop at a node whose invoices are paid by hand.
struct Shop {
    _gateway: Gateway,
    _home: tempfile::TempDir,
    node: Arc<LeakyNode>,
    clock: Arc<ManualClock>,
    browser: Browser,
}

impl Shop {
    async fn at(node: impl FnOnce(Arc<ManualClock>) -> Arc<LeakyNode>) -> Self {
        let (home, clock) = (tempfile::tempdir().expect("a home"), l402_testkit::clock());
        let node = node(clock.clone());
        let started = start_at(node.clone(), &shop().await, home.path(), clock.clone()).await;
        let gateway = started.expect("a gateway");
        let address: SocketAddr = gateway.local_addrs()[0];
        Self {
            _gateway: gateway,
            _home: home,
            node,
            clock,
            browser: Browser(address),
        }
    }

    /// A node that is believed to keep its preimages to itself.
    async fn open() -> Self {
        Self::at(|clock| LeakyNode::trusted(clock)).await
    }

    fn settle(&self, price: &Price, msat: u64) {
        let paid = Msat::new(msat);
        self.node.set(price.hash, InvoiceState::Settled { paid });
    }

    fn look_ups(&self) -> usize {
        self.node.looked_up().len()
    }
}

/// ATTACKS T-36, P-06, P-07.
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_is_let_in_once_the_node_says_settled_and_no_preimage_is_told() {
    for node in [LeakyNode::new, LeakyNode::trusted] {
        for path in ["/a?b=%20c", "/three", "/hour"] {
            let shop = Shop::at(|clock| node(clock)).await;
            let price = shop.browser.price(path).await;
            let mut answers = vec![price.document.clone()];
            for waiting in [InvoiceState::Open, InvoiceState::Held, InvoiceState::Unseen] {
                shop.node.set(price.hash, waiting);
                let answer = shop.browser.ask(&price).await;
                assert_eq!(state(&answer), (202, "open".to_owned()), "{path}");
                assert_eq!(answer.header("retry-after"), Some("1"));
                assert_eq!(answer.header("cache-control"), Some("no-store"));
                assert_eq!(answer.header("set-cookie"), None);
                shop.clock.advance(SECOND);
            }
            shop.node.go_away(true);
            let answer = shop.browser.ask(&price).await;
            assert_eq!(state(&answer), (503, "node_unavailable".to_owned()));
            assert_eq!(answer.header("retry-after"), Some("1"));
            shop.node.go_away(false);
            shop.clock.advance(SECOND);

            shop.settle(&price, 50_000);
            let answer = shop.browser.ask(&price).await;
            let line = answer.header("set-cookie").expect("a cookie").to_owned();
            let name = format!("l402-{}=", &price.hash.to_string()[..8]);
            assert!(line.starts_with(&name), "{line}");
            assert!(line.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{line}");
            assert_eq!(answer.header("access-control-allow-origin"), None);
            let pass = cookie(&answer);
            let served = shop.browser.get(path, &pass).await;
            assert_eq!(served.status(), 200, "{path}: {}", served.text());
            assert_eq!(served.header("cache-control"), Some("private, no-store"));
            // Neither the question nor what follows asks the node again.
            assert_eq!(shop.look_ups(), 5);
            answers.extend([answer.text(), line, served.text()]);
            let secret = shop.node.preimage(&price.hash);
            for answer in answers {
                assert!(!answer.contains(&secret.to_hex()), "{answer}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_ended_says_so() {
    let shop = Shop::open().await;
    let ended = (410, "ended".to_owned());
    let price = shop.browser.price("/three").await;
    shop.node.set(price.hash, InvoiceState::Cancelled);
    assert_eq!(state(&shop.browser.ask(&price).await), ended);
    // Less than the price, to the last millisatoshi.
    let price = shop.browser.price("/three").await;
    shop.settle(&price, 49_999);
    assert_eq!(state(&shop.browser.ask(&price).await), ended);
    shop.clock.advance(SECOND);
    shop.settle(&price, 50_000);
    assert_eq!(state(&shop.browser.ask(&price).await).0, 200);
    // A token that has ended costs no look-up.
    let look_ups = shop.look_ups();
    shop.clock.advance(Duration::from_secs(3 * 24 * 3600));
    assert_eq!(state(&shop.browser.ask(&price).await), ended);
    assert_eq!(shop.look_ups(), look_ups);
}

/// Changes a token, and signs nothing anew.
fn forged(price: &Price, change: impl FnOnce(&mut Vec<u8>)) -> Price {
    let mut bytes = Macaroon::from_base64(&price.token)
        .expect("a token")
        .to_bytes();
    change(&mut bytes);
    use base64::Engine as _;
    let token = base64::engine::general_purpose::STANDARD.encode(bytes);
    Price {
        token,
        ..price.clone()
    }
}

/// ATTACKS T-36, T-22, P-01: the signature comes first, and the node is not asked.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_ours_is_refused_before_the_node_is_asked() {
    let shop = Shop::open().await;
    let (paid, other) = (
        shop.browser.price("/three").await,
        shop.browser.price("/three").await,
    );
    shop.settle(&paid, 50_000);
    let length = Macaroon::from_base64(&paid.token)
        .expect("a token")
        .to_bytes()
        .len();
    for at in (0..length).step_by(7).chain([length - 1]) {
        let answer = shop
            .browser
            .ask(&forged(&paid, |bytes| bytes[at] ^= 1))
            .await;
        assert_eq!(
            state(&answer),
            (401, "invalid_token".to_owned()),
            "byte {at}"
        );
        assert_eq!(answer.header("set-cookie"), None);
    }
    for token in ["", "x", "L402", &"A".repeat(9000)] {
        let price = Price {
            token: token.to_owned(),
            ..paid.clone()
        };
        assert_eq!(state(&shop.browser.ask(&price).await).0, 401, "{token}");
    }
    assert_eq!(shop.look_ups(), 0);
    // The token of another price is asked about for itself.
    assert_eq!(
        state(&shop.browser.ask(&other).await),
        (202, "open".to_owned())
    );
    assert_eq!(shop.node.looked_up(), [other.hash]);
    // Who goes on is told to stop, and a token that is ours is answered all the same.
    let mut stopped = false;
    for _ in 0..250 {
        stopped |= state(
            &shop
                .browser
                .ask(&forged(&paid, |bytes| bytes[70] ^= 1))
                .await,
        )
        .0 == 429;
    }
    assert!(stopped);
    assert_eq!(state(&shop.browser.ask(&paid).await).0, 200);
}

/// ATTACKS T-36.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_questions_in_a_second_are_one_look_up() {
    let shop = Shop::open().await;
    let price = shop.browser.price("/hour").await;
    for round in 1..=3 {
        for _ in 0..10 {
            let asked = (0..100).map(|_| shop.browser.ask(&price));
            for answer in join_all(asked).await {
                assert_eq!(answer.status(), 202);
            }
        }
        assert_eq!(shop.look_ups(), round);
        shop.clock.advance(SECOND);
    }
}

/// Asks from a browser that does not say where it comes from.
async fn silent(shop: &Shop, price: &Price, preimage: Option<&l402::Preimage>) -> Answer {
    let headers = [("x-silent", "")];
    shop.browser.ask_with(price, &headers, preimage).await
}

/// The pass would never be taken from it, so it is told before anybody pays, and nobody is asked.
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_does_not_say_where_it_comes_from_gets_no_pass_that_is_counted() {
    let shop = Shop::open().await;
    for path in ["/a", "/three"] {
        let price = shop.browser.price(path).await;
        shop.settle(&price, 50_000);
        let preimage = shop.node.preimage(&price.hash);
        for preimage in [None, Some(&preimage)] {
            let answer = silent(&shop, &price, preimage).await;
            assert_eq!(state(&answer), (400, "bad_request".to_owned()), "{path}");
            assert!(
                answer.text().contains("a newer browser"),
                "{}",
                answer.text()
            );
            assert_eq!(answer.header("set-cookie"), None);
        }
        // The token comes first: nothing is told of one that is not ours.
        let other = forged(&price, |bytes| bytes[70] ^= 1);
        let answer = silent(&shop, &other, None);
        assert_eq!(state(&answer.await).0, 401);
    }
    assert_eq!(shop.look_ups(), 0);
    let price = shop.browser.price("/hour").await;
    shop.settle(&price, 50_000);
    let answer = silent(&shop, &price, None);
    assert_eq!(state(&answer.await).0, 200);
}

/// The page goes on asking, since a payment may come late.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_invoice_is_asked_about_once_in_ten_seconds() {
    let shop = Shop::open().await;
    let price = shop.browser.price("/three").await;
    shop.node.set(price.hash, InvoiceState::Cancelled);
    for _ in 0..10 {
        let answer = shop.browser.ask(&price).await;
        assert_eq!(state(&answer), (410, "ended".to_owned()));
        assert_eq!(shop.look_ups(), 1);
        shop.clock.advance(SECOND);
    }
    shop.settle(&price, 50_000);
    assert_eq!(state(&shop.browser.ask(&price).await).0, 200);
    assert_eq!(shop.look_ups(), 2);
}

/// ATTACKS T-36.
#[tokio::test(flavor = "multi_thread")]
async fn thirty_payments_a_second_are_looked_up_in_all() {
    let shop = Shop::open().await;
    let mut prices = Vec::new();
    for _ in 0..60 {
        prices.push(shop.browser.price("/hour").await);
    }
    let (mut later, mut busy) = (0, 0);
    for price in &prices {
        let answer = shop.browser.ask(price).await;
        later += usize::from(answer.header("retry-after").is_some());
        let (status, state) = state(&answer);
        assert_eq!(status, 202);
        // Nobody knows of those that were not asked about, so nobody says that they are unpaid.
        match state.as_str() {
            "open" => {}
            "busy" => busy += 1,
            other => panic!("{other}"),
        }
    }
    assert_eq!(busy, 60 - shop.look_ups());
    assert!(shop.look_ups() <= 30, "{}", shop.look_ups());
    assert!(shop.look_ups() >= 20, "{}", shop.look_ups());
    assert_eq!(later, 60);
}

/// ATTACKS T-36, P-06: WebLN's preimage at a node that shows preimages of unpaid invoices.
#[tokio::test(flavor = "multi_thread")]
async fn a_preimage_that_is_no_proof_opens_nothing() {
    let shop = Shop::at(|clock| LeakyNode::new(clock)).await;
    for path in ["/a", "/three", "/hour"] {
        let price = shop.browser.price(path).await;
        let preimage = shop.node.preimage(&price.hash);
        let answer = shop.browser.ask_with(&price, &[], Some(&preimage)).await;
        assert_eq!(state(&answer), (202, "open".to_owned()), "{path}");
        assert_eq!(answer.header("set-cookie"), None);
        shop.clock.advance(SECOND);
        shop.settle(&price, 50_000);
        let answer = shop.browser.ask_with(&price, &[], Some(&preimage)).await;
        let pass = cookie(&answer);
        assert_eq!(shop.browser.get(path, &pass).await.status(), 200);
        assert!(!answer.text().contains(&preimage.to_hex()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preimage_that_is_proof_needs_no_look_up_and_a_wrong_one_is_none() {
    let shop = Shop::open().await;
    let (price, other) = (
        shop.browser.price("/hour").await,
        shop.browser.price("/hour").await,
    );
    let wrong = shop.node.preimage(&other.hash);
    let answer = shop.browser.ask_with(&price, &[], Some(&wrong)).await;
    assert_eq!(state(&answer), (202, "open".to_owned()));
    assert_eq!(shop.node.looked_up(), [price.hash]);
    let preimage = shop.node.preimage(&price.hash);
    let answer = shop.browser.ask_with(&price, &[], Some(&preimage)).await;
    assert_eq!(
        shop.browser.get("/hour", &cookie(&answer)).await.status(),
        200
    );
    assert_eq!(shop.look_ups(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_from_the_sandbox_opens_the_page_of_another_device() {
    let server = serve(&shop().await).await;
    let browser = Browser(server.address);
    let price = browser.price("/hour/pictures/1.png").await;
    assert_eq!(state(&browser.ask(&price).await).0, 202);
    server.pay_document(&price.document).await;
    server.clock.advance(SECOND);
    let pass = browser.unlock(&price).await;
    for path in ["/hour", "/hour/pictures/1.png", "/hour/film.mp4?t=1"] {
        assert_eq!(browser.from("same-origin", path, &pass).await.status(), 200);
    }
}
