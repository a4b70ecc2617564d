//! The happy path, budgets, approval, and what a server does after it was paid.

use std::sync::Arc;
use std::time::Duration;

use l402::{Msat, Policy, Problem, UnixTime};
use l402_client::{BudgetLimit, Client, Error, Limits, Request, State};
use l402_lightning::sandbox::Fault;

use crate::server::Trouble;
use crate::world::{START, Watch, World};

#[tokio::test]
async fn pays_once_and_brings_the_answer() {
    let world = World::new().await;
    let answer = world
        .client()
        .send(Request::get(world.server.url("/joke")))
        .await
        .unwrap();
    let receipt = answer.receipt().unwrap().clone();
    assert_eq!(
        (receipt.price, receipt.paid),
        (Msat::from_sat(50), Msat::from_sat(50))
    );
    assert_eq!((receipt.paid_at, receipt.reused), (START, false));
    assert_eq!(receipt.to_json()["price_msat"], 50_000);
    assert_eq!(world.states(), [State::Paid]);
    assert_eq!(answer.bytes(100).await.unwrap(), "a joke");
    assert_eq!(world.states(), [State::Served]);
    assert_eq!(world.spent().await, Msat::from_sat(50));
}

#[tokio::test]
async fn a_token_for_one_answer_is_bought_anew_each_time() {
    let world = World::new().await;
    let client = world.client();
    for _ in 0..2 {
        assert_eq!(
            world.fetch(&client, "/joke").await.unwrap().reused,
            Some(false)
        );
    }
    assert_eq!(world.states(), [State::Served, State::Served]);
    assert_eq!(world.server.seen().presented, 2);
}

#[tokio::test]
async fn a_token_for_several_answers_is_kept_until_it_is_refused() {
    let world = World::new().await;
    world.server.plan().policy = "uses=3".parse().unwrap();
    let client = world.client();
    let mut bought = 0;
    for _ in 0..4 {
        let fetched = world.fetch(&client, "/joke").await.unwrap();
        assert_eq!((fetched.status, fetched.body.as_str()), (200, "a joke"));
        bought += u32::from(fetched.reused == Some(false));
    }
    assert_eq!(bought, 2);
    assert_eq!(world.spent().await, Msat::from_sat(100));
}

/// ATTACKS C-29.
#[tokio::test]
async fn a_stored_token_that_is_refused_is_replaced_once() {
    let world = World::new().await;
    world.server.plan().policy = Policy::Time(Duration::from_secs(3600));
    let client = world.client();
    world.fetch(&client, "/joke").await.unwrap();
    assert_eq!(
        world.fetch(&client, "/joke").await.unwrap().reused,
        Some(true)
    );
    world.server.refuse_all_sold();
    assert_eq!(
        world.fetch(&client, "/joke").await.unwrap().reused,
        Some(false)
    );
    assert_eq!(
        world.fetch(&client, "/joke").await.unwrap().reused,
        Some(true)
    );
    assert_eq!(world.spent().await, Msat::from_sat(100));
}

#[tokio::test]
async fn a_token_past_its_time_is_not_presented() {
    let world = World::new().await;
    world.server.plan().policy = Policy::Time(Duration::from_secs(60));
    let client = world.client();
    world.fetch(&client, "/joke").await.unwrap();
    world.clock.advance(Duration::from_secs(600 + 61));
    assert_eq!(
        world.fetch(&client, "/joke").await.unwrap().reused,
        Some(false)
    );
    assert_eq!(world.server.seen().presented, 2);
}

/// ATTACKS C-15.
#[tokio::test]
async fn what_is_not_402_is_the_answer_and_costs_nothing() {
    let world = World::new().await;
    let client = world.client();
    for (path, status) in [("/free", 200), ("/unauthorized", 401)] {
        let fetched = world.fetch(&client, path).await.unwrap();
        assert_eq!((fetched.status, fetched.reused), (status, None));
    }
    assert_eq!(world.entries().len(), 0);
    assert_eq!(world.spent().await, Msat::ZERO);
}

#[tokio::test]
async fn without_a_wallet_the_price_is_told_and_nothing_written() {
    let world = World::new().await;
    let client = Client::builder(world.journal())
        .clock(world.clock.clone())
        .build()
        .unwrap();
    match world.fetch(&client, "/joke").await.unwrap_err() {
        Error::PaymentRequired(quote) => {
            assert_eq!(quote.amount, Msat::from_sat(50));
            assert_eq!(quote.max_fee, Msat::from_sat(10));
            assert_eq!(quote.description, "one joke");
            assert_eq!(quote.policy, Some(Policy::Request));
            assert_eq!(quote.origin, world.server.origin);
        }
        other => panic!("{other}"),
    }
    let quote = client
        .quote(Request::get(world.server.url("/joke")))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        quote.expires,
        START.saturating_add(Duration::from_secs(600))
    );
    assert!(
        client
            .quote(Request::get(world.server.url("/free")))
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(world.entries().len(), 0);
}

/// ATTACKS C-14.
#[tokio::test]
async fn a_server_that_always_asks_is_paid_once() {
    let world = World::new().await;
    world.server.plan().always_402 = true;
    // The first run may have come too early for the server. That it repeats is final.
    for (state, again) in [(State::Paid, true), (State::Refused, false)] {
        let error = world.fetch(&world.client(), "/joke").await.unwrap_err();
        assert!(
            matches!(
                error,
                Error::PaidButFailed {
                    status: Some(402),
                    retry_same_token,
                    ..
                } if retry_same_token == again
            ),
            "{error}"
        );
        assert_eq!(world.spent().await, Msat::from_sat(50));
        assert_eq!(world.states(), [state]);
    }
    let seen = world.server.seen();
    assert_eq!((seen.asked, seen.presented), (1, 6));
}

#[tokio::test]
async fn a_failure_after_payment_keeps_the_credential() {
    for trouble in [
        Trouble::Status(500),
        Trouble::Problem(Problem::Internal),
        Trouble::Reset,
    ] {
        let world = World::new().await;
        world.server.plan().troubles = vec![trouble];
        let error = world.fetch(&world.client(), "/joke").await.unwrap_err();
        assert!(
            matches!(
                error,
                Error::PaidButFailed {
                    retry_same_token: true,
                    ..
                }
            ),
            "{error}"
        );
        assert_eq!(world.states(), [State::Paid], "{trouble:?}");
        let fetched = world.fetch(&world.client(), "/joke").await.unwrap();
        assert_eq!(
            (fetched.body.as_str(), fetched.reused),
            ("a joke", Some(true))
        );
        assert_eq!(world.states(), [State::Served], "{trouble:?}");
        assert_eq!(world.spent().await, Msat::from_sat(50));
    }
}

#[tokio::test]
async fn waits_where_the_server_says_that_the_same_token_will_do() {
    for (problem, times, status) in [
        (Problem::InUse, 5, None),
        (Problem::InUse, 6, Some(409)),
        (Problem::UpstreamFailed, 2, None),
        (Problem::UpstreamTimeout, 3, Some(504)),
        (Problem::Overloaded, 1, None),
    ] {
        let world = World::new().await;
        world.server.plan().troubles = vec![Trouble::Problem(problem); times];
        match (world.fetch(&world.client(), "/joke").await, status) {
            (Ok(fetched), None) => assert_eq!(fetched.body, "a joke"),
            (
                Err(Error::PaidButFailed {
                    status,
                    retry_same_token: true,
                    ..
                }),
                expected,
            ) => {
                assert_eq!(status, expected, "{problem:?}");
            }
            (other, _) => panic!("{problem:?}: {other:?}"),
        }
        assert_eq!(world.spent().await, Msat::from_sat(50));
    }
}

#[tokio::test]
async fn an_error_of_the_buyer_is_an_answer_and_no_delivery() {
    // 501 and 505 are about the request as well: nobody is told to send the same one again.
    for status in [404, 501, 505] {
        let world = World::new().await;
        world.server.plan().troubles = vec![Trouble::Status(status)];
        let fetched = world.fetch(&world.client(), "/joke").await.unwrap();
        assert_eq!((fetched.status, fetched.reused), (status, Some(false)));
        assert_eq!(world.states(), [State::Paid]);
        assert_eq!(
            world.fetch(&world.client(), "/joke").await.unwrap().reused,
            Some(true)
        );
        assert_eq!(world.spent().await, Msat::from_sat(50));
    }
}

#[tokio::test]
async fn a_payment_that_fails_costs_nothing_and_can_be_made_again() {
    let world = World::new().await;
    world.fault(Fault::Fails);
    let error = world.fetch(&world.client(), "/joke").await.unwrap_err();
    assert!(matches!(error, Error::PaymentFailed { .. }), "{error}");
    assert!(error.to_string().contains("no money moved"));
    assert_eq!(
        (world.states(), world.spent().await),
        (vec![State::Failed], Msat::ZERO)
    );
    world.fault(Fault::None);
    assert_eq!(
        world.fetch(&world.client(), "/joke").await.unwrap().body,
        "a joke"
    );
}

/// ATTACKS C-03, P-10.
#[tokio::test]
async fn a_preimage_that_proves_nothing_is_not_sent() {
    let world = World::new().await;
    world.fault(Fault::LiesAboutPreimage);
    let error = world.fetch(&world.client(), "/joke").await.unwrap_err();
    assert!(matches!(error, Error::PaidWithoutProof { .. }), "{error}");
    assert_eq!(world.states(), [State::PaidNoProof]);
    assert_eq!(world.server.seen().presented, 0);
}

#[tokio::test]
async fn who_declines_pays_nothing() {
    let world = World::new().await;
    let watch = Watch::new(false);
    let client = world.builder().progress(watch.clone()).build().unwrap();
    let error = world.fetch(&client, "/joke").await.unwrap_err();
    assert!(matches!(error, Error::Declined), "{error}");
    assert_eq!(
        (world.states(), world.spent().await),
        (vec![State::Failed], Msat::ZERO)
    );
    assert_eq!(
        watch.told().last().map(String::as_str),
        Some("approve 50 sat")
    );
}

#[tokio::test]
async fn progress_is_told_in_order() {
    let world = World::new().await;
    world.fault(Fault::Slow(Duration::from_millis(1100)));
    let watch = Watch::new(true);
    let client = world.builder().progress(watch.clone()).build().unwrap();
    world.fetch(&client, "/joke").await.unwrap();
    let told = watch.told();
    let begins = [
        "Challenged",
        "approve",
        "Paying",
        "Waiting(1s)",
        "Paid",
        "Retrying",
    ];
    assert_eq!(told.len(), begins.len(), "{told:?}");
    for (event, begin) in told.iter().zip(begins) {
        assert!(event.starts_with(begin), "{event} is not {begin}");
    }
}

/// ATTACKS C-01, C-21.
#[tokio::test]
async fn each_limit_holds_with_the_fee() {
    let world = World::new().await;
    let limits = Limits::default()
        .with_per_request(Msat::from_sat(49))
        .with_per_day(Msat::from_sat(120));
    let client = world.builder().limits(limits).build().unwrap();
    let error = world.fetch(&client, "/joke").await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::OverBudget {
                which: BudgetLimit::PerRequest,
                ..
            }
        ),
        "{error}"
    );
    let limits = limits.with_per_request(Msat::from_sat(1000));
    let client = world.builder().limits(limits).build().unwrap();
    for _ in 0..2 {
        world.fetch(&client, "/joke").await.unwrap();
    }
    let error = world.fetch(&client, "/joke").await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::OverBudget {
                which: BudgetLimit::PerDay,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(world.spent().await, Msat::from_sat(100));
    assert_eq!(world.entries().len(), 2);
}

// FAULTS T16: an error about the day says what is spent and when enough of it is free again.
#[tokio::test]
async fn the_days_limit_says_what_is_spent_and_when_it_frees() {
    let world = World::new().await;
    let limits = Limits::default().with_per_day(Msat::from_sat(120));
    let build = || world.builder().limits(limits).build().unwrap();
    let over = async |client: &Client| match world.fetch(client, "/joke").await {
        Err(Error::OverBudget { spent, frees, .. }) => (spent, frees),
        other => panic!("{other:?}"),
    };
    let (hour, day) = (Duration::from_secs(3600), Duration::from_secs(24 * 3600));
    let client = build();
    world.fetch(&client, "/joke").await.unwrap();
    world.clock.advance(hour);
    world.fetch(&client, "/joke").await.unwrap();
    let frees = START.saturating_add(day);
    assert_eq!(over(&client).await, (Msat::from_sat(100), Some(frees)));
    // Bought while the clock was far ahead: the day lasts until that date is reached.
    let far = 1000 * day;
    world.clock.set_wall(START.saturating_add(far));
    world.fetch(&build(), "/joke").await.unwrap();
    world.fetch(&build(), "/joke").await.unwrap();
    world.clock.set_wall(START.saturating_add(2 * day));
    let frees = START.saturating_add(far + day);
    assert_eq!(over(&build()).await, (Msat::from_sat(100), Some(frees)));
    // What the limit never allows is not waited for.
    let never = limits.with_per_day(Msat::from_sat(49));
    let client = world.builder().limits(never).build().unwrap();
    assert_eq!(over(&client).await, (Msat::from_sat(100), None));
}

#[tokio::test]
async fn a_fee_counts_against_the_day() {
    let world = World::new().await;
    world.sandbox.set_fee(Msat::from_sat(10)).unwrap();
    let limits = Limits::default().with_per_day(Msat::from_sat(109));
    let client = world.builder().limits(limits).build().unwrap();
    world.fetch(&client, "/joke").await.unwrap();
    let error = world.fetch(&client, "/joke").await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::OverBudget {
                which: BudgetLimit::PerDay,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(world.spent().await, Msat::from_sat(60));
}

/// ATTACKS C-24.
#[tokio::test]
async fn the_day_is_a_rolling_window_that_no_clock_resets() {
    let world = World::new().await;
    let limits = Limits::default().with_per_day(Msat::from_sat(50));
    let client = world.builder().limits(limits).build().unwrap();
    world.fetch(&client, "/joke").await.unwrap();
    let day = Duration::from_secs(24 * 60 * 60);
    let refused = |error: Error| {
        matches!(
            error,
            Error::OverBudget {
                which: BudgetLimit::PerDay,
                ..
            }
        )
    };
    world
        .clock
        .set_wall(UnixTime::from_secs(START.secs() - 10 * day.as_secs()));
    assert!(refused(
        world
            .fetch(&world.builder().limits(limits).build().unwrap(), "/joke")
            .await
            .unwrap_err()
    ));
    world.clock.set_wall(START.saturating_add(2 * day));
    assert!(refused(world.fetch(&client, "/joke").await.unwrap_err()));
    world.clock.set_wall(START);
    world.clock.advance(day - Duration::from_secs(1));
    assert!(refused(world.fetch(&client, "/joke").await.unwrap_err()));
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.fetch(&client, "/joke").await.unwrap().body, "a joke");
}

#[tokio::test]
async fn an_authorization_of_the_callers_own_stays() {
    let world = World::new().await;
    let mut request = Request::get(world.server.url("/joke"));
    let bearer = http::HeaderValue::from_static("Bearer mine");
    request.headers.insert("authorization", bearer.clone());
    let answer = world.client().send(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    let seen = world.server.seen();
    let last = seen.headers.last().unwrap();
    assert_eq!(last["authorization"], bearer);
    assert!(last.contains_key("l402-credential"));
    assert!(last["user-agent"].to_str().unwrap().starts_with("l402/"));
}

#[tokio::test]
async fn a_dropped_call_is_paid_for_in_the_background_and_used_by_the_next() {
    let world = World::new().await;
    world.fault(Fault::Slow(Duration::from_millis(300)));
    let watch = Watch::new(true);
    let client = Arc::new(world.builder().progress(watch.clone()).build().unwrap());
    let url = world.server.url("/joke");
    let call = {
        let client = client.clone();
        tokio::spawn(async move { client.send(Request::get(url)).await })
    };
    while !watch.told().iter().any(|event| event == "Paying") {
        tokio::task::yield_now().await;
    }
    call.abort();
    assert!(call.await.is_err());
    // The next call waits for the flight lock, which the payment holds until it is recorded.
    assert_eq!(
        world.fetch(&client, "/joke").await.unwrap().reused,
        Some(true)
    );
    assert_eq!(world.spent().await, Msat::from_sat(50));
}
