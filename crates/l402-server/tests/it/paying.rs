//! Buying, using, and being refused.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use http::Request;
use http_body_util::BodyExt;
use l402::{Credential, Invoice, Macaroon, Msat, Problem};
use l402_server::ledger::SqliteLedger;
use l402_server::{CanonicalRequest, ChallengeLimits, Presented};

use crate::sqlite::{State, files};
use crate::world::{Answer, NOW, World, rate, snapshot, with};

const CONSUMED: (u16, &str) = (402, "consumed");

fn is((status, code): (u16, String), expected: (u16, &str)) -> bool {
    (status, code.as_str()) == expected
}

#[tokio::test]
async fn an_unpaid_request_is_told_everything_it_needs() {
    let world = World::new();
    let answer = world.get("/joke").await;
    assert!(is(answer.code(), (402, "payment_required")));
    assert_eq!(answer.problem, Some(Problem::PaymentRequired));
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert_eq!(answer.headers["cache-control"], "no-store");
    let (challenge, body) = (answer.challenge(), answer.json());
    assert_eq!(answer.headers["www-authenticate"], challenge.to_header());
    let invoice = Invoice::decode(challenge.invoice()).unwrap();
    assert_eq!(invoice.amount, Some(Msat::from_sat(50)));
    assert_eq!(body["price_sats"], 50);
    assert_eq!(body["price_msat"], 50_000);
    assert_eq!(body["invoice"], challenge.invoice());
    assert_eq!(body["payment_hash"], invoice.payment_hash.to_string());
    assert_eq!(body["macaroon"], challenge.token());
    assert_eq!(body["token"], challenge.token());
    assert_eq!(body["expires_at"], "2026-09-21T14:23:20Z");
    assert_eq!(body["description"], "joke");
    assert_eq!(body["error"], "payment_required");
    assert_eq!(body["retry_with"], "new_invoice");
    assert_eq!(body["status"], 402);
    let again = world.get("/joke").await.challenge();
    assert_ne!(again.invoice(), challenge.invoice(), "no invoice is shared");
    assert_eq!(world.paywall.node_calls(), 2);
}

#[tokio::test]
async fn a_paid_request_is_served_once() {
    let world = World::new();
    let credential = world.buy("/joke").await;
    let answer = world.get_with("/joke", &credential).await;
    assert_eq!(
        (answer.status.as_u16(), answer.text()),
        (200, "joke for joke")
    );
    assert_eq!(answer.headers["cache-control"], "private, no-store");
    let vary: Vec<_> = answer.headers.get_all("vary").iter().collect();
    assert_eq!(vary, ["authorization", "origin"]);
    let again = world.get_with("/joke", &credential).await;
    assert!(is(again.code(), CONSUMED));
    let fresh = again.challenge();
    let paid = fresh.authorization(&world.pay(&fresh).await);
    assert_eq!(world.get_with("/joke", &paid).await.status, 200);
}

/// ATTACKS D-03.
#[tokio::test]
async fn what_is_no_credential_costs_no_invoice() {
    let world = World::new();
    let credential = world.buy("/joke").await;
    let other = world.buy("/joke").await;
    let calls = world.paywall.node_calls();
    let (token, _) = credential.split_once(':').unwrap();
    let (_, preimage) = other.split_once(':').unwrap();
    let flipped = format!("{token}:{}", "00".repeat(32));
    for (bad, code) in [
        ("L402 garbage", "invalid_auth_format"),
        ("LSAT a:b", "invalid_auth_format"),
        ("L402", "invalid_auth_format"),
        (&format!("{token}:{preimage}"), "invalid_token"),
        (&flipped, "invalid_token"),
    ] {
        let answer = world.get_with("/joke", bad).await;
        assert!(is(answer.code(), (401, code)), "{bad}");
        let line = format!("L402 version=\"0\", error=\"{code}\"");
        assert_eq!(answer.headers["www-authenticate"], line);
    }
    assert_eq!(world.paywall.node_calls(), calls);
    assert_eq!(world.get_with("/joke", &credential).await.status, 200);
}

#[tokio::test]
async fn old_clients_can_be_given_402_for_a_bad_credential() {
    let world = World::with(|builder, _| builder.invalid_credential_402(true).lsat_line(true));
    let answer = world.get_with("/joke", "L402 garbage").await;
    assert!(is(answer.code(), (402, "invalid_auth_format")));
    assert_eq!(answer.json()["retry_with"], "new_invoice");
    let lines: Vec<_> = answer.headers.get_all("www-authenticate").iter().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].to_str().unwrap().starts_with("LSAT macaroon="));
    assert_eq!(*lines[1], answer.challenge().to_header());
}

/// ATTACKS T-27.
#[tokio::test]
async fn a_token_for_another_service_is_refused_and_stays_good_at_its_own() {
    let world = World::new();
    let joke = world.buy("/joke").await;
    let answer = world.get_with("/quote", &joke).await;
    assert!(is(answer.code(), (402, "wrong_service")));
    assert_eq!(answer.json()["price_sats"], 10);
    assert_eq!(world.get_with("/joke", &joke).await.status, 200);
}

/// ATTACKS R-14.
#[tokio::test]
async fn a_token_in_flight_is_in_use_until_its_answer_has_ended() {
    let world = World::new();
    let credential = world.buy("/joke").await;
    let calls = world.paywall.node_calls();
    let answer = world.begin(with("/joke", &credential)).await;
    let other = world.get_with("/joke", &credential).await;
    assert!(is(other.code(), (409, "in_use")));
    assert_eq!(other.headers["retry-after"], "1");
    assert_eq!(other.json()["retry_with"], "same_token");
    assert!(!other.headers.contains_key("www-authenticate"));
    assert_eq!(world.paywall.node_calls(), calls);
    answer.into_body().collect().await.unwrap();
    assert!(is(
        world.get_with("/joke", &credential).await.code(),
        CONSUMED
    ));
}

/// Asks, and waits as long as the answers say if the payment was failed too often.
async fn ask_patiently(world: &World, path: &str, credential: &str) -> (Answer, Duration) {
    let mut waited = Duration::ZERO;
    loop {
        let answer = world.get_with(path, credential).await;
        if answer.problem != Some(Problem::UpstreamFailing) {
            return (answer, waited);
        }
        assert_eq!(answer.json()["retry_with"], "same_token");
        assert_eq!(answer.json()["paid"], true);
        assert_eq!(answer.headers["l402-use"], "kept");
        let wait = answer.headers["retry-after"].to_str().expect("text");
        let wait = Duration::from_secs(wait.parse().expect("seconds"));
        world.clock.advance(wait);
        waited += wait;
    }
}

/// ATTACKS R-07: the use is given back as often as the upstream fails, and the tries become rarer.
// FAULTS S1: the upstream's own failures stay unlimited in number, slowed down.
#[tokio::test]
async fn a_failing_upstream_gives_the_use_back_as_often_as_it_fails() {
    let world = World::new();
    let credential = world.buy("/flaky").await;
    world.answer_with(503);
    let mut waits = Vec::new();
    for _ in 0..12 {
        let (answer, waited) = ask_patiently(&world, "/flaky", &credential).await;
        assert_eq!(answer.text(), "flaky");
        waits.push(waited.as_secs());
    }
    assert_eq!(waits, [0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
    world.answer_with(200);
    let (served, _) = ask_patiently(&world, "/flaky", &credential).await;
    assert_eq!(served.status, 200);
    assert!(is(
        world.get_with("/flaky", &credential).await.code(),
        CONSUMED
    ));
}

/// A try that comes too early neither reaches the service nor makes the wait longer. Another payment
/// does not wait.
#[tokio::test]
async fn who_comes_back_too_early_is_told_how_long_to_wait_and_loses_nothing() {
    let world = World::new();
    let credential = world.buy("/flaky").await;
    world.answer_with(503);
    for _ in 0..4 {
        ask_patiently(&world, "/flaky", &credential).await;
    }
    for (after_ms, wait) in [(0, "2"), (900, "2"), (200, "1"), (800, "1")] {
        world.clock.advance(Duration::from_millis(after_ms));
        let answer = world.get_with("/flaky", &credential).await;
        assert!(is(answer.code(), (503, "upstream_failing")));
        assert_eq!(answer.headers["retry-after"], wait);
    }
    world.answer_with(200);
    let other = world.buy("/flaky").await;
    assert_eq!(world.get_with("/flaky", &other).await.status, 200);
    world.clock.advance(Duration::from_millis(100));
    assert_eq!(world.get_with("/flaky", &credential).await.status, 200);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_not_served() {
    let world = World::new();
    let credential = world.buy("/broken").await;
    for _ in 0..8 {
        world.clock.advance(Duration::from_secs(60));
        let answer = world.begin(with("/broken", &credential)).await;
        assert_eq!(answer.status(), 200);
        assert!(answer.into_body().collect().await.is_err());
    }
}

/// The same as at the gateway, with the time of the test. A break after less than a second stays the
/// service's.
// FAULTS S1: 12 presentations of a single-use token by a reader that stalls yield 6 answers.
#[tokio::test(start_paused = true)]
async fn a_break_after_a_stall_of_the_buyer_is_a_try_of_the_buyer() {
    let world = World::new();
    for (stall_ms, expected) in [(1000, 6), (20_000, 6), (990, 12)] {
        let credential = world.buy("/broken").await;
        let mut answers = 0;
        for _ in 0..12 {
            world.clock.advance(Duration::from_secs(60));
            let answer = world.begin(with("/broken", &credential)).await;
            answers += usize::from(answer.status() == 200);
            let mut body = answer.into_body();
            let _first = body.frame().await;
            tokio::time::sleep(Duration::from_millis(stall_ms)).await;
            while let Some(Ok(_)) = body.frame().await {}
        }
        assert_eq!(answers, expected, "{stall_ms}");
        let again = world.get_with("/broken", &credential).await;
        assert_eq!(is(again.code(), CONSUMED), expected == 6, "{stall_ms}");
    }
}

/// ATTACKS D-05: nobody polls the body of a client that takes nothing. Given up are an answer that was
/// never polled, and one of which a piece was taken.
// FAULTS S2: in the tower layer, too, such an answer is dropped and settled as the buyer's.
#[tokio::test(start_paused = true)]
async fn an_answer_that_its_buyer_does_not_take_is_given_up() {
    let world = World::new();
    for polled in [false, true] {
        let credential = world.buy("/long").await;
        for _ in 0..=l402_server::ledger::BUYER_RELEASES {
            let answer = world.begin(with("/long", &credential)).await;
            assert_eq!(answer.status(), 200);
            let mut body = answer.into_body();
            if polled {
                assert!(body.frame().await.unwrap().is_ok());
            }
            let during = world.get_with("/long", &credential).await;
            assert!(is(during.code(), (409, "in_use")));
            tokio::time::sleep(Duration::from_secs(61)).await;
            let error = body.frame().await.unwrap().unwrap_err();
            assert!(error.to_string().contains("took nothing"), "{error}");
        }
        let again = world.get_with("/long", &credential).await;
        assert!(is(again.code(), CONSUMED));
    }
}

/// Otherwise one payment would buy the beginning of answers without end.
#[tokio::test]
async fn an_answer_that_breaks_off_by_the_buyers_doing_is_a_try_of_the_buyer() {
    let world = World::new();
    let credential = world.buy("/blamed").await;
    for _ in 0..=l402_server::ledger::BUYER_RELEASES {
        let answer = world.begin(with("/blamed", &credential)).await;
        assert_eq!(answer.status(), 200);
        assert!(answer.into_body().collect().await.is_err());
    }
    let again = world.get_with("/blamed", &credential).await;
    assert!(is(again.code(), CONSUMED));
}

#[tokio::test(start_paused = true)]
async fn a_buyer_whose_patience_ends_before_an_answer_loses_nothing() {
    let world = World::new();
    let credential = world.buy("/hang").await;
    for _ in 0..12 {
        world.clock.advance(Duration::from_secs(60));
        let asked = world.get_with("/hang", &credential);
        let soon = tokio::time::timeout(Duration::from_secs(30), asked).await;
        assert!(soon.is_err(), "it is forwarded, and hangs");
    }
}

#[tokio::test]
async fn a_wrong_question_is_given_back_a_few_times() {
    let world = World::new();
    let credential = world.buy("/flaky").await;
    world.answer_with(404);
    for _ in 0..=l402_server::ledger::BUYER_RELEASES {
        assert_eq!(world.get_with("/flaky", &credential).await.status, 404);
    }
    assert!(is(
        world.get_with("/flaky", &credential).await.code(),
        CONSUMED
    ));
}

#[tokio::test]
async fn a_buyer_who_leaves_in_mid_body_has_a_few_more_tries() {
    let world = World::new();
    let credential = world.buy("/joke").await;
    for _ in 0..=l402_server::ledger::BUYER_RELEASES {
        drop(world.begin(with("/joke", &credential)).await);
    }
    assert!(is(
        world.get_with("/joke", &credential).await.code(),
        CONSUMED
    ));
}

// FAULTS C7: who leaves an event stream has spent it. Until then it is in use.
#[tokio::test]
async fn a_stream_of_events_is_spent_when_its_buyer_leaves() {
    let world = World::new();
    let credential = world.buy("/events").await;
    let stream = world.begin(with("/events", &credential)).await;
    assert_eq!(stream.headers()["l402-use"], "pending");
    let during = world.get_with("/events", &credential).await;
    assert!(is(during.code(), (409, "in_use")));
    drop(stream);
    assert!(is(
        world.get_with("/events", &credential).await.code(),
        CONSUMED
    ));
}

#[tokio::test]
async fn where_the_request_is_charged_a_failure_costs_it() {
    let world = World::new();
    let credential = world.buy("/request").await;
    assert_eq!(world.get_with("/request", &credential).await.status, 500);
    assert!(is(
        world.get_with("/request", &credential).await.code(),
        CONSUMED
    ));
}

/// ATTACKS R-01.
#[tokio::test]
async fn three_uses_are_three() {
    let world = World::new();
    let credential = world.buy("/three").await;
    for _ in 0..3 {
        assert_eq!(world.get_with("/three", &credential).await.status, 200);
    }
    assert!(is(
        world.get_with("/three", &credential).await.code(),
        CONSUMED
    ));
}

#[tokio::test]
async fn bought_time_runs_out_to_the_second() {
    let world = World::new();
    let credential = world.buy("/hour").await;
    for _ in 0..20 {
        assert_eq!(world.get_with("/hour", &credential).await.status, 200);
    }
    world.clock.advance(Duration::from_secs(600 + 3600 - 1));
    assert_eq!(world.get_with("/hour", &credential).await.status, 200);
    world.clock.advance(Duration::from_secs(1));
    assert!(is(
        world.get_with("/hour", &credential).await.code(),
        (402, "expired")
    ));
    assert_eq!(world.get_with("/hour", &credential).await.status, 402);
}

/// ATTACKS H-13.
#[tokio::test]
async fn a_head_request_has_the_headers_and_spends_the_use() {
    let world = World::new();
    let head = |credential: &str| {
        let request = Request::head("/quote").header("authorization", credential);
        request.body(Body::empty()).unwrap()
    };
    let credential = world.buy("/quote").await;
    let answer = world.begin(head(&credential)).await;
    assert_eq!(answer.status(), 200);
    drop(answer);
    assert!(is(
        world.get_with("/quote", &credential).await.code(),
        CONSUMED
    ));
}

/// A narrowed token must not make the ledger forget the payment before the token as it was
/// bought has ended (ATTACKS R-05).
#[tokio::test]
async fn a_token_narrowed_to_end_early_does_not_renew_the_whole_one() {
    let path = |home: &std::path::Path| home.join("ledger.db");
    let world = World::with(|builder, home| {
        builder.ledger(Arc::new(SqliteLedger::open(&path(home)).expect("a ledger")))
    });
    let whole = world.buy("/joke").await;
    let (token, preimage) = whole["L402 ".len()..].split_once(':').unwrap();
    let end = format!("joke_valid_until={}", NOW.secs() + 2);
    let narrow = Macaroon::from_base64(token)
        .unwrap()
        .with_caveat(end.as_bytes())
        .unwrap();
    let narrow = Credential::new(narrow, preimage.parse().unwrap()).to_header();
    assert_eq!(world.get_with("/joke", &narrow).await.status, 200);
    world.clock.advance(Duration::from_secs(6 * 3600));
    let other = world.buy("/joke").await;
    assert_eq!(world.get_with("/joke", &other).await.status, 200);
    assert!(is(world.get_with("/joke", &whole).await.code(), CONSUMED));
}

/// ATTACKS D-01.
#[tokio::test]
async fn beyond_the_limits_there_is_no_invoice_and_paid_requests_go_on() {
    let world = World::with(|builder, _| {
        let none = ChallengeLimits {
            per_peer: None,
            per_prefix: None,
            total: None,
        };
        builder.limits(ChallengeLimits {
            per_peer: rate(1, 10),
            total: rate(5, 50),
            ..none
        })
    });
    let credential = world.buy("/hour").await;
    for _ in 0..100 {
        world.get("/joke").await;
    }
    assert_eq!(world.paywall.node_calls(), 10);
    let answer = world.get("/joke").await;
    assert!(is(answer.code(), (429, "too_many_challenges")));
    assert_eq!(answer.headers["retry-after"], "1");
    assert!(!answer.headers.contains_key("www-authenticate"));
    assert_eq!(world.get_with("/hour", &credential).await.status, 200);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.get("/joke").await.status, 402);
}

/// ATTACKS D-02: the address on the other end counts, whatever the headers say.
#[tokio::test]
async fn each_peer_has_a_budget_of_its_own() {
    let world = World::with(|builder, _| {
        let none = ChallengeLimits {
            per_peer: None,
            per_prefix: None,
            total: None,
        };
        builder.limits(ChallengeLimits {
            per_peer: rate(1, 3),
            ..none
        })
    });
    for (peer, expected) in [
        ([192, 0, 2, 1], 3),
        ([192, 0, 2, 2], 3),
        ([192, 0, 2, 1], 0),
    ] {
        let mut offered = 0;
        for port in 1..=5_u16 {
            let request = Request::get("/joke").header("x-forwarded-for", format!("10.0.0.{port}"));
            let mut request = request.body(Body::empty()).unwrap();
            request
                .extensions_mut()
                .insert(ConnectInfo(SocketAddr::from((peer, port))));
            offered += usize::from(world.send(request).await.status == 402);
        }
        assert_eq!(offered, expected, "{peer:?}");
    }
}

/// A worker that remembers which credentials are genuine: every use is still counted.
#[tokio::test]
async fn a_credential_proven_before_is_counted_like_any_other() {
    let world = World::new();
    let header = world.buy("/three").await;
    let lines = [("authorization", header.as_bytes())];
    let credential = Credential::from_headers(lines).unwrap().unwrap();
    let proven = Arc::new(credential.prove(snapshot().keys(), NOW).unwrap());
    let ask = async |path: &str| {
        let (parts, ()) = Request::get(path).body(()).unwrap().into_parts();
        let mut request = CanonicalRequest::from_parts(&parts, [127, 0, 0, 1].into()).unwrap();
        request.presented = Presented::Proven(Arc::clone(&proven));
        world
            .paywall
            .admit(&snapshot(), &request)
            .await
            .map_err(|refusal| refusal.problem())
    };
    let held = [ask("/three").await.unwrap(), ask("/three").await.unwrap()];
    assert_eq!(held[0].proof().unwrap().service().as_str(), "three");
    assert_eq!(ask("/quote").await.unwrap_err(), Problem::WrongService);
    assert_eq!(world.get_with("/three", &header).await.status, 200);
    assert_eq!(ask("/three").await.unwrap_err(), Problem::InUse);
    for held in held {
        let _report = held.upstream_failed();
    }
    world.clock.advance(Duration::from_secs(600 + 24 * 3600));
    assert_eq!(ask("/three").await.unwrap_err(), Problem::Expired);
}

#[tokio::test]
async fn a_request_without_payment_writes_nothing() {
    let world = World::with(|builder, home| {
        builder.ledger(Arc::new(
            SqliteLedger::open(&home.join("ledger.db")).expect("a ledger"),
        ))
    });
    let before = files_of(&world);
    for _ in 0..200 {
        assert_eq!(world.get("/joke").await.status, 402);
        assert_eq!(world.get_with("/joke", "L402 garbage").await.status, 401);
    }
    assert_eq!(files_of(&world), before);
    let credential = world.buy("/joke").await;
    assert_eq!(world.get_with("/joke", &credential).await.status, 200);
    world.paywall.flush().await;
    assert_ne!(files_of(&world), before);
}

/// Every file of the ledger and of the sandbox.
fn files_of(world: &World) -> BTreeMap<PathBuf, State> {
    let mut found = files(world.home.path());
    found.extend(files(&world.home.path().join("sandbox")));
    found
}

/// ATTACKS R-02.
#[tokio::test]
async fn of_many_at_once_one_is_served() {
    let world = World::new();
    let credential = world.buy("/joke").await;
    let asked = (0..50).map(|_| world.get_with("/joke", &credential));
    let answers = futures_util::future::join_all(asked).await;
    let served = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(served, 1);
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer.status.as_u16(), 200 | 409 | 402))
    );
}

/// ATTACKS O-16.
#[test]
fn nothing_secret_is_in_a_debug_output() {
    let world = World::new();
    let text = format!("{:?} {:?}", world.paywall, crate::world::snapshot());
    assert!(text.contains("joke"));
    assert!(!text.contains("8f14e45f"), "{text}");
}
