//! The receipt at `/.well-known/l402/receipt`: for the holder of the credential alone, at no use.

use serde_json::Value;

use crate::harness::{describe, request, routes, send, serve, upstream};

const RECEIPT: &str = "/.well-known/l402/receipt";

/// ATTACKS T-34.
#[tokio::test]
async fn the_holder_learns_what_was_bought_and_no_use_is_counted() {
    let server = serve(&routes(upstream(false, describe).await, "")).await;
    let credential = server.buy("/joke").await;
    for _ in 0..2 {
        let answer = server.get(RECEIPT, Some(&credential)).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let receipt: Value = serde_json::from_str(&answer.text()).expect("JSON");
        assert_eq!(receipt["service"], "all");
        assert_eq!(receipt["price_msat"], 50_000);
        assert_eq!(receipt["policy"], "request");
        assert_eq!(receipt["payment_hash"].as_str().map(str::len), Some(64));
        let secret = credential.rsplit(':').next().expect("a preimage");
        assert!(!answer.text().contains(secret));
    }
    assert_eq!(server.get("/joke", Some(&credential)).await.status(), 200);
    // A credential that is spent keeps its receipt.
    assert_eq!(server.get("/joke", Some(&credential)).await.status(), 402);
    assert_eq!(server.get(RECEIPT, Some(&credential)).await.status(), 200);
}

/// ATTACKS T-34.
#[tokio::test]
async fn nobody_else_learns_anything_or_is_asked_to_pay() {
    let server = serve(&routes(upstream(false, describe).await, "")).await;
    let credential = server.buy("/joke").await;
    let calls = server.node_calls();
    let none = server.get(RECEIPT, None).await;
    assert_eq!(none.status(), 401);
    let (token, _) = credential.rsplit_once(':').expect("a token");
    let forged = format!("{token}:{}", "7".repeat(64));
    for wrong in [forged.as_str(), "L402 x", "L402 x:y"] {
        let answer = server.get(RECEIPT, Some(wrong)).await;
        assert_eq!(answer.status(), 401, "{}", answer.text());
        let header = answer.header("www-authenticate").unwrap_or_default();
        assert!(!header.contains("invoice="), "{header}");
    }
    assert_eq!(server.node_calls(), calls);
    let post = send(
        server.address,
        request("POST", RECEIPT, Some(&credential), b""),
    )
    .await;
    assert_eq!(post.status(), 405);
    let head = send(
        server.address,
        request("HEAD", RECEIPT, Some(&credential), b""),
    )
    .await;
    assert_eq!((head.status(), head.body.len()), (200, 0));
}
