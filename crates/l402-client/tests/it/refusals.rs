//! A refusal of a paid credential: early, final, or none at all.

use std::time::Duration;

use http::HeaderValue;
use l402::{Msat, Policy, Problem};
use l402_client::{Client, Error, Request, State};

use crate::foreign::{Foreign, Reply};
use crate::server::{PaidServer, Trouble};
use crate::world::{World, fetch};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// True if the next run pays nothing, false if it would pay again.
fn keeps(error: &Error) -> bool {
    match error {
        Error::PaidButFailed {
            retry_same_token, ..
        } => *retry_same_token,
        other => panic!("{other}"),
    }
}

// FAULTS C2: the server sees the payment late, with every form of a refusal without a reason.
#[tokio::test]
async fn a_server_that_sees_the_payment_late_is_asked_again() {
    for early in [
        vec![Reply::Challenge(402)],
        vec![Reply::Challenge(401)],
        vec![Reply::Status(401)],
        vec![Reply::Status(402), Reply::Challenge(402)],
    ] {
        let world = World::new().await;
        let seller = Foreign::open(&world.sandbox);
        seller.plan().replies.clone_from(&early);
        let fetched = fetch(&world.client(), seller.url("/x")).await.unwrap();
        assert_eq!(
            (fetched.status, fetched.reused),
            (200, Some(false)),
            "{early:?}"
        );
        assert_eq!(seller.plan().presented.len(), 1 + early.len());
        assert_eq!(world.spent().await, Msat::from_sat(50));
    }
}

// FAULTS C2: later than this call waits.
#[tokio::test]
async fn the_next_run_presents_what_was_refused_without_a_reason() {
    for late in [Reply::Challenge(402), Reply::Status(401)] {
        let world = World::new().await;
        let seller = Foreign::open(&world.sandbox);
        seller.plan().replies = vec![late; 3];
        let error = fetch(&world.client(), seller.url("/x")).await.unwrap_err();
        assert!(keeps(&error), "{error}");
        assert_eq!(world.states(), [State::Paid]);
        let fetched = fetch(&world.client(), seller.url("/x")).await.unwrap();
        assert_eq!((fetched.status, fetched.reused), (200, Some(true)));
        assert_eq!(seller.plan().asked.len(), 1);
        assert_eq!(world.spent().await, Msat::from_sat(50));
    }
}

/// Runs the same request, and returns how often it was refused for good.
async fn runs(client: impl Fn() -> Client, url: url::Url, times: u32) -> Vec<&'static str> {
    let mut codes = Vec::new();
    for _ in 0..times {
        codes.push(match fetch(&client(), url.clone()).await {
            Ok(_) => "served",
            Err(error) => error.code(),
        });
    }
    codes
}

// FAULTS C4: fourteen runs against a seller who refuses, one payment.
// ATTACKS C-14: the breaker holds for the host.
#[tokio::test]
async fn a_seller_who_refuses_is_paid_once() {
    for always in [
        Reply::Challenge(402),
        Reply::Status(401),
        Reply::Status(402),
    ] {
        let world = World::new().await;
        let seller = Foreign::open(&world.sandbox);
        seller.plan().always = Some(always);
        let codes = runs(|| world.client(), seller.url("/x"), 14).await;
        assert_eq!(
            codes[..3],
            ["paid_but_failed", "paid_refused", "seller_stopped"]
        );
        assert!(codes[3..].iter().all(|code| *code == "seller_stopped"));
        // Also at other paths; another seller is none of it.
        let codes = runs(|| world.client(), seller.url("/y"), 1).await;
        assert_eq!(codes, ["seller_stopped"]);
        assert_eq!(world.spent().await, Msat::from_sat(50));
        world.fetch(&world.client(), "/joke").await.unwrap();
    }
}

// FAULTS C4: a gateway of ours, whose word is final at once.
#[tokio::test]
async fn a_known_reason_is_final_at_once_and_the_stop_ends_as_it_says() {
    for problem in [Problem::Expired, Problem::InvalidToken, Problem::Revoked] {
        let world = World::new().await;
        world.server.plan().troubles = vec![Trouble::Problem(problem); 3];
        let url = || world.server.url("/joke");
        let codes = runs(|| world.client(), url(), 2).await;
        assert_eq!(codes, ["paid_refused", "seller_stopped"], "{problem:?}");
        let error = fetch(&world.client(), url()).await.unwrap_err();
        assert!(error.to_string().contains(problem.code()), "{error}");
        // Who insists pays once more, and is refused again.
        let insist = || world.builder().buy_despite_stop(true).build().unwrap();
        assert_eq!(runs(insist, url(), 1).await, ["paid_refused"]);
        assert_eq!(runs(|| world.client(), url(), 1).await, ["seller_stopped"]);
        assert_eq!(world.spent().await, Msat::from_sat(100));
        // A day ends it, and so does an answer.
        world.clock.advance(DAY);
        assert_eq!(runs(|| world.client(), url(), 1).await, ["paid_refused"]);
        assert_eq!(runs(insist, url(), 1).await, ["served"]);
        assert_eq!(runs(|| world.client(), url(), 1).await, ["served"]);
    }
}

// FAULTS C4: a call that was killed may have had its answer, so one such refusal stops nobody. A seller
// who calls used up whatever an earlier call had no answer for is paid twice, and no more.
#[tokio::test]
async fn what_an_earlier_call_may_have_had_stops_the_seller_once_it_repeats() {
    let world = World::new().await;
    let url = || world.server.url("/joke");
    let (fails, used_up) = (Trouble::Status(500), Trouble::Problem(Problem::Consumed));
    world.server.plan().troubles = [fails, used_up].repeat(7);
    let codes = runs(|| world.client(), url(), 14).await;
    let twice = [
        "paid_but_failed",
        "paid_refused",
        "paid_but_failed",
        "paid_refused",
    ];
    assert_eq!(codes[..4], twice);
    assert!(
        codes[4..].iter().all(|code| *code == "seller_stopped"),
        "{codes:?}"
    );
    assert_eq!(world.spent().await, Msat::from_sat(100));
    // An answer in between starts anew.
    world.server.plan().troubles = Vec::new();
    let insist = || world.builder().buy_despite_stop(true).build().unwrap();
    assert_eq!(runs(insist, url(), 1).await, ["served"]);
    world.server.plan().troubles = vec![fails, used_up];
    let codes = runs(|| world.client(), url(), 3).await;
    assert_eq!(codes, ["paid_but_failed", "paid_refused", "served"]);
}

// FAULTS C4: the same loss by a redirect that leads to nothing.
#[tokio::test]
async fn a_seller_whose_redirect_leads_to_nothing_is_paid_once() {
    for to in ["/other", "http://127.0.0.1:1/"] {
        let world = World::new().await;
        let url = world.server.url(&format!("/leads-on?{to}"));
        let client = || world.builder().follow_redirects(true).build().unwrap();
        let codes = runs(client, url, 4).await;
        assert_eq!(codes[0], "paid_refused", "{to}");
        assert!(
            codes[1..].iter().all(|code| *code == "seller_stopped"),
            "{to}: {codes:?}"
        );
        assert_eq!(world.spent().await, Msat::from_sat(50));
    }
}

// FAULTS C3: what the service behind our gateway says is its answer.
#[tokio::test]
async fn the_services_own_401_and_402_are_shown_and_cost_nothing_more() {
    for (status, name, value) in [
        (401, "www-authenticate", "Basic realm=\"api\""),
        (402, "content-type", "text/plain"),
        (402, "content-type", "application/problem+json"),
        (401, "l402-use", "kept"),
    ] {
        let world = World::new().await;
        world.server.plan().troubles = vec![Trouble::Answer(status, name, value)];
        let fetched = world.fetch(&world.client(), "/joke").await.unwrap();
        assert_eq!((fetched.status, fetched.reused), (status, Some(false)));
        assert_eq!(fetched.body, "of the service");
        assert_eq!(world.states(), [State::Paid]);
        let mut request = Request::get(world.server.url("/joke"));
        let basic = HeaderValue::from_static("Basic bWU6aGVsbG8=");
        request.headers.insert("authorization", basic);
        let answer = world.client().send(request).await.unwrap();
        assert!(answer.receipt().unwrap().reused);
        assert_eq!(answer.bytes(100).await.unwrap(), "a joke");
        assert_eq!(world.spent().await, Msat::from_sat(50));
    }
}

/// A body of a 401 that is longer than is read for a verdict goes to the caller whole.
#[tokio::test]
async fn a_long_problem_of_the_service_is_not_cut() {
    let world = World::new().await;
    let long = "application/problem+json; long";
    world.server.plan().troubles = vec![Trouble::Answer(401, "content-type", long)];
    let fetched = world.fetch(&world.client(), "/joke").await.unwrap();
    assert_eq!((fetched.status, fetched.body.len()), (401, 300_000));
}

// FAULTS C8: a stale token of several uses, refused with 403 or 410.
#[tokio::test]
async fn a_stale_token_is_put_away_once_the_server_asks_for_money_without_it() {
    for status in [403, 410] {
        let world = World::new().await;
        world.server.plan().policy = "uses=10".parse().unwrap();
        let client = world.client();
        world.fetch(&client, "/joke").await.unwrap();
        world.server.plan().troubles = vec![Trouble::Status(status)];
        let fetched = world.fetch(&client, "/joke").await.unwrap();
        assert_eq!((fetched.status, fetched.reused), (200, Some(false)));
        assert_eq!(world.spent().await, Msat::from_sat(100));
        // The answer of a service whose gateway took the token is none.
        world.server.plan().troubles = vec![Trouble::Answer(status, "l402-use", "kept")];
        let fetched = world.fetch(&client, "/joke").await.unwrap();
        assert_eq!((fetched.status, fetched.reused), (status, Some(true)));
        assert_eq!(world.spent().await, Msat::from_sat(100));
    }
}

// FAULTS C8: one that was never served is not covered up by buying again.
#[tokio::test]
async fn a_403_to_what_was_paid_and_never_served_is_final_once_it_repeats() {
    for status in [403, 410] {
        let world = World::new().await;
        let seller = Foreign::open(&world.sandbox);
        seller.plan().always = Some(Reply::Status(status));
        let url = seller.url("/x");
        let fetched = fetch(&world.client(), url.clone()).await.unwrap();
        assert_eq!(fetched.status, status);
        let codes = runs(|| world.client(), url, 3).await;
        assert_eq!(codes, ["paid_but_failed", "paid_refused", "seller_stopped"]);
        assert_eq!(world.spent().await, Msat::from_sat(50));
    }
}

// FAULTS C8: what is free without the token is the answer.
#[tokio::test]
async fn a_page_that_is_free_by_now_is_had_without_the_token() {
    let world = World::new().await;
    let seller = Foreign::open(&world.sandbox);
    let url = seller.url("/x");
    fetch(&world.client(), url.clone()).await.unwrap();
    {
        let mut plan = seller.plan();
        (plan.is_free, plan.always) = (true, Some(Reply::Status(403)));
    }
    let fetched = fetch(&world.client(), url).await.unwrap();
    assert_eq!((fetched.body.as_str(), fetched.reused), ("free", None));
    assert_eq!(world.spent().await, Msat::from_sat(50));
}

/// A server may say of any status that the use is spent, or kept.
#[tokio::test]
async fn what_the_server_says_of_a_use_decides_and_not_the_status() {
    let hour = Policy::Time(Duration::from_secs(3600));
    for (policy, status, said, state) in [
        (Policy::Request, 404, "spent", State::Served),
        (Policy::Request, 404, "kept", State::Paid),
        (Policy::Request, 200, "kept", State::Paid),
        (Policy::Request, 404, "pending", State::Paid),
        (Policy::Request, 200, "pending", State::Served),
        // What is sold by time is kept by every answer.
        (hour, 200, "kept", State::Served),
        (hour, 404, "kept", State::Paid),
    ] {
        let world = World::new().await;
        world.server.plan().policy = policy;
        world.server.plan().troubles = vec![Trouble::Answer(status, "l402-use", said)];
        let fetched = world.fetch(&world.client(), "/joke").await.unwrap();
        assert_eq!(fetched.status, status);
        assert_eq!(world.states(), [state], "{policy} {status} {said}");
    }
}

/// A conflict that the service reports is its answer: asked again, it would cost one use after another.
/// The same holds for a failure whose use is gone.
#[tokio::test]
async fn an_answer_of_the_service_is_not_asked_for_again() {
    for (status, name, value) in [
        (409, "content-type", "application/problem+json"),
        (500, "l402-use", "spent"),
        (503, "l402-use", "spent"),
    ] {
        let world = World::new().await;
        world.server.plan().policy = "uses=10".parse().unwrap();
        world.server.plan().troubles = vec![Trouble::Answer(status, name, value)];
        let fetched = world.fetch(&world.client(), "/joke").await.unwrap();
        assert_eq!((fetched.status, fetched.reused), (status, Some(false)));
        assert_eq!(fetched.body, "of the service");
        assert_eq!(world.server.seen().presented, 1, "{status}");
        let is_spent = value == "spent";
        let state = if is_spent { State::Served } else { State::Paid };
        assert_eq!(world.states(), [state], "{status}");
    }
}

/// A token in use is waited for, also where the answer says that the use is kept.
#[tokio::test]
async fn a_token_in_use_is_presented_again() {
    let world = World::new().await;
    world.server.plan().tells = true;
    world.server.plan().troubles = vec![Trouble::Problem(Problem::InUse)];
    let fetched = world.fetch(&world.client(), "/joke").await.unwrap();
    assert_eq!((fetched.status, fetched.body.as_str()), (200, "a joke"));
    assert_eq!(world.server.seen().presented, 2);
}

/// A redirect that has used nothing up leaves the payment good, whatever stands behind it.
#[tokio::test]
async fn a_redirect_that_keeps_the_use_stops_nobody() {
    let world = World::new().await;
    world.server.plan().tells = true;
    let url = world.server.url("/moved/302?http://127.0.0.1:1/");
    let client = || world.builder().follow_redirects(true).build().unwrap();
    for _ in 0..3 {
        let error = fetch(&client(), url.clone()).await.unwrap_err();
        assert!(keeps(&error), "{error}");
    }
    assert_eq!(world.states(), [State::Paid]);
    assert_eq!(world.spent().await, Msat::from_sat(50));
    // Nor is another path of the seller.
    assert_eq!(runs(client, world.server.url("/joke"), 1).await, ["served"]);
}

/// An answer behind a redirect that has used the payment up: if it breaks off, the next run pays.
#[tokio::test]
async fn an_answer_behind_a_used_up_payment_that_breaks_off_is_not_said_to_be_kept() {
    let world = World::new().await;
    let other = PaidServer::open(&world.sandbox, &world.clock);
    let client = || world.builder().follow_redirects(true).build().unwrap();
    let to = other.url("/breaks");
    let url = world.server.url(&format!("/leads-on?{to}"));
    let error = fetch(&client(), url).await.unwrap_err();
    assert!(!keeps(&error), "{error}");
    // What is sold by time is good for the next run as well.
    world.server.plan().policy = Policy::Time(DAY);
    for _ in 0..2 {
        let url = world.server.url(&format!("/leads-on?{to}&by=time"));
        let error = fetch(&client(), url).await.unwrap_err();
        assert!(keeps(&error), "{error}");
    }
    assert_eq!(world.spent().await, Msat::from_sat(100));
}

/// A body that would go to another origin behind a redirect that has used the payment up: the next run
/// pays again, and nobody may say that no money moved.
#[tokio::test]
async fn a_body_that_stays_behind_a_used_up_payment_is_not_said_to_be_free() {
    for way in ["/spent/307?", "/spent/307?/to/307?"] {
        let world = World::new().await;
        let client = || world.builder().follow_redirects(true).build().unwrap();
        let url = world.server.url(&format!("{way}http://127.0.0.1:1/"));
        let send = async || {
            let request = Request::new(http::Method::POST, url.clone()).with_body("secret");
            client().send(request).await.unwrap_err()
        };
        let error = send().await;
        assert!(!error.no_money_moved(), "{way}: {error}");
        assert!(!keeps(&error), "{way}: {error}");
        assert_eq!(world.states(), [State::Served], "{way}");
        assert_eq!(send().await.code(), "seller_stopped", "{way}");
        assert_eq!(world.spent().await, Msat::from_sat(50));
    }
}

// The seller's node sees the payment a little later than the buyer's.
#[tokio::test]
async fn a_payment_that_the_seller_has_not_seen_is_presented_again_and_not_paid_again() {
    for late in 0..=2 {
        let world = World::new().await;
        world.server.plan().troubles = vec![Trouble::Problem(Problem::NotSettled); late];
        let fetched = world.fetch(&world.client(), "/joke").await.unwrap();
        assert_eq!((fetched.status, fetched.reused), (200, Some(false)));
        assert_eq!(world.server.seen().presented as usize, late + 1);
        assert_eq!(world.spent().await, Msat::from_sat(50));
    }
}

#[tokio::test]
async fn what_the_seller_has_not_seen_after_that_is_kept_for_the_next_run() {
    for policy in ["request", "uses=3", "time=1h"] {
        let world = World::new().await;
        world.server.plan().policy = policy.parse().unwrap();
        world.server.plan().troubles = vec![Trouble::Problem(Problem::NotSettled); 6];
        for run in 1..=2 {
            let error = world.fetch(&world.client(), "/joke").await.unwrap_err();
            assert!(keeps(&error), "{error}");
            assert_eq!(error.code(), "paid_but_failed");
            let told = error.to_string();
            assert!(told.contains("has not seen the payment yet"), "{told}");
            assert_eq!(world.server.seen().presented, 3 * run, "{policy}");
            assert_eq!(world.states(), [State::Paid]);
        }
        let fetched = world.fetch(&world.client(), "/joke").await.unwrap();
        assert_eq!((fetched.status, fetched.reused), (200, Some(true)));
        assert_eq!(world.server.seen().asked, 1);
        assert_eq!(world.spent().await, Msat::from_sat(50));
    }
}

// Also a token that has worked before, after the seller's gateway was started again.
#[tokio::test]
async fn a_token_in_use_that_is_not_settled_for_a_while_is_not_replaced() {
    let world = World::new().await;
    world.server.plan().policy = "time=1h".parse().unwrap();
    world.fetch(&world.client(), "/joke").await.unwrap();
    world.server.plan().troubles = vec![Trouble::Problem(Problem::NotSettled); 3];
    let error = world.fetch(&world.client(), "/joke").await.unwrap_err();
    assert!(keeps(&error), "{error}");
    world.fetch(&world.client(), "/joke").await.unwrap();
    assert_eq!(world.spent().await, Msat::from_sat(50));
}

// The pauses of a client that sets none: one second, then three.
#[tokio::test]
async fn it_is_asked_again_after_one_second_and_after_three() {
    let world = World::new().await;
    world.server.plan().troubles = vec![Trouble::Problem(Problem::NotSettled); 2];
    let (first, second) = (Duration::from_millis(40), Duration::from_millis(120));
    let client = world
        .builder()
        .settle_pauses(first, second)
        .build()
        .unwrap();
    let began = tokio::time::Instant::now();
    world.fetch(&client, "/joke").await.unwrap();
    assert!(began.elapsed() >= first + second);
}
