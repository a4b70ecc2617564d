//! What operators read.

use l402::{Credential, Identifier};
use serde_json::json;

use super::stage::{shop, stage, stage_with};
use crate::harness::{describe, upstream};

fn identifier(credential: &str) -> Identifier {
    let line = [("authorization", credential.as_bytes())];
    let credential = Credential::from_headers(line).expect("well formed");
    let credential = credential.expect("one");
    credential.macaroon().identifier().expect("ours")
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_prices_services_and_limits_are_those_that_are_served() {
    let stage = stage(&shop(upstream(false, describe).await)).await;
    let routes = stage.get("routes").await;
    assert_eq!(routes["routes"].as_array().unwrap().len(), 4);
    let three = &routes["routes"][2];
    assert_eq!(three["path"], "/three");
    assert_eq!(
        (&three["price_msat"], &three["policy"]),
        (&json!(9000), &json!("uses=3"))
    );
    assert_eq!(routes["routes"][3]["free"], true);
    assert_eq!(routes["routes"][3].get("price"), None);
    let prices = stage.get("prices").await;
    assert_eq!(prices["prices"].as_array().unwrap().len(), 3);
    let services = stage.get("services").await;
    let joke = json!({
        "service": "joke", "price_msat": 50_000, "policy": "request",
        "routes": ["/joke", "/joke/{id}"],
    });
    assert_eq!(services["services"][0], joke);
    let limits = stage.get("limits").await;
    assert_eq!(limits["challenges"]["per_peer_burst"], 100);
    assert_eq!(limits["http"]["connections_per_peer"], 4096);
}

#[tokio::test(flavor = "multi_thread")]
async fn payments_tokens_and_sales_say_what_the_books_say() {
    let stage = stage(&shop(upstream(false, describe).await)).await;
    let three = stage.server.buy("/three").await;
    assert_eq!(stage.server.get("/three", Some(&three)).await.status(), 200);
    let joke = stage.server.buy("/joke").await;
    assert_eq!(stage.server.get("/joke", Some(&joke)).await.status(), 200);
    let unused = stage.server.buy("/joke/1").await;
    let all = "payments?since=1d";
    let count = |value: &serde_json::Value| value["payments"].as_array().unwrap().len();
    stage
        .until(all, |payments| {
            let rows = payments["payments"].as_array().unwrap().iter();
            let spent: i64 = rows.map(|row| row["spent_units"].as_i64().unwrap()).sum();
            count(payments) == 3 && spent == 2
        })
        .await;
    for (state, credential) in [
        ("partly_spent", &three),
        ("spent", &joke),
        ("settled", &unused),
    ] {
        let hash = hex::encode(identifier(credential).payment_hash.as_bytes());
        let path = format!("payments?state={state}");
        let found = stage.until(&path, |found| count(found) == 1).await;
        assert_eq!(found["payments"][0]["payment_hash"], hash, "{state}");
    }
    assert_eq!(count(&stage.get("payments?state=unattributed").await), 0);

    let id = hex::encode(identifier(&three).token_id.as_bytes());
    let found = stage.get(&format!("tokens?token={}", &id[..12])).await;
    assert_eq!(found["tokens"].as_array().unwrap().len(), 1);
    let token = &found["tokens"][0];
    assert_eq!((&token["token"], &token["uses"]), (&json!(id), &json!(1)));
    assert_eq!(token["service"], "three");
    let by_service = stage.get("tokens?service=joke").await;
    assert_eq!(
        by_service["tokens"].as_array().unwrap().len(),
        1,
        "a use each"
    );
    let details = stage.get(&format!("tokens/{id}")).await;
    assert_eq!(details["ledger_spent_units"], 1);
    assert_eq!(details["payment"]["units"], 3);
    assert_eq!(details["last_uses"].as_array().unwrap().len(), 1);
    let whole = hex::encode(identifier(&three).to_bytes());
    assert_eq!(stage.get(&format!("tokens/{whole}")).await["token"], id);

    let sales = stage.get("sales?by=service&since=1h").await;
    let rows = sales["sales"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(
        (&rows[0]["key"], &rows[0]["sold_msat"]),
        (&json!("joke"), &json!(100_000))
    );
    assert_eq!(
        (&rows[1]["key"], &rows[1]["spent_msat"]),
        (&json!("three"), &json!(3000))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_one_another_without_gap() {
    let stage = stage(&shop(upstream(false, describe).await)).await;
    for _ in 0..5 {
        let joke = stage.server.buy("/joke").await;
        assert_eq!(stage.server.get("/joke", Some(&joke)).await.status(), 200);
    }
    // One that was never used, and is known by its revocation alone.
    let never = "0001".to_owned() + &"ab".repeat(30);
    assert_eq!(
        stage
            .post(&format!("tokens/{never}/revoke"), "")
            .await
            .status(),
        200
    );
    let rows = |value: &serde_json::Value, name: &str| value[name].as_array().unwrap().len();
    stage
        .until("payments?state=spent", |all| rows(all, "payments") == 5)
        .await;
    stage.until("tokens", |all| rows(all, "tokens") == 6).await;
    for (name, id, total) in [("payments", "payment_hash", 5), ("tokens", "token", 6)] {
        let whole = stage.get(name).await;
        assert_eq!((rows(&whole, name), &whole["next"]), (total, &json!(null)));
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let page = stage.get(&format!("{name}?limit=2&after={after}")).await;
            assert!(rows(&page, name) <= 2);
            seen.extend(
                page[name]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|row| row[id].clone()),
            );
            match page["next"].as_str() {
                Some(next) => after = next.to_owned(),
                None => break,
            }
        }
        let all: Vec<_> = whole[name]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row[id].clone())
            .collect();
        assert_eq!(seen, all, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_in_the_wrong_way_is_a_problem_document() {
    let stage = stage(&shop(upstream(false, describe).await)).await;
    for (method, path, status, code) in [
        ("GET", "payments?state=gone", 400, "bad_parameter"),
        ("GET", "payments?limit=0", 400, "bad_parameter"),
        ("GET", "payments?limit=1&limit=2", 400, "bad_parameter"),
        ("GET", "payments?nothing=1", 400, "bad_parameter"),
        ("GET", "payments?after=xy", 400, "bad_parameter"),
        ("GET", "sales?since=yesterday", 400, "bad_parameter"),
        ("GET", "sales?by=colour", 400, "bad_parameter"),
        ("GET", "tokens?token=xyz", 400, "bad_parameter"),
        ("GET", "tokens/xyz", 400, "bad_parameter"),
        ("GET", "nothing", 404, "not_found"),
        ("POST", "routes", 405, "method"),
        ("DELETE", "limits", 405, "method"),
        ("GET", "reload", 405, "method"),
        ("POST", "keys/x/retire", 400, "bad_parameter"),
        ("POST", "keys/77/retire", 409, "conflict"),
        ("POST", "revocations", 400, "bad_body"),
        ("PATCH", "limits", 400, "bad_body"),
    ] {
        let answer = stage.ask(method, &format!("/api/v1/{path}"), "").await;
        assert_eq!(
            (answer.status(), &*answer.code()),
            (status, code),
            "{method} {path}"
        );
        let kind = answer.header("content-type");
        assert_eq!(kind, Some("application/problem+json"));
    }
    let unknown = "0001".to_owned() + &"ab".repeat(30);
    let answer = stage
        .ask("GET", &format!("/api/v1/tokens/{unknown}"), "")
        .await;
    assert_eq!(answer.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_is_shown_without_its_secrets() {
    let headers = "upstream_headers = { x-api-key = \"SECRET\" }";
    let routes = shop(upstream(false, describe).await)
        .replace("free = true", &format!("free = true\n{headers}"));
    let stage = stage(&format!("# SECRET\n{routes}")).await;
    let config = stage.get("config").await;
    assert_eq!(config["file"], stage.file().display().to_string());
    assert_eq!(config["settings"]["route"][0]["price"], "50 sat");
    assert!(!config.to_string().contains("SECRET"), "{config}");
    let without = stage_with(&routes, "", false).await;
    assert_eq!(without.get("config").await["file"], json!(null));
}
