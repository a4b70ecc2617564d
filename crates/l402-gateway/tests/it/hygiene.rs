//! The headers that reach the upstream and the client (ATTACKS H-12, H-25 to H-30).

use serde_json::Value;

use crate::harness::{describe, request, routes, send, serve, upstream, whole};

fn seen<'a>(document: &'a Value, name: &str) -> Vec<&'a str> {
    let headers = document["headers"].as_array().expect("a list");
    let named = headers.iter().filter(|pair| pair[0] == name);
    named.map(|pair| pair[1].as_str().expect("text")).collect()
}

/// Headers in which a client describes itself.
const SPOOFED: [(&str, &str); 18] = [
    (
        "connection",
        "close, x-upstream-key, x-forwarded-for, x-named",
    ),
    ("x-upstream-key", "mine"),
    ("x_upstream_key", "mine"),
    ("x-named", "gone"),
    ("x-plain", "stays"),
    ("x-l402-paid", "1"),
    ("x_l402_paid", "1"),
    ("x-l402-service", "other"),
    ("x-forwarded-for", "127.0.0.99"),
    ("x-forwarded-proto", "https"),
    ("x_forwarded_for", "127.0.0.99"),
    ("forwarded", "for=127.0.0.99"),
    ("x-real-ip", "127.0.0.99"),
    ("proxy-authorization", "Basic x"),
    ("te", "trailers"),
    ("keep-alive", "timeout=5"),
    ("x-http-method-override", "DELETE"),
    ("x-original-url", "/admin"),
];

/// The names of the headers that must not reach the upstream.
const GONE: [&str; 14] = [
    "authorization",
    "connection",
    "te",
    "keep-alive",
    "proxy-authorization",
    "x-named",
    "x-l402-paid",
    "x_l402_paid",
    "x_forwarded_for",
    "x_upstream_key",
    "forwarded",
    "x-real-ip",
    "x-http-method-override",
    "x-original-url",
];

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_says_of_itself_is_dropped_and_what_the_socket_says_is_set() {
    let upstream = upstream(false, describe).await;
    let server = serve(&routes(
        upstream,
        "[route.upstream_headers]\nx-upstream-key = \"k\"\n",
    ))
    .await;
    let credential = server.buy("/x").await;
    let mut request = request("GET", "/x", Some(&credential), b"");
    for (name, value) in SPOOFED {
        request.headers_mut().append(name, value.parse().unwrap());
    }
    let document = send(server.address, request).await.json();
    for gone in GONE {
        assert!(seen(&document, gone).is_empty(), "{gone}: {document}");
    }
    let address = server.address.ip().to_string();
    for (name, value) in [
        ("x-upstream-key", "k"),
        ("x-plain", "stays"),
        ("x-l402-service", "all"),
        ("x-l402-price-msat", "50000"),
        ("x-forwarded-for", address.as_str()),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "shop.example"),
        ("host", &upstream.to_string()),
    ] {
        assert_eq!(seen(&document, name), [value], "{name}: {document}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_part_of_a_credential_reaches_the_upstream_unless_it_is_let() {
    let upstream = upstream(false, describe).await;
    let server = serve(&routes(upstream, "policy = \"uses=9\"")).await;
    let credential = server.buy("/x").await;
    let (token, preimage) = credential
        .trim_start_matches("L402 ")
        .split_once(':')
        .unwrap();
    let forms = [
        ("authorization", credential.clone()),
        ("authorization", credential.replace("L402", "lsat")),
    ];
    for (name, value) in forms {
        for path in ["/x", "/free"] {
            let mut request = request("GET", path, None, b"");
            request.headers_mut().insert(name, value.parse().unwrap());
            let answer = send(server.address, request).await;
            assert_eq!(answer.status(), 200, "{name} {path}: {}", answer.text());
            assert!(!answer.text().contains(token) && !answer.text().contains(preimage));
        }
    }
    let mut plain = request("GET", "/free", None, b"");
    plain
        .headers_mut()
        .insert("authorization", "Bearer mine".parse().unwrap());
    assert_eq!(
        seen(&send(server.address, plain).await.json(), "authorization"),
        ["Bearer mine"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_free_route_lets_through_neither_another_method_nor_a_maimed_credential() {
    let server = serve(&routes(upstream(false, describe).await, "")).await;
    let mut request = request("GET", "/free", None, b"");
    for (name, value) in [
        ("x-http-method-override", "POST"),
        ("x-http-method", "POST"),
        ("x_method_override", "POST"),
        ("authorization", "L402:token:deadbeef"),
    ] {
        request.headers_mut().append(name, value.parse().unwrap());
    }
    let document = send(server.address, request).await.json();
    let text = document["headers"].to_string();
    assert!(
        !text.contains("POST") && !text.contains("deadbeef"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_is_forwarded_where_the_seller_wants_it() {
    let server = serve(&routes(
        upstream(false, describe).await,
        "forward_credential = true",
    ))
    .await;
    let credential = server.buy("/x").await;
    let document = server.get("/x", Some(&credential)).await.json();
    assert_eq!(seen(&document, "authorization"), [credential]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_upstream_says_nothing_of_connections_and_payments() {
    let upstream = upstream(false, |_| async {
        let mut reply: crate::harness::Reply = whole(200, "ok");
        for (name, value) in [
            ("connection", "x-internal"),
            ("x-internal", "secret"),
            ("keep-alive", "timeout=5"),
            ("proxy-authenticate", "Basic"),
            ("www-authenticate", "L402 macaroon=\"a\", invoice=\"b\""),
            ("cache-control", "public"),
            ("x-kept", "1"),
        ] {
            reply
                .headers_mut()
                .insert(name, value.parse().expect("a value"));
        }
        reply
    })
    .await;
    let server = serve(&routes(upstream, "")).await;
    let credential = server.buy("/").await;
    let answer = server.get("/", Some(&credential)).await;
    assert_eq!(answer.status(), 200);
    for gone in [
        "x-internal",
        "keep-alive",
        "proxy-authenticate",
        "www-authenticate",
    ] {
        assert_eq!(answer.header(gone), None, "{gone}");
    }
    assert_eq!(answer.header("cache-control"), Some("private, no-store"));
    assert_eq!(answer.header("x-kept"), Some("1"));
}
