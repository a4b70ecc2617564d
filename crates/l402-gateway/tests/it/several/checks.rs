//! Checks of upstreams by the gateway itself.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::replica::{Replica, free, routes_to, until, until_answered_by};
use crate::harness::{QUIET, serve, upstream, whole};
use crate::upstream::PATIENCE;

#[tokio::test(flavor = "multi_thread")]
async fn one_that_fails_its_checks_gets_nothing_until_it_passes_them() {
    let (a, b) = (Replica::start('a'), Replica::start('b'));
    let checks = "[health]\npath = \"/healthz\"\nevery_secs = 1\nhealthy = 2\nunhealthy = 2\n";
    let text = routes_to(&[&a, &b], checks);
    let server = serve(&text).await;
    until("both are checked", || a.checks() > 0 && b.checks() > 0).await;
    until_answered_by(&server, "a").await;
    a.set_well(false);
    // The first of these may have been on its way. Then two fail.
    let before = a.checks();
    until("it has failed", || a.checks() > before + 3).await;
    let served = a.served();
    for _ in 0..20 {
        assert_eq!(free(&server).await, "b");
    }
    assert_eq!(a.served(), served, "it would have answered");
    // One task checks, for two workers and three routes.
    let (before, begun) = (a.checks(), Instant::now());
    until("it is checked on", || a.checks() >= before + 3).await;
    let took = begun.elapsed();
    assert!(took > Duration::from_millis(1500), "{took:?}");
    a.set_well(true);
    until_answered_by(&server, "a").await;
    b.set_well(false);
    a.set_well(false);
    let unsold = async {
        while server.get("/x", None).await.status() != 503 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, unsold).await.expect("both are down");
    let before = a.served() + b.served();
    let refused = server.get("/free", None).await;
    assert_eq!(refused.code(), "upstream_unavailable");
    assert_eq!(a.served() + b.served(), before);
    // A reload without the checks serves both at once, and nobody asks for `/healthz` any more.
    assert!(server.reload(&routes_to(&[&a, &b], "")).is_ok());
    assert_eq!(server.get("/x", None).await.status(), 402);
    free(&server).await;
    let elsewhere = Replica::start('c');
    let text = routes_to(&[&elsewhere], checks);
    assert!(server.reload(&text).is_ok());
    until("the new one is checked", || elsewhere.checks() > 0).await;
    let before = a.checks() + b.checks();
    let now = elsewhere.checks();
    until("it is checked on", || elsewhere.checks() >= now + 2).await;
    assert_eq!(a.checks() + b.checks(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_go_over_http2_too_and_a_route_may_have_none() {
    let address = upstream(true, |request| async move {
        let status = if request.uri().path() == "/healthz" {
            503
        } else {
            200
        };
        whole(status, "answered")
    })
    .await;
    let route = |path: &str, more: &str| {
        format!("[[route]]\npath = \"{path}\"\nfree = true\nupstream = \"h2c://{address}\"\n{more}")
    };
    let text = "[health]\npath = \"/healthz\"\nevery_secs = 1\n".to_owned()
        + &route("/checked", "")
        + &route("/unchecked", "[route.health]\npath = \"\"\n");
    let server = serve(&(QUIET.to_owned() + &text)).await;
    let down = async {
        while server.get("/checked", None).await.status() != 503 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, down)
        .await
        .expect("its first check fails");
    let answer = server.get("/checked", None).await;
    assert_eq!(answer.code(), "upstream_unavailable");
    let answer = server.get("/unchecked", None).await;
    assert_eq!((answer.status(), answer.text().as_str()), (200, "answered"));
}
