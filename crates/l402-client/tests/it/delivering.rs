//! Answers that the caller had and could not deliver: kept, and handed out again.

use std::time::Duration;

use l402::Msat;
use l402_client::{Request, Response, State};

use crate::server::Trouble;
use crate::world::{Watch, World};

const LONG: Trouble = Trouble::Answer(200, "x-kind", "long");

async fn send(world: &World, path: &str) -> Response {
    let request = Request::get(world.server.url(path));
    world.client().send(request).await.expect("an answer")
}

/// Reads one piece, and gives the rest up to be kept.
async fn keep(mut answer: Response) -> bool {
    let begun = answer.chunk().await.expect("a piece").expect("no end");
    answer.keep_rest(begun.to_vec()).await
}

// FAULTS C9: an answer that was had, and not delivered.
#[tokio::test]
async fn an_answer_that_could_not_be_delivered_is_handed_out_by_the_next_call() {
    let world = World::new().await;
    world.server.plan().troubles = vec![LONG];
    assert!(keep(send(&world, "/joke?a").await).await);
    assert_eq!(world.states(), [State::Served]);
    let requests = || world.server.seen().methods.len();
    let seen = requests();
    // A second reader who goes away loses nothing either.
    assert!(keep(send(&world, "/joke?a").await).await);
    let watch = Watch::new(true);
    let client = world.builder().progress(watch.clone()).build().unwrap();
    let request = Request::get(world.server.url("/joke?a"));
    let answer = client.send(request).await.unwrap();
    assert!(watch.told()[0].starts_with("Redelivered"));
    assert_eq!(answer.headers()["x-kind"], "long");
    assert_eq!(answer.url(), &world.server.url("/joke?a"));
    let receipt = answer.receipt().unwrap();
    assert_eq!((receipt.reused, receipt.paid), (true, Msat::from_sat(50)));
    assert_eq!(answer.bytes(1 << 20).await.unwrap().len(), 300_000);
    assert_eq!(requests(), seen);
    // Delivered once, it is bought anew.
    let answer = send(&world, "/joke?a").await;
    assert!(!answer.receipt().unwrap().reused);
}

#[tokio::test]
async fn a_kept_answer_is_for_the_same_request_alone_and_for_a_day() {
    let world = World::new().await;
    world.server.plan().troubles = vec![LONG];
    assert!(keep(send(&world, "/joke?a").await).await);
    let mut others = vec![
        Request::get(world.server.url("/joke?b")),
        Request::new(http::Method::POST, world.server.url("/joke?a")),
        Request::get(world.server.url("/joke?a")).with_body("x"),
    ];
    let mut with_header = Request::get(world.server.url("/joke?a"));
    let german = http::HeaderValue::from_static("de");
    with_header.headers.insert("accept-language", german);
    others.push(with_header);
    for request in others {
        let answer = world.client().send(request).await.unwrap();
        assert!(!answer.receipt().unwrap().reused);
        assert_eq!(answer.bytes(100).await.unwrap(), "a joke");
    }
    world.clock.advance(Duration::from_secs(24 * 60 * 60));
    let answer = send(&world, "/joke?a").await;
    assert!(!answer.receipt().unwrap().reused);
}

/// Nothing is kept of an answer that may have no end, breaks off, or leaves the purchase unused.
#[tokio::test]
async fn what_cannot_be_kept_leaves_the_purchase_paid() {
    for trouble in [
        Trouble::Answer(200, "content-type", "text/event-stream; long"),
        Trouble::Reset,
        Trouble::Answer(404, "x-kind", "long"),
    ] {
        let world = World::new().await;
        world.server.plan().troubles = vec![trouble];
        let answer = send(&world, "/joke").await;
        assert!(!answer.keep_rest(Vec::new()).await, "{trouble:?}");
        assert_eq!(world.states(), [State::Paid], "{trouble:?}");
        let answer = send(&world, "/joke").await;
        assert!(answer.receipt().unwrap().reused);
        assert_eq!(answer.bytes(100).await.unwrap(), "a joke");
    }
}

#[tokio::test]
async fn a_free_answer_is_not_kept() {
    let world = World::new().await;
    assert!(!send(&world, "/free").await.keep_rest(Vec::new()).await);
    assert!(!world.folder().join("answers").exists());
}

/// An answer behind a redirect that has used the payment up cannot be had again, so it is kept as well.
#[tokio::test]
async fn an_answer_behind_a_used_up_payment_is_kept() {
    let world = World::new().await;
    let client = || world.builder().follow_redirects(true).build().unwrap();
    let get = async |client: l402_client::Client| {
        let request = Request::get(world.server.url("/leads-on?/free-and-long"));
        client.send(request).await.unwrap()
    };
    assert!(keep(get(client()).await).await);
    // Who does not follow redirects has asked for something else.
    let unfollowed = get(world.client()).await;
    assert_eq!(unfollowed.status(), 302);
    drop(unfollowed);
    let spent = world.spent().await;
    let answer = get(client()).await;
    assert!(answer.receipt().unwrap().reused);
    assert_eq!(answer.bytes(1 << 20).await.unwrap().len(), 300_000);
    assert_eq!(world.spent().await, spent);
}
