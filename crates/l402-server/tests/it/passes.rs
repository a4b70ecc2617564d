//! Passes at the paywall itself: the flag on a refusal, and the tower layer.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::routing::any;
use http::{HeaderMap, Request};
use l402::Challenge;
use l402_server::{CanonicalRequest, PaywallLayer, Unlock, Unlocked};

use crate::world::{World, send};

const PEER: [u8; 4] = [192, 0, 2, 1];

/// Buys at a path, and returns the cookie.
async fn pass(world: &World, path: &str) -> String {
    let challenge = world.get(path).await.challenge();
    let preimage = world.pay(&challenge).await;
    let unlock = Unlock {
        token: challenge.token(),
        path,
        preimage: Some(preimage),
        peer: PEER.into(),
        tells_site: true,
    };
    let unlocked = world.paywall.unlock(&world.snapshot, unlock).await;
    let Ok(Unlocked::Settled(pass)) = unlocked else {
        panic!("{unlocked:?}");
    };
    assert_eq!(format!("{pass:?}"), "Pass(secret)");
    let mut headers = HeaderMap::new();
    pass.write(&world.snapshot, &HeaderMap::new(), true, &mut headers);
    let line = headers["set-cookie"].to_str().expect("text");
    line.split(';').next().expect("a pair").to_owned()
}

fn request(method: &str, path: &str, cookie: &str, site: &str) -> Request<Body> {
    let request = Request::builder().method(method).uri(path);
    let request = request.header("cookie", cookie);
    let request = request.header("sec-fetch-site", site);
    request.body(Body::empty()).expect("a request")
}

/// Returns true if the refusal of a request says that the browser has a pass.
async fn has_pass(world: &World, method: &str, path: &str, cookie: &str, site: &str) -> bool {
    let (head, _) = request(method, path, cookie, site).into_parts();
    let request = CanonicalRequest::from_parts(&head, PEER.into()).expect("one reading");
    let refusal = world.paywall.admit(&world.snapshot, &request).await;
    let refusal = refusal.expect_err("it is not let in");
    assert_eq!(refusal.status(), 402);
    refusal.has_pass()
}

#[tokio::test]
async fn a_page_may_say_that_the_browser_has_paid_only_if_it_has() {
    let world = World::new();
    let (three, joke) = (
        pass(&world, "/three").await,
        pass(&world, "/joke?a=1").await,
    );
    for site in ["cross-site", "same-site"] {
        assert!(has_pass(&world, "GET", "/three", &three, site).await);
        assert!(has_pass(&world, "HEAD", "/joke?a=1", &joke, site).await);
        for (method, path, cookie) in [
            ("GET", "/joke?a=2", &joke),
            ("GET", "/hour", &three),
            ("POST", "/three", &three),
            ("GET", "/three", &joke),
            ("GET", "/three", &"__Host-l402-12345678=AQAB".to_owned()),
        ] {
            assert!(
                !has_pass(&world, method, path, cookie, site).await,
                "{path}"
            );
        }
    }
    // Spent: the refusal says `consumed`, and not that a link would lead on.
    for _ in 0..3 {
        let answer = world.send(request("GET", "/three", &three, "none")).await;
        assert_eq!(answer.status, 200);
    }
    assert!(!has_pass(&world, "GET", "/three", &three, "none").await);
}

/// ATTACKS T-35: the tower layer takes passes off as the gateway does.
#[tokio::test]
async fn a_service_behind_the_layer_sees_no_pass() {
    let world = World::new();
    let echo = pass(&world, "/echo/a").await;
    let sent = request("GET", "/echo/a", &echo, "same-origin");
    let answer = world.send(sent).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.text(), "/echo/a sec-fetch-site");
    let again = pass(&world, "/echo/a").await;
    let sent = request("GET", "/echo/a", &format!("a=1; {again}"), "same-origin");
    assert_eq!(
        world.send(sent).await.text(),
        "/echo/a cookie,sec-fetch-site"
    );
}

#[tokio::test]
async fn a_token_that_is_too_long_for_a_cookie_is_told_so() {
    let world = World::new();
    let challenge: Challenge = world.get("/hour").await.challenge();
    let preimage = world.pay(&challenge).await;
    let mut token = l402::Macaroon::from_base64(challenge.token()).expect("a token");
    for _ in 0..40 {
        token = token.with_caveat(&[b'x'; 90]).expect("room");
    }
    let unlock = Unlock {
        token: &token.to_base64(),
        path: "/hour",
        preimage: Some(preimage),
        peer: PEER.into(),
        tells_site: true,
    };
    let refusal = world.paywall.unlock(&world.snapshot, unlock).await;
    let refusal = refusal.expect_err("no cookie is as long");
    assert_eq!(refusal.status(), 400);
    assert!(refusal.detail().contains("Authorization"));
}

/// Sends `/joke?a=1` on to `/joke?a=2`.
async fn leading(request: Request<Body>) -> http::Response<String> {
    let response = http::Response::builder();
    match request.uri().query() {
        Some("a=1") => response
            .status(302)
            .header("location", "?a=2")
            .body(String::new()),
        _ => response.body("a joke".to_owned()),
    }
    .expect("a response")
}

/// A redirect costs nothing, so it must not take away what was paid.
#[tokio::test]
async fn a_pass_goes_along_with_a_redirect_through_the_layer() {
    let world = World::new();
    let layer = PaywallLayer::new(world.paywall.clone(), Arc::clone(&world.snapshot));
    let app = Router::new().route("/joke", any(leading)).layer(layer);
    let first = pass(&world, "/joke?a=1").await;
    let moved = send(&app, request("GET", "/joke?a=1", &first, "none")).await;
    assert_eq!(moved.status, 302, "{}", moved.text());
    let line = moved.headers["set-cookie"].to_str().expect("text");
    assert!(
        line.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax"),
        "{line}"
    );
    let second = line.split(';').next().expect("a pair");
    assert_eq!(second.split('=').next(), first.split('=').next());
    let other = send(&app, request("GET", "/joke?a=2", &first, "none")).await;
    assert_eq!(other.status, 402);
    let goods = send(&app, request("GET", "/joke?a=2", second, "none")).await;
    assert_eq!((goods.status.as_u16(), goods.text()), (200, "a joke"));
    for (path, cookie) in [("/joke?a=2", second), ("/joke?a=1", &*first)] {
        let again = send(&app, request("GET", path, cookie, "none")).await;
        assert_eq!(again.code(), (402, "consumed".to_owned()));
    }
}
