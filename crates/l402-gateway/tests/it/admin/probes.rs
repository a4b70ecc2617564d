//! Health, readiness, and the end.

use std::time::Duration;

use super::stage::{shop, stage};
use crate::harness::{describe, upstream};

fn part<'a>(health: &'a serde_json::Value, name: &str) -> &'a serde_json::Value {
    let parts = health["parts"].as_array().expect("a list");
    let begins = |part: &&serde_json::Value| {
        part["name"]
            .as_str()
            .is_some_and(|own| own.starts_with(name))
    };
    parts.iter().find(begins).expect("the part")
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_says_which_part_is_missing() {
    let upstream = upstream(false, describe).await;
    let sound = stage(&shop(upstream)).await;
    let ready = sound.ask("GET", "/readyz", "").await;
    assert_eq!(ready.status(), 200, "{}", ready.text());
    for name in ["ledger", "node", "upstream"] {
        assert_eq!(part(&ready.json(), name)["ready"], true);
    }
    assert_eq!(sound.get("health").await, ready.json());

    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let missing = stage(&shop(address)).await;
    missing.server.check_upstreams();
    let health = missing
        .until("health", |health| health["ready"] == false)
        .await;
    let upstream = part(&health, "upstream");
    assert_eq!(upstream["name"], format!("upstream http://{address}"));
    assert_eq!(upstream["ready"], false);
    assert_eq!(missing.ask("GET", "/readyz", "").await.status(), 503);
    assert_eq!(missing.ask("GET", "/healthz", "").await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_upstream_of_a_route_shows_its_own_state() {
    let up = upstream(false, describe).await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let down = nobody.local_addr().unwrap();
    drop(nobody);
    let both = format!("upstream = [\"http://{up}\", \"http://{down}\"]");
    let routes = shop(up).replace(&format!("upstream = \"http://{up}\""), &both);
    let stage = stage(&routes).await;
    stage.server.check_upstreams();
    let shown = stage
        .until("routes", |shown| {
            shown["routes"][0]["upstreams"][1]["up"] == false
        })
        .await;
    let route = &shown["routes"][0];
    assert_eq!(
        route["upstreams"],
        serde_json::json!([
            { "address": format!("http://{up}"), "up": true, "in_flight": 0 },
            { "address": format!("http://{down}"), "up": false, "in_flight": 0 },
        ])
    );
    // One is enough.
    assert_eq!(stage.ask("GET", "/readyz", "").await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_drains_is_not_ready() {
    let mut stage = stage(&shop(upstream(false, describe).await)).await;
    assert_eq!(stage.post("drain", "{\"now\": true}").await.status(), 400);
    assert!(!stage.program.is_stopped());
    let drained = stage.post("drain", "").await;
    assert_eq!(drained.status(), 202, "{}", drained.text());
    assert!(stage.program.is_stopped(), "the program is told to end");
    let health = stage.ask("GET", "/readyz", "").await;
    assert_eq!(health.status(), 503);
    assert_eq!(health.json()["draining"], true);
    // It lives on until the program ends it, and answers operators to the end.
    assert_eq!(stage.ask("GET", "/healthz", "").await.status(), 200);
    let audit = stage.audit().await;
    assert_eq!(
        (&audit[0]["what"], &audit[0]["result"]),
        (&"drain".into(), &"done".into())
    );
    stage.server.shutdown(Duration::from_secs(5)).await;
    assert_eq!(stage.ask("GET", "/readyz", "").await.status(), 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_text_for_prometheus() {
    let stage = stage(&shop(upstream(false, describe).await)).await;
    stage.server.get("/free", None).await;
    let metrics = stage.ask("GET", "/metrics", "").await;
    let kind = metrics.header("content-type").unwrap();
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    assert!(
        metrics.text().contains("l402_requests"),
        "{}",
        metrics.text()
    );
    assert!(!metrics.text().contains(&stage.token));
}
