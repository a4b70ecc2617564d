//! Servers that answer 429, and what a call does in the time that it has.

use std::time::Duration;

use l402::{Msat, Policy};
use l402_client::{Client, Error, Price, Request, State};

use crate::world::{Watch, World};

fn patient(world: &World, secs: u64) -> Client {
    let patience = Duration::from_secs(secs);
    let builder = world.builder().rate_limit_patience(patience);
    builder.build().expect("a client")
}

// FAULTS D8: a 429 is waited for if there is time. The kind: before the payment, after it, and with a
// token of an earlier call; none of the waits pays.
#[tokio::test]
async fn a_429_is_waited_for_within_the_time_of_the_call() {
    let world = World::new().await;
    let watch = Watch::new(true);
    let builder = world.builder().rate_limit_patience(Duration::from_secs(30));
    let client = builder.progress(watch.clone()).build().unwrap();
    world.server.plan().limited = (1, "0");
    let fetched = world.fetch(&client, "/joke").await.unwrap();
    assert_eq!((fetched.status, fetched.reused), (200, Some(false)));
    assert!(watch.told().iter().any(|it| it == "RateLimited(1s)"));
    assert_eq!(world.spent().await, Msat::from_sat(50));
}

#[tokio::test]
async fn a_429_to_a_paid_credential_is_waited_for_and_pays_nothing_more() {
    let world = World::new().await;
    world.server.plan().policy = Policy::Request;
    let client = patient(&world, 30);
    // The first answer is the challenge, the second the 429.
    let server = world.server.url("/joke");
    limit_after_payment(&world);
    let answer = client.send(Request::get(server)).await.unwrap();
    let receipt = answer.receipt().expect("a receipt").clone();
    assert_eq!(answer.bytes(100).await.unwrap(), "a joke");
    // This call has paid, though the answer came by a second presentation.
    assert!(!receipt.reused);
    assert_eq!(world.spent().await, Msat::from_sat(50));
    assert_eq!(world.states(), [State::Served]);
    assert_eq!(world.server.seen().presented, 2);
}

/// Answers 429 to the first request that carries a credential.
fn limit_after_payment(world: &World) {
    world.server.plan().troubles = vec![crate::server::Trouble::Status(429)];
}

#[tokio::test]
async fn without_time_a_429_is_the_answer_and_a_paid_token_is_kept() {
    let world = World::new().await;
    for (patience, after) in [(0, "1"), (3, "60"), (3, "Wed, 01 Jan 2098 00:00:00 GMT")] {
        let client = patient(&world, patience);
        world.server.plan().limited = (1, after);
        let fetched = world.fetch(&client, "/joke").await.unwrap();
        assert_eq!((fetched.status, fetched.reused), (429, None), "{after}");
    }
    assert_eq!(world.spent().await, Msat::ZERO);
    let client = patient(&world, 0);
    limit_after_payment(&world);
    let fetched = world.fetch(&client, "/joke").await.unwrap();
    assert_eq!((fetched.status, fetched.reused), (429, Some(false)));
    let fetched = world.fetch(&client, "/joke").await.unwrap();
    assert_eq!((fetched.status, fetched.reused), (200, Some(true)));
    assert_eq!(world.spent().await, Msat::from_sat(50));
}

#[tokio::test]
async fn a_server_that_asks_to_wait_for_ever_is_left_in_time() {
    let world = World::new().await;
    world.server.plan().limited = (u32::MAX, "0");
    let client = patient(&world, 2);
    let call = world.fetch(&client, "/joke");
    let fetched = tokio::time::timeout(Duration::from_secs(10), call).await;
    assert_eq!(fetched.expect("in time").unwrap().status, 429);
    // One wait of 1 s; the next would be of 2 s.
    assert_eq!(world.server.seen().asked, 2);
}

#[tokio::test]
async fn a_429_is_tried_three_times_however_much_time_there_is() {
    let world = World::new().await;
    world.server.plan().limited = (u32::MAX, "0");
    let fetched = world.fetch(&patient(&world, 600), "/joke").await.unwrap();
    assert_eq!((fetched.status, fetched.reused), (429, None));
    assert_eq!(world.server.seen().asked, 3);
}

#[tokio::test]
async fn a_call_that_paid_and_waited_buys_no_second_time() {
    let world = World::new().await;
    let client = patient(&world, 30);
    world.server.plan().troubles = vec![
        crate::server::Trouble::Status(429),
        crate::server::Trouble::Problem(l402::Problem::Consumed),
    ];
    let error = world.fetch(&client, "/joke").await.unwrap_err();
    assert!(matches!(error, Error::PaidButFailed { .. }), "{error}");
    assert_eq!(world.spent().await, Msat::from_sat(50));
}

// FAULTS D3: whatever is neither free nor a price is unknown.
#[tokio::test]
async fn a_price_is_asked_free_or_unknown() {
    let world = World::new().await;
    let price = async |client: &Client, path: &str| {
        client.price(Request::get(world.server.url(path))).await
    };
    let client = world.client();
    assert!(matches!(price(&client, "/joke").await, Ok(Price::Asked(_))));
    assert!(matches!(price(&client, "/free").await, Ok(Price::Free)));
    for status in [300, 304, 307, 400, 401, 403, 404, 410, 429, 500, 503] {
        let path = format!("/to/{status}?/free");
        let found = price(&client, &path).await.unwrap();
        let is_unknown =
            matches!(found, Price::Unknown { status: it, retry_after: None } if it == status);
        assert!(is_unknown, "{status}: {found:?}");
    }
    let follows = world.builder().follow_redirects(true).build().unwrap();
    assert!(matches!(
        price(&follows, "/to/307?/free").await,
        Ok(Price::Free)
    ));
    world.server.plan().limited = (2, "7");
    let found = price(&client, "/joke").await.unwrap();
    let after = Duration::from_secs(7);
    assert!(
        matches!(found, Price::Unknown { status: 429, retry_after: Some(it) } if it == after),
        "{found:?}"
    );
    // With time it waits here, too.
    world.server.plan().limited = (1, "1");
    let found = price(&patient(&world, 30), "/joke").await.unwrap();
    assert!(matches!(found, Price::Asked(_)), "{found:?}");
    assert_eq!(world.spent().await, Msat::ZERO);
}

/// Behind a redirect, a token of an earlier call is the only one for the page.
#[tokio::test]
async fn a_429_behind_a_redirect_keeps_the_token_of_an_earlier_call() {
    let world = World::new().await;
    world.server.plan().policy = "time=3600".parse().unwrap();
    let unfollowed = world.client();
    let path = "/moved/302?/joke";
    assert_eq!(world.fetch(&unfollowed, path).await.unwrap().status, 302);
    let patience = Duration::from_secs(30);
    let builder = world.builder().rate_limit_patience(patience);
    let client = builder.follow_redirects(true).build().unwrap();
    // The first trouble is that of the redirect, which has none.
    world.server.plan().troubles = vec![crate::server::Trouble::Status(429); 2];
    let fetched = world.fetch(&client, path).await.unwrap();
    assert_eq!(
        (fetched.body.as_str(), fetched.reused),
        ("a joke", Some(true))
    );
    assert_eq!(world.spent().await, Msat::from_sat(50));
    assert_eq!(world.server.seen().asked, 1);
}
