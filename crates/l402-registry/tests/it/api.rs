//! The API as its readers meet it: searches, single services, refusals, and the gate before them.

use std::time::Duration;

use serde_json::json;

use crate::world::{ADMIN, World, request};

#[tokio::test]
async fn a_search_has_402indexs_shape_and_pages_by_cursor() {
    let world = World::new();
    for number in 0..5_u64 {
        let url = format!("https://api.example.com/joke/{number}");
        world.add(&url, "Jokes", 1_000 * (number + 1)).await;
        world.clock.advance(Duration::from_secs(1));
    }
    let mut path = "/api/v1/services?q=joke&sort=newest&limit=2".to_owned();
    let mut urls = Vec::new();
    for _ in 0..3 {
        let page = world.get(&path).await.json();
        assert_eq!((&page["total"], &page["limit"]), (&json!(5), &json!(2)));
        let services = page["services"].as_array().expect("a list");
        urls.extend(services.iter().map(|it| it["url"].clone()));
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/api/v1/services?q=joke&sort=newest&limit=2&after={next}");
    }
    let wanted = (0..5)
        .rev()
        .map(|it| json!(format!("https://api.example.com/joke/{it}")));
    assert_eq!(urls, wanted.collect::<Vec<_>>());
}

#[tokio::test]
async fn readers_of_402index_can_ask_with_their_words() {
    let world = World::new();
    world
        .add("https://api.example.com/joke", "Jokes", 50_000)
        .await;
    let found = world
        .get("/api/v1/services?health=unknown&q=jokes")
        .await
        .json();
    assert_eq!(found["total"], 1);
    let found = world
        .get("/api/v1/services?health=healthy,degraded&health=down")
        .await
        .json();
    assert_eq!(found["total"], 0);
    let found = world.get("/api/v1/services?protocol=L402").await;
    assert_eq!(found.status, 200);
    let refused = world.get("/api/v1/services?offset=50").await;
    assert_eq!(refused.problem(), (400, "bad_parameter".to_owned()));
    assert!(
        refused.json()["detail"]
            .as_str()
            .is_some_and(|it| it.contains("`after`"))
    );
}

#[tokio::test]
async fn a_service_has_a_tag_and_is_not_sent_twice() {
    let world = World::new();
    let id = world
        .add("https://api.example.com/joke", "Jokes", 50_000)
        .await;
    let path = format!("/api/v1/services/{id}");
    let first = world.get(&path).await;
    let tag = first.header("etag").to_owned();
    assert_eq!(first.json()["id"], id.to_string());
    assert_eq!(first.header("cache-control"), "no-cache");
    for known in [
        tag.clone(),
        format!("W/{tag}"),
        format!("\"other\", {tag}"),
        "*".to_owned(),
    ] {
        let again = world
            .ask(request("GET", &path).header("if-none-match", &known), "")
            .await;
        assert_eq!(
            (again.status.as_u16(), again.body.len()),
            (304, 0),
            "{known}"
        );
        assert_eq!(again.header("etag"), tag);
    }
    let body = json!({"id": id.to_string(), "reason": "none"});
    world.send("POST", "/api/v1/admin/hide", ADMIN, &body).await;
    let changed = world
        .ask(request("GET", &path).header("if-none-match", &tag), "")
        .await;
    assert_eq!(changed.status, 410);
}

#[tokio::test]
async fn a_head_request_is_answered_without_a_body() {
    let world = World::new();
    world
        .add("https://api.example.com/joke", "Jokes", 50_000)
        .await;
    let whole = world.get("/api/v1/services").await;
    let head = world.ask(request("HEAD", "/api/v1/services"), "").await;
    assert_eq!((head.status, head.body.len()), (whole.status, 0));
    assert_eq!(head.header("etag"), whole.header("etag"));
}

// ATTACKS G-11: huge numbers, huge queries, and text of SQL or of the index reach nothing.
#[tokio::test]
async fn hostile_searches_are_refused_or_find_nothing() {
    let world = World::new();
    world
        .add("https://api.example.com/joke", "Jokes", 50_000)
        .await;
    for query in [
        "limit=1000000000",
        "limit=0",
        "limit=-1",
        "limit=%2B5",
        "limit=99999999999999999999999",
        "limit=5&limit=6",
        "after=1000000000",
        "after=newest.1.0000000000000000",
        "after=relevance.99999999999999999999.0000000000000000",
        "price_to_msat=99999999999999999999",
        "max_price_sat=2100000000000001",
        "category='%20OR%201=1",
        "sort=id;DROP%20TABLE%20listing",
        "state=up'--",
        "node=zz",
        "host=",
        "owned=maybe",
        "page=1000000000",
        "q=joke&q=joke",
    ] {
        let refused = world.get(&format!("/api/v1/services?{query}")).await;
        assert_eq!(
            refused.problem(),
            (400, "bad_parameter".to_owned()),
            "{query}"
        );
        let name = query.split('=').next().expect("a name");
        assert_eq!(refused.json()["field"], name, "{query}");
    }
    for text in [
        "'; DROP TABLE listing; --",
        "\" OR 1=1",
        "jokes* NOT",
        "NEAR(a b)",
        "name:jokes",
        "^jokes",
        "((((",
        "\u{0}\u{202e}",
        "% _ \\",
    ] {
        let query: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let found = world.get(&format!("/api/v1/services?q={query}")).await;
        assert_eq!(found.status, 200, "{text}");
    }
    // A server of HTTP refuses longer ones itself.
    let long = "a".repeat(60_000);
    let refused = world.get(&format!("/api/v1/services?q={long}")).await;
    assert_eq!(refused.problem(), (414, "query_too_long".to_owned()));
    let parameters = "state=up&".repeat(400);
    let refused = world.get(&format!("/api/v1/services?{parameters}")).await;
    assert_eq!(refused.status, 400);
    assert_eq!(world.get("/api/v1/services").await.json()["total"], 1);
}

#[tokio::test]
async fn names_that_are_none_are_refused() {
    let world = World::new();
    for id in [
        "0",
        "0123456789ABCDEF",
        "0123456789abcdef0",
        "%ff",
        "..%2f..%2fetc",
    ] {
        let refused = world.get(&format!("/api/v1/services/{id}")).await;
        assert_eq!(refused.problem(), (400, "bad_parameter".to_owned()), "{id}");
    }
    let missing = world.get("/api/v1/services/0123456789abcdef").await;
    assert_eq!(missing.problem(), (404, "not_found".to_owned()));
    let missing = world.get("/api/v1/services/0123456789abcdef/history").await;
    assert_eq!(missing.problem(), (404, "not_found".to_owned()));
    let nothing = world.get("/api/v2/services").await;
    assert_eq!(nothing.problem(), (404, "no_such_path".to_owned()));
    let refused = world.get("/api/v1/categories?page=2").await;
    assert_eq!(refused.problem(), (400, "bad_parameter".to_owned()));
}

#[tokio::test]
async fn a_method_that_a_path_does_not_answer_is_named() {
    let world = World::new();
    let refused = world.ask(request("PUT", "/api/v1/services"), "").await;
    assert_eq!(refused.problem(), (405, "method".to_owned()));
    assert_eq!(refused.header("allow"), "GET, HEAD, POST");
    let refused = world
        .ask(request("OPTIONS", "/api/v1/categories"), "")
        .await;
    assert_eq!(refused.problem(), (405, "method".to_owned()));
    assert_eq!(refused.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn only_names_of_the_registry_are_answered() {
    let world = World::new();
    let ask = async |host: &str| {
        let request = http::Request::builder()
            .uri("/api/v1/health")
            .header("host", host);
        world.ask(request, "").await.status.as_u16()
    };
    for host in [
        "registry.example",
        "REGISTRY.example:443",
        "127.0.0.1:8406",
        "localhost:8406",
        "[::1]:8406",
    ] {
        assert_eq!(ask(host).await, 200, "{host}");
    }
    for host in [
        "evil.example",
        "registry.example.evil.example",
        "registry.example:8406",
        "localhost",
        "127.0.0.1:80",
        "evil.example:8406",
        "",
    ] {
        assert_eq!(ask(host).await, 421, "{host}");
    }
    let without = http::Request::builder().uri("/api/v1/health");
    assert_eq!(
        world.ask(without, "").await.problem(),
        (421, "wrong_host".to_owned())
    );
    let twice = request("GET", "/api/v1/health").header("host", "registry.example");
    assert_eq!(world.ask(twice, "").await.status, 421);
    let other = request("GET", "http://evil.example/api/v1/health");
    assert_eq!(world.ask(other, "").await.status, 421);
}

#[tokio::test]
async fn pages_of_other_origins_read_and_change_nothing() {
    let world = World::new();
    let id = world
        .add("https://api.example.com/joke", "Jokes", 50_000)
        .await;
    let read = request("GET", "/api/v1/services").header("origin", "https://evil.example");
    let read = world.ask(read, "").await;
    assert_eq!(
        (
            read.status.as_u16(),
            read.header("access-control-allow-origin")
        ),
        (200, "*")
    );
    assert_eq!(read.header("access-control-allow-credentials"), "");

    let body = json!({"id": id.to_string(), "reason": "none"}).to_string();
    let hide = || {
        request("POST", "/api/v1/admin/hide")
            .header("content-type", "application/json")
            .header("authorization", ADMIN)
    };
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", "http://registry.example"),
        ("origin", "https://registry.example.evil.example"),
        ("origin", "http://localhost:3000"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let refused = world.ask(hide().header(name, value), &body).await;
        assert_eq!(
            refused.problem(),
            (403, "foreign_origin".to_owned()),
            "{value}"
        );
        assert_eq!(refused.header("access-control-allow-origin"), "");
    }
    let counters = request("GET", "/api/v1/admin/counters").header("authorization", ADMIN);
    let counters = world.ask(counters, "").await;
    assert_eq!(counters.header("access-control-allow-origin"), "");
    assert_eq!(counters.json()["refused_origin"], 7);
    for own in ["https://registry.example", "http://127.0.0.1:8406"] {
        let hidden = world.ask(hide().header("origin", own), &body).await;
        assert_eq!(hidden.status, 200, "{own}");
    }
}

#[tokio::test]
async fn bodies_that_cannot_be_read_name_the_field() {
    let world = World::new();
    let send = async |kind: &str, body: &str| {
        let request = request("POST", "/api/v1/admin/hide")
            .header("authorization", ADMIN)
            .header("content-type", kind);
        world.ask(request, body).await
    };
    let json = "application/json";
    for (body, word) in [
        ("", "EOF"),
        ("[]", "expected"),
        (r#"{"id": "0123456789abcdef"}"#, "reason"),
        (r#"{"id": 7, "reason": "none"}"#, "id"),
        (
            r#"{"id": "0123456789abcdef", "reason": "none", "more": 1}"#,
            "more",
        ),
        (
            r#"{"id": "0123456789abcdef", "id": "1", "reason": "none"}"#,
            "id",
        ),
        (
            r#"{"id": "0123456789abcdef", "reason": "none"} {}"#,
            "trailing",
        ),
    ] {
        let refused = send(json, body).await;
        assert_eq!(refused.problem(), (400, "bad_body".to_owned()), "{body}");
        let detail = refused.json()["detail"]
            .as_str()
            .expect("a text")
            .to_owned();
        assert!(detail.contains(word), "{body}: {detail}");
    }
    for kind in ["text/plain", "application/x-www-form-urlencoded", ""] {
        let refused = send(kind, "{}").await;
        assert_eq!(refused.problem(), (415, "media_type".to_owned()), "{kind}");
    }
    let long = format!(r#"{{"id": "{}"}}"#, "0".repeat(65 * 1024));
    let refused = send(json, &long).await;
    assert_eq!(refused.problem(), (413, "body_too_large".to_owned()));
}

#[tokio::test]
async fn one_address_waits_after_its_burst() {
    let world = World::with_rate(Some((20, 3)));
    for _ in 0..3 {
        assert_eq!(world.get("/api/v1/health").await.status, 200);
    }
    let refused = world.get("/api/v1/health").await;
    assert_eq!(refused.problem(), (429, "too_fast".to_owned()));
    assert_eq!(refused.header("retry-after"), "1");
    world.clock.advance(Duration::from_millis(50));
    assert_eq!(world.get("/api/v1/health").await.status, 200);
}

#[tokio::test]
async fn every_answer_has_the_headers_of_security() {
    let world = World::new();
    for path in [
        "/api/v1/services",
        "/api/v1/services/0",
        "/nothing",
        "/llms.txt",
    ] {
        let answer = world.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'"), "{path}");
    }
}

#[tokio::test]
async fn the_document_names_every_route_and_the_text_leads_to_them() {
    let world = World::new();
    let document = world.get("/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["servers"][0]["url"], "https://registry.example");
    let paths = document["paths"].as_object().expect("paths");
    for (path, operations) in paths {
        let path = path
            .replace("{id}", "0123456789abcdef")
            .replace("{hash}", &"0".repeat(64))
            .replace("{nonce}", &"0".repeat(32));
        for method in operations.as_object().expect("operations").keys() {
            let request = request(&method.to_ascii_uppercase(), &path);
            let answer = world.ask(request, "").await;
            assert_ne!(answer.status, 405, "{method} {path}");
            let is_there = answer.status != 404 || answer.problem().1 != "no_such_path";
            assert!(is_there, "{method} {path}");
        }
    }
    let text = String::from_utf8(world.get("/llms.txt").await.body).expect("a text");
    for path in ["/api/v1/services", "/api/v1/categories", "/openapi.json"] {
        assert!(
            text.contains(&format!("https://registry.example{path}")),
            "{path}"
        );
    }
}
