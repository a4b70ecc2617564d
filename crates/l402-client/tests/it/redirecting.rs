//! Redirects: followed when told to, and never with a secret into another origin.

use l402::Msat;
use l402_client::{Error, Request};

use crate::server::PaidServer;
use crate::world::{World, fetch};

#[tokio::test]
async fn a_redirect_is_an_answer_unless_told_to_follow() {
    let world = World::new().await;
    let url = world.server.url("/to/302?/joke");
    assert_eq!(
        fetch(&world.client(), url.clone()).await.unwrap().status,
        302
    );
    let client = world.builder().follow_redirects(true).build().unwrap();
    assert_eq!(fetch(&client, url).await.unwrap().body, "a joke");
    assert_eq!(world.entries()[0].path, "/joke");
}

#[tokio::test]
async fn another_origin_that_asks_for_money_after_a_redirect_gets_none() {
    let world = World::new().await;
    let other = PaidServer::open(&world.sandbox, &world.clock);
    let client = world.builder().follow_redirects(true).build().unwrap();
    let mut request = Request::get(world.server.url(&format!("/to/307?{}joke", other.url("/"))));
    request.headers.insert(
        "authorization",
        http::HeaderValue::from_static("Bearer mine"),
    );
    request
        .headers
        .insert("cookie", http::HeaderValue::from_static("a=b"));
    let error = client.send(request).await.unwrap_err();
    assert_eq!(error.code(), "redirected_across_origins", "{error}");
    {
        let seen = other.seen();
        assert_eq!((seen.asked, seen.presented), (1, 0));
        let headers = &seen.headers[0];
        assert!(!headers.contains_key("authorization") && !headers.contains_key("cookie"));
    }
    assert_eq!(world.spent().await, Msat::ZERO);
}

#[tokio::test]
async fn a_paid_answer_that_leads_away_carries_no_credential_along() {
    let world = World::new().await;
    let other = PaidServer::open(&world.sandbox, &world.clock);
    let client = world.builder().follow_redirects(true).build().unwrap();
    let url = world
        .server
        .url(&format!("/leads-on?{}", other.url("/free")));
    let answer = client.send(Request::get(url)).await.unwrap();
    assert!(!answer.receipt().unwrap().reused);
    assert_eq!(answer.bytes(100).await.unwrap(), "free");
    assert_eq!(other.seen().presented, 0);
}

#[tokio::test]
async fn one_call_pays_once_along_all_redirects() {
    let world = World::new().await;
    let client = world.builder().follow_redirects(true).build().unwrap();
    let error = fetch(&client, world.server.url("/leads-on?/joke"))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::PaidButFailed { .. }), "{error}");
    assert_eq!(world.spent().await, Msat::from_sat(50));
}

#[tokio::test]
async fn a_circle_ends() {
    let world = World::new().await;
    let client = world.builder().follow_redirects(true).build().unwrap();
    // An empty location leads to where one is.
    let round = world.server.url("/to/302?");
    assert!(matches!(
        fetch(&client, round).await,
        Err(Error::Transport { .. })
    ));
}

#[tokio::test]
async fn a_method_is_kept_where_its_user_forced_it() {
    for (keep, then) in [(true, http::Method::POST), (false, http::Method::GET)] {
        let world = World::new().await;
        let builder = world.builder().follow_redirects(true);
        let client = builder.keep_method_on_redirect(keep).build().unwrap();
        let mut request = Request::get(world.server.url("/to/302?/free"));
        request.method = http::Method::POST;
        let answer = client.send(request).await.unwrap();
        assert_eq!(answer.bytes(100).await.unwrap(), "free");
        assert_eq!(world.server.seen().methods, [http::Method::POST, then]);
    }
}

// FAULTS T7: the heads of all answers on the way.
#[tokio::test]
async fn the_heads_of_redirects_are_kept() {
    let world = World::new().await;
    let client = world.builder().follow_redirects(true).build().unwrap();
    let url = world.server.url("/to/307?/to/301?/free");
    let answer = client.send(Request::get(url)).await.unwrap();
    let heads: Vec<_> = answer.redirects().iter().map(|head| head.status).collect();
    assert_eq!(heads, [307, 301]);
    assert_eq!(answer.redirects()[0].headers["location"], "/to/301?/free");
    assert_eq!(answer.head().reason, b"OK");
}
