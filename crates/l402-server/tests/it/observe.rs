//! The events that an observer is told, in order.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use http::Request;
use l402::{Msat, PaymentHash};
use l402_host::ManualClock;
use l402_server::observe::{Exchange, Observe, Offered, Refused, Settled, Verdict};

use crate::world::{World, with};

/// Writes down what it is told.
#[derive(Debug, Default)]
struct Diary(Mutex<Vec<String>>);

impl Diary {
    fn note(&self, event: String) {
        self.0.lock().expect("not poisoned").push(event);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().expect("not poisoned"))
    }
}

impl Observe for Diary {
    fn decided(&self, exchange: &Exchange, verdict: Verdict) {
        let path = exchange.path().unwrap_or("-");
        self.note(format!("decided {} {path} {verdict:?}", exchange.method()));
    }

    fn offered(&self, _: &Exchange, offered: &Offered) {
        self.note(format!("offered {} msat", offered.amount().msat()));
    }

    fn granted(&self, exchange: &Exchange) {
        self.note(format!("granted, left {:?}", exchange.uses_left()));
    }

    fn settled(&self, exchange: &Exchange, settled: &Settled) {
        let mut text = format!("settled {:?}", settled.outcome());
        if let Some(fault) = settled.fault() {
            let _ = write!(text, " by {fault:?}");
        }
        let status = settled.status().map(|status| status.as_u16());
        let (bytes, paid) = (settled.answer_bytes(), exchange.is_paid());
        let _ = write!(text, ", {status:?}, {bytes:?} bytes, paid {paid}");
        self.note(text);
    }

    fn refused(&self, exchange: &Exchange, refused: &Refused) {
        let (status, code) = (refused.status(), refused.problem().map(|p| p.code()));
        let paid = exchange.is_paid();
        self.note(format!("refused {} {code:?}, paid {paid}", status.as_u16()));
    }
}

fn observed() -> (World, Arc<Diary>) {
    let diary = Arc::new(Diary::default());
    let world = World::with(|builder, _| builder.observer(diary.clone()));
    (world, diary)
}

#[tokio::test]
async fn a_sale_is_told_step_by_step() {
    let (world, diary) = observed();
    let credential = world.buy("/joke").await;
    assert_eq!(
        diary.take(),
        [
            "decided GET /joke Challenge(PaymentRequired)",
            "offered 50000 msat",
            "refused 402 Some(\"payment_required\"), paid false",
        ]
    );
    assert_eq!(world.get_with("/joke", &credential).await.status, 200);
    assert_eq!(
        diary.take(),
        [
            "decided GET /joke Counted",
            "granted, left Some(0)",
            "settled Spent, Some(200), Some(13) bytes, paid true",
        ]
    );
    world.get_with("/joke", &credential).await;
    assert_eq!(
        diary.take(),
        [
            "decided GET /joke Counted",
            "offered 50000 msat",
            "refused 402 Some(\"consumed\"), paid true",
        ]
    );
}

#[tokio::test]
async fn a_use_that_comes_back_is_told_with_the_fault() {
    let (world, diary) = observed();
    let credential = world.buy("/flaky").await;
    for (status, fault) in [(503, "Service"), (404, "Buyer")] {
        world.answer_with(status);
        diary.take();
        world.get_with("/flaky", &credential).await;
        let told =
            format!("settled GivenBack by {fault}, Some({status}), Some(5) bytes, paid true");
        assert_eq!(diary.take()[2], told);
    }
    let credential = world.buy("/broken").await;
    diary.take();
    world.get_with("/broken", &credential).await;
    let told = "settled GivenBack by Service, Some(200), Some(4) bytes, paid true";
    assert_eq!(diary.take()[2], told);
    // A buyer who leaves after the head of the answer.
    let credential = world.buy("/joke").await;
    diary.take();
    drop(world.begin(with("/joke", &credential)).await);
    let told = "settled GivenBack by Buyer, Some(200), Some(0) bytes, paid true";
    assert_eq!(diary.take()[2], told);
}

#[tokio::test]
async fn what_is_not_counted_is_told_as_such() {
    let (world, diary) = observed();
    let credential = world.buy("/hour").await;
    diary.take();
    world.get_with("/hour", &credential).await;
    assert_eq!(
        diary.take(),
        [
            "decided GET /hour Uncounted",
            "granted, left None",
            "settled Uncounted, Some(200), Some(4) bytes, paid true",
        ]
    );
    world.get_with("/", &credential).await;
    assert_eq!(
        diary.take(),
        [
            "decided GET / Free",
            "granted, left None",
            "settled Uncounted, Some(200), Some(7) bytes, paid false",
        ]
    );
}

#[tokio::test]
async fn a_refusal_names_a_token_only_if_it_is_genuine() {
    let (world, diary) = observed();
    let credential = world.buy("/joke").await;
    diary.take();
    let forged = format!("{}{}", &credential[..credential.len() - 64], "0".repeat(64));
    for (path, credential, told) in [
        (
            "/quote",
            &credential,
            "402 Some(\"wrong_service\"), paid true",
        ),
        ("/joke", &forged, "401 Some(\"invalid_token\"), paid false"),
        (
            "/nowhere",
            &credential,
            "404 Some(\"no_route\"), paid false",
        ),
    ] {
        world.get_with(path, credential).await;
        assert_eq!(diary.take().last(), Some(&format!("refused {told}")));
    }
    let unread = Request::get("/a%5cb").body(Body::empty()).unwrap();
    world.send(unread).await;
    let told = "refused 400 Some(\"bad_request\"), paid false";
    assert_eq!(diary.take(), [told], "nothing was decided");
}

/// Keeps the facts of the last sale.
#[derive(Debug, Default)]
struct LastSale(Mutex<Option<(Exchange, Settled)>>);

impl Observe for LastSale {
    fn settled(&self, exchange: &Exchange, settled: &Settled) {
        *self.0.lock().expect("not poisoned") = Some((exchange.clone(), *settled));
    }
}

#[tokio::test]
async fn the_facts_of_a_sale_name_route_terms_token_sizes_and_time() {
    let sale = Arc::new(LastSale::default());
    let world = World::with(|builder, _| builder.observer(sale.clone()));
    let challenge = world.get("/echo/a").await.challenge();
    let preimage = world.pay(&challenge).await;
    let credential = challenge.authorization(&preimage);
    let request = Request::post("/echo/%61?secret=1")
        .header("authorization", &credential)
        .header("content-length", "3")
        .body(Body::from("abc"));
    let answer = world.begin(request.unwrap()).await;
    world.clock.advance(Duration::from_millis(250));
    let body = axum::body::to_bytes(answer.into_body(), 1000)
        .await
        .unwrap();

    let (exchange, settled) = sale.0.lock().expect("not poisoned").take().expect("a sale");
    assert_eq!(exchange.path(), Some("/echo/a"));
    assert_eq!(exchange.route(), Some("/echo/{*rest}"));
    assert_eq!(
        exchange.service().map(|service| service.as_str()),
        Some("echo")
    );
    assert_eq!(exchange.price(), Some(Msat::from_sat(1)));
    assert_eq!(exchange.policy(), Some(l402::Policy::Request));
    assert_eq!(exchange.payment_hash(), Some(preimage.payment_hash()));
    assert!(exchange.token_id().is_some());
    assert_eq!(exchange.request_bytes(), Some(3));
    assert_eq!(settled.answer_bytes(), Some(body.len() as u64));
    assert_eq!(settled.took(), Duration::from_millis(250));
    let all = format!("{exchange:?} {settled:?}");
    let (token, preimage) = credential[5..].split_once(':').unwrap();
    for secret in [token, preimage, "secret=1"] {
        assert!(!all.contains(secret), "{all}");
    }
}

/// A clock that counts how often it is read for the sake of an observer.
#[derive(Debug)]
struct CountedClock(Arc<ManualClock>, Mutex<u32>);

impl l402_host::Clock for CountedClock {
    fn wall(&self) -> l402::UnixTime {
        self.0.wall()
    }

    fn monotonic(&self) -> Duration {
        *self.1.lock().expect("not poisoned") += 1;
        self.0.monotonic()
    }
}

#[tokio::test]
async fn without_an_observer_no_clock_is_read_for_one() {
    // The begin and the end of the request, and those of the wait for the ledger.
    for (observer, reads) in [(false, 0), (true, 4)] {
        let clock = Arc::new(CountedClock(l402_testkit::clock(), Mutex::default()));
        let world = World::with(|builder, _| {
            let builder = builder.clock(clock.clone());
            if observer {
                builder.observer(Arc::new(Diary::default()))
            } else {
                builder
            }
        });
        let credential = world.buy("/joke").await;
        *clock.1.lock().expect("not poisoned") = 0;
        world.get_with("/joke", &credential).await;
        assert_eq!(*clock.1.lock().expect("not poisoned"), reads);
    }
}

/// An observer that leaves every method as it is.
#[derive(Debug)]
struct Nobody;

impl Observe for Nobody {}

#[test]
fn every_method_may_be_left_out() {
    let nobody: Arc<dyn Observe> = Arc::new(Nobody);
    nobody.settlement(PaymentHash::from_bytes([7; 32]), Msat::from_sat(1));
}

/// A buyer cannot tell the service of a payment.
#[tokio::test]
async fn what_a_buyer_says_of_a_payment_does_not_reach_the_service() {
    let world = World::new();
    let credential = world.buy("/echo/a").await;
    let mut request = with("/echo/a", &credential);
    for name in [
        "l402-payment-hash",
        "l402-service",
        "l402-uses-left",
        "l402_payment_hash",
        "l402_service",
        "l402_uses-left",
        "x-plain",
    ] {
        request
            .headers_mut()
            .insert(name, "forged".parse().unwrap());
    }
    assert_eq!(world.send(request).await.text(), "/echo/a x-plain");
}
