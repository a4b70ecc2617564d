//! What was bought at one path, used at another that it covers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::HeaderValue;
use l402::{Msat, Policy, Problem};
use l402_client::{Client, Event, Progress, Request, State};

use crate::foreign::{Foreign, Reply};
use crate::server::{PaidServer, Trouble};
use crate::world::{World, fetch};

const HOUR: Policy = Policy::Time(Duration::from_secs(3600));

// FAULTS C1: two paths of a service that is sold by the hour, one payment.
#[tokio::test]
async fn an_hour_covers_every_path_of_its_service() {
    let world = World::new().await;
    world.server.plan().policy = HOUR;
    for (path, reused) in [("/sub/a", false), ("/sub/b", true), ("/c?d", true)] {
        let fetched = world.fetch(&world.client(), path).await.unwrap();
        assert_eq!(
            (fetched.status, fetched.reused),
            (200, Some(reused)),
            "{path}"
        );
    }
    // Another service is another purchase, and what was never sold is not tried.
    world.server.plan().price = Msat::from_sat(60);
    let presented = world.server.seen().presented;
    let fetched = world.fetch(&world.client(), "/other").await.unwrap();
    assert_eq!(fetched.reused, Some(false));
    assert_eq!(world.server.seen().presented, presented + 1);
    assert_eq!(world.spent().await, Msat::from_sat(110));
}

// FAULTS C1: counted uses, and what the answer says of them.
#[tokio::test]
async fn ten_uses_cover_every_path_and_the_rest_is_told() {
    let world = World::new().await;
    world.server.plan().policy = "uses=10".parse().unwrap();
    world.server.plan().tells = true;
    for (path, left) in [("/sub/a", 9), ("/sub/b", 8)] {
        let request = Request::get(world.server.url(path));
        let answer = world.client().send(request).await.unwrap();
        let report = answer.receipt().unwrap().use_report.unwrap();
        assert_eq!(
            (report.outcome.name(), report.uses_left),
            ("spent", Some(left))
        );
        assert_eq!(answer.receipt().unwrap().to_json()["uses_left"], left);
        answer.bytes(100).await.unwrap();
    }
    assert_eq!(world.spent().await, Msat::from_sat(50));
}

/// A single use that was paid and given back goes to the next request that it covers.
#[tokio::test]
async fn a_use_that_was_given_back_is_good_for_another_path() {
    let world = World::new().await;
    world.server.plan().troubles = vec![Trouble::Status(404)];
    assert_eq!(
        world.fetch(&world.client(), "/jok").await.unwrap().status,
        404
    );
    let fetched = world.fetch(&world.client(), "/joke").await.unwrap();
    assert_eq!((fetched.status, fetched.reused), (200, Some(true)));
    assert_eq!(world.states(), [State::Served]);
    assert_eq!(world.spent().await, Msat::from_sat(50));
}

/// An answer that is on its way holds its purchase.
#[tokio::test]
async fn what_is_in_flight_is_left_alone() {
    let world = World::new().await;
    world.server.plan().policy = HOUR;
    let request = Request::get(world.server.url("/sub/a"));
    let on_its_way = world.client().send(request).await.unwrap();
    let fetched = world.fetch(&world.client(), "/sub/b").await.unwrap();
    assert_eq!(fetched.reused, Some(false));
    assert_eq!(on_its_way.bytes(100).await.unwrap(), "a joke");
    assert_eq!(world.spent().await, Msat::from_sat(100));
}

#[tokio::test]
async fn no_token_crosses_an_origin() {
    let world = World::new().await;
    world.server.plan().policy = HOUR;
    world.fetch(&world.client(), "/sub/a").await.unwrap();
    // With the same keys, so that it would even be accepted.
    let other = PaidServer::open(&world.sandbox, &world.clock);
    other.plan().policy = HOUR;
    let fetched = fetch(&world.client(), other.url("/sub/b")).await.unwrap();
    assert_eq!(fetched.reused, Some(false));
    assert_eq!(other.seen().presented, 1);
}

#[tokio::test]
async fn at_most_two_tokens_are_tried_and_a_refusal_spoils_none() {
    let world = World::new().await;
    for path in ["/a", "/b", "/c"] {
        world.server.plan().troubles = vec![Trouble::Status(500)];
        let error = world.fetch(&world.client(), path).await.unwrap_err();
        assert_eq!(error.code(), "paid_but_failed", "{error}");
        // As if each were in use while the next is bought.
        let db = rusqlite::Connection::open(world.folder().join("client.db")).unwrap();
        db.execute("UPDATE purchase SET live = 0", []).unwrap();
    }
    let db = rusqlite::Connection::open(world.folder().join("client.db")).unwrap();
    db.execute("UPDATE purchase SET live = 1", []).unwrap();
    world.server.plan().troubles = vec![Trouble::Problem(Problem::Insufficient); 2];
    let presented = world.server.seen().presented;
    // Three in a row were not served, which stops others.
    let insisting = world.builder().buy_despite_stop(true).build().unwrap();
    let fetched = world.fetch(&insisting, "/d").await.unwrap();
    assert_eq!(fetched.reused, Some(false));
    assert_eq!(world.server.seen().presented, presented + 3);
    assert_eq!(world.states()[1..], [State::Paid; 3]);
    let fetched = world.fetch(&world.client(), "/a").await.unwrap();
    assert_eq!(fetched.reused, Some(true));
}

/// An opaque token says nothing, so only success shows what it is for.
#[tokio::test]
async fn an_opaque_token_is_tried_below_the_folder_where_it_worked_twice() {
    let world = World::new().await;
    let seller = Foreign::open(&world.sandbox);
    let reused = async |path: &str| {
        fetch(&world.client(), seller.url(path))
            .await
            .unwrap()
            .reused
    };
    assert_eq!(reused("/api/v1/a").await, Some(false));
    // Once is not enough.
    assert_eq!(reused("/api/v1/b").await, Some(false));
    assert_eq!(reused("/api/v1/a").await, Some(true));
    for path in ["/api/v1/c", "/api/v1/c/d"] {
        assert_eq!(reused(path).await, Some(true), "{path}");
    }
    for path in ["/api/v2/a", "/api/v1", "/x"] {
        assert_eq!(reused(path).await, Some(false), "{path}");
    }
    assert_eq!(world.spent().await, Msat::from_sat(50 * 5));
    // What it does not cover, it is not sent to for ever: a refusal leaves it where it works.
    seller.plan().replies = vec![Reply::Challenge(402); 2];
    assert_eq!(reused("/api/v1/e").await, Some(false));
    assert_eq!(reused("/api/v1/a").await, Some(true));
}

// FAULTS C15: the host that the caller sets by hand is part of the place.
#[tokio::test]
async fn a_host_by_hand_is_another_place() {
    let world = World::new().await;
    world.server.plan().policy = HOUR;
    let get = async |host: Option<&'static str>| {
        let mut request = Request::get(world.server.url("/sub/a"));
        if let Some(host) = host {
            request
                .headers
                .insert("host", HeaderValue::from_static(host));
        }
        let answer = world.client().send(request).await.unwrap();
        let reused = answer.receipt().unwrap().reused;
        answer.bytes(100).await.unwrap();
        reused
    };
    for (host, reused) in [
        (Some("a.example"), false),
        (Some("b.example"), false),
        (None, false),
        (Some("A.example"), true),
        (Some("b.example"), true),
        (None, true),
    ] {
        assert_eq!(get(host).await, reused, "{host:?}");
    }
    let seen = world.server.seen();
    assert_eq!(
        seen.headers.last().unwrap()["host"].to_str().unwrap().len(),
        15
    );
}

/// Two programs behind one origin: one that fails at a token of the other's still sells.
#[tokio::test]
async fn a_server_that_fails_at_a_guessed_token_is_bought_from() {
    for status in [400, 500] {
        let world = World::new().await;
        let seller = Foreign::open(&world.sandbox);
        for path in ["/a", "/a", "/a"] {
            fetch(&world.client(), seller.url(path)).await.unwrap();
        }
        seller.plan().replies = vec![Reply::Status(status)];
        let fetched = fetch(&world.client(), seller.url("/app/x")).await.unwrap();
        assert_eq!(
            (fetched.status, fetched.reused),
            (200, Some(false)),
            "{status}"
        );
        // It stays good where it works.
        let fetched = fetch(&world.client(), seller.url("/a")).await.unwrap();
        assert_eq!(fetched.reused, Some(true), "{status}");
        assert_eq!(world.spent().await, Msat::from_sat(100));
    }
}

/// A failure that ends by itself, or an answer to the request, costs nothing at a path that may be
/// covered.
#[tokio::test]
async fn an_outage_at_a_path_that_may_be_covered_buys_nothing() {
    for status in [404, 422, 503] {
        let world = World::new().await;
        let seller = Foreign::open(&world.sandbox);
        for _ in 0..3 {
            fetch(&world.client(), seller.url("/a")).await.unwrap();
        }
        seller.plan().replies = vec![Reply::Status(status)];
        match fetch(&world.client(), seller.url("/b")).await {
            Ok(fetched) => assert_eq!((fetched.status, fetched.reused), (status, Some(true))),
            Err(error) => assert_eq!(error.code(), "paid_but_failed", "{error}"),
        }
        assert_eq!(world.spent().await, Msat::from_sat(50));
    }
}

/// Two headers are a place of their own, since a server may read either. One that the URL makes by
/// itself names no other place.
#[tokio::test]
async fn a_host_by_hand_counts_as_it_is_sent() {
    let world = World::new().await;
    world.server.plan().policy = HOUR;
    let own = world.server.origin.trim_start_matches("http://").to_owned();
    let get = async |hosts: &[&str]| {
        let mut request = Request::get(world.server.url("/sub/a"));
        for host in hosts {
            let value = HeaderValue::try_from(*host).unwrap();
            request.headers.append("host", value);
        }
        let answer = world.client().send(request).await.unwrap();
        let reused = answer.receipt().map(|receipt| receipt.reused);
        answer.bytes(100).await.unwrap();
        reused
    };
    assert_eq!(get(&["a.example"]).await, Some(false));
    assert_eq!(get(&["a.example", "b.example"]).await, Some(false));
    assert_eq!(get(&[]).await, Some(false));
    assert_eq!(get(&[&own]).await, Some(true));
}

/// Fetches another path as soon as a payment is told, and waits for the answer.
struct Meanwhile {
    client: Client,
    url: url::Url,
    reused: Mutex<Option<bool>>,
}

impl Progress for Meanwhile {
    fn event(&self, event: &Event) {
        if !matches!(event, Event::Paid { .. }) {
            return;
        }
        let (client, url) = (self.client.clone(), self.url.clone());
        let fetching = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = { runtime }.enable_all().build().expect("a runtime");
            runtime.block_on(fetch(&client, url)).expect("an answer")
        });
        *self.reused.lock().expect("no panic before") = fetching.join().expect("no panic").reused;
    }
}

/// From the moment that its payment is known, a token for one answer is its own call's: another
/// call would use it up, and this one would take that for a refusal of the seller.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_just_paid_is_left_to_its_call() {
    let world = World::new().await;
    let meanwhile = Arc::new(Meanwhile {
        client: world.client(),
        url: world.server.url("/sub/b"),
        reused: Mutex::default(),
    });
    let client = world.builder().progress(meanwhile.clone()).build().unwrap();
    let fetched = world.fetch(&client, "/sub/a").await.unwrap();
    assert_eq!((fetched.status, fetched.reused), (200, Some(false)));
    assert_eq!(*meanwhile.reused.lock().unwrap(), Some(false));
    assert_eq!(world.states(), [State::Served, State::Served]);
}
