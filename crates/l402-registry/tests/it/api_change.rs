//! Submissions, claims and reviews over the API.

use serde_json::json;

use crate::world::{World, request};

/// Starts a seller who asks for money at `/joke`, and for none elsewhere.
fn seller() -> l402_testkit::TestServer {
    l402_testkit::TestServer::start(async |request: http::Request<hyper::body::Incoming>| {
        let is_sold = request.uri().path() == "/joke";
        let challenge = r#"L402 macaroon="AgEEbHNhdA==", invoice="lnbc1""#;
        http::Response::builder()
            .status(if is_sold { 402 } else { 200 })
            .header("www-authenticate", challenge)
            .body(http_body_util::Full::new(hyper::body::Bytes::new()))
            .expect("an answer")
    })
}

#[tokio::test]
async fn a_submission_lists_what_asks_for_money_and_says_why_it_lists_nothing() {
    let world = World::new();
    let seller = seller();
    let submit = async |path: &str| {
        let url = format!("http://{}{path}", seller.address());
        let body = json!({"url": url, "name": "Jokes", "tags": ["fun"], "price_msat": 50_000});
        world.send("POST", "/api/v1/services", "", &body).await
    };
    let listed = submit("/joke").await;
    assert_eq!(listed.status, 201, "{listed:?}");
    let listed = listed.json()["listings"][0].clone();
    assert_eq!(listed["new"], true);
    let path = format!(
        "/api/v1/services/{}",
        listed["id"].as_str().expect("a name")
    );
    let service = world.get(&path).await.json();
    assert_eq!(
        (&service["name"], &service["claimed_price_msat"]),
        (&json!("Jokes"), &json!(50_000))
    );

    let again = submit("/joke").await;
    assert_eq!(
        (again.status.as_u16(), &again.json()["listings"][0]["new"]),
        (200, &json!(false))
    );
    assert_eq!(submit("/free").await.status, 422);
    let refused = world
        .send("POST", "/api/v1/services", "", &json!({"url": "nonsense"}))
        .await;
    assert_eq!(refused.problem(), (422, "bad_input".to_owned()));
    assert_eq!(refused.json()["field"], "url");
}

#[tokio::test]
async fn the_feed_and_the_export_hold_every_listing() {
    let world = World::new();
    for number in 0..3 {
        let url = format!("https://api.example.com/joke/{number}");
        world.add(&url, "Jokes <b>", 1_000).await;
    }
    let feed = world.get("/feed.xml").await;
    assert_eq!(feed.header("content-type"), "application/atom+xml");
    let feed = String::from_utf8(feed.body).expect("a text");
    assert_eq!(feed.matches("<entry>").count(), 3, "{feed}");
    assert!(!feed.contains("<b>"), "{feed}");

    // No part of the API, unless a program adds it.
    assert_eq!(world.get("/api/v1/export.json").await.status, 404);
    let export = l402_registry::export_router(world.registry.clone());
    for (path, kind) in [
        ("json", "application/json"),
        ("csv", "text/csv; charset=utf-8"),
    ] {
        let request =
            request("GET", &format!("/api/v1/export.{path}")).body(axum::body::Body::empty());
        let answer = tower::ServiceExt::oneshot(export.clone(), request.expect("a request")).await;
        let (head, body) = answer.expect("an answer").into_parts();
        assert_eq!(head.headers["content-type"], kind);
        let body = http_body_util::BodyExt::collect(body)
            .await
            .expect("a whole body");
        let text = String::from_utf8(body.to_bytes().to_vec()).expect("a text");
        assert_eq!(
            text.matches("https://api.example.com/joke/").count(),
            3,
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_claim_waits_for_its_proof_and_strangers_change_nothing() {
    let world = World::new();
    let id = world
        .add("https://api.example.com/joke", "Jokes", 50_000)
        .await;
    let path = format!("/api/v1/services/{id}");
    let claims = format!("{path}/claims");
    let ticket = world
        .send("POST", &claims, "", &json!({"proof": "file"}))
        .await;
    assert_eq!(
        (ticket.status.as_u16(), ticket.header("cache-control")),
        (201, "no-store")
    );
    let ticket = ticket.json();
    let nonce = ticket["nonce"].as_str().expect("a name");
    assert!(nonce.starts_with("registry.example:"), "{nonce}");
    let refused = world
        .send("POST", &claims, "", &json!({"proof": "word"}))
        .await;
    assert_eq!(refused.problem(), (400, "bad_body".to_owned()));

    let finish = format!("/api/v1/claims/{nonce}");
    let refused = world.send("POST", &finish, "", &json!({})).await;
    assert_eq!(refused.problem(), (401, "key_missing".to_owned()));
    assert_eq!(refused.header("www-authenticate"), "Bearer");
    let other = format!("Bearer {}", "0".repeat(64));
    let refused = world.send("POST", &finish, &other, &json!({})).await;
    assert_eq!(refused.problem(), (403, "not_proved".to_owned()));

    let edit = world
        .send("PATCH", &path, &other, &json!({"name": "Mine"}))
        .await;
    assert_eq!(edit.problem(), (403, "not_proved".to_owned()));
    for (method, path) in [
        ("DELETE", path.clone()),
        ("DELETE", format!("{path}/owner")),
        ("POST", format!("{path}/transfer")),
    ] {
        let refused = world.send(method, &path, &other, &json!({})).await;
        assert_eq!(
            refused.problem(),
            (403, "not_proved".to_owned()),
            "{method} {path}"
        );
    }
    assert_eq!(world.get(&path).await.json()["name"], "Jokes");
}

#[tokio::test]
async fn a_review_needs_a_payment_and_never_a_token() {
    let world = World::new();
    let id = world
        .add("https://api.example.com/joke", "Jokes", 50_000)
        .await;
    let path = format!("/api/v1/services/{id}/reviews");
    assert_eq!(world.get(&path).await.json(), json!({"reviews": []}));
    let body = json!({"invoice": "lnbc1", "preimage": "00", "stars": 5, "token": "AgEEbHNhdA=="});
    let refused = world.send("POST", &path, "", &body).await;
    assert_eq!(refused.problem(), (422, "bad_input".to_owned()));
    assert!(
        refused.json()["detail"]
            .as_str()
            .is_some_and(|it| it.contains("never send the token"))
    );
    let body = json!({"invoice": "lnbc1", "preimage": "00", "stars": 5});
    assert_eq!(world.send("POST", &path, "", &body).await.status, 422);
    let hash = "0".repeat(64);
    let missing = world
        .ask(request("POST", &format!("{path}/{hash}/abuse")), "")
        .await;
    assert_eq!(missing.problem(), (404, "not_found".to_owned()));
}
