//! What a credential is good for, however and whenever it is presented.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{Method, Request};
use l402::Invoice;
use l402_server::ledger::SqliteLedger;

use crate::world::{NOW, World, with};

/// ATTACKS T-30: a token is good for its service. Methods and paths that cost differently are
/// services of their own, and a route names its methods.
#[tokio::test]
async fn a_token_opens_every_method_and_path_of_its_service_and_no_other() {
    let world = World::new();
    let credential = world.buy("/echo/a").await;
    for path in ["/joke", "/quote", "/open/secret"] {
        let answer = world.get_with(path, &credential).await;
        let code = (402, "wrong_service".to_owned());
        assert_eq!(answer.code(), code, "{path}");
    }
    let mut deleted = with("/echo/b", &credential);
    *deleted.method_mut() = Method::DELETE;
    assert_eq!(world.send(deleted).await.status, 200);
    let quote = world.buy("/quote").await;
    let posted = Request::post("/quote").header("authorization", &quote);
    let posted = posted.body(Body::empty()).expect("a request");
    assert_eq!(world.send(posted).await.status, 405);
    assert_eq!(world.get_with("/quote", &quote).await.status, 200);
}

/// ATTACKS P-09: the preimage is the proof, and the token alone says when it ends.
#[tokio::test]
async fn a_proof_outlives_its_invoice() {
    let world = World::new();
    let challenge = world.get("/hour").await.challenge();
    let credential = challenge.authorization(&world.pay(&challenge).await);
    let invoice = Invoice::decode(challenge.invoice()).expect("an invoice");
    world
        .clock
        .advance(invoice.expires.since(NOW) + Duration::from_secs(1));
    assert_eq!(world.get_with("/hour", &credential).await.status, 200);
}

/// ATTACKS H-35: what a request asks of the answer is asked of the service, and only once it is
/// paid for.
#[tokio::test]
async fn a_conditional_or_partial_request_is_paid_like_any_other() {
    let world = World::new();
    let part = |credential: Option<&str>, name: &str, value: &str| {
        let mut request = Request::get("/three").header(name, value);
        if let Some(credential) = credential {
            request = request.header("authorization", credential);
        }
        request.body(Body::empty()).expect("a request")
    };
    let asked = [
        ("range", "bytes=0-0"),
        ("if-none-match", "*"),
        ("if-modified-since", "Mon, 21 Sep 2026 14:13:20 GMT"),
    ];
    for (name, value) in asked {
        let answer = world.send(part(None, name, value)).await;
        assert_eq!(answer.status, 402, "{name}");
    }
    let credential = world.buy("/three").await;
    for (name, value) in asked {
        let answer = world.send(part(Some(&credential), name, value)).await;
        assert_eq!(answer.status, 200, "{name}");
    }
    let code = world.get_with("/three", &credential).await.code();
    assert_eq!(code, (402, "consumed".to_owned()));
}

/// ATTACKS O-11: a thief of the ledger learns which payments were used, and can use none.
#[tokio::test]
async fn the_ledger_holds_neither_token_nor_preimage() {
    let world = World::with(|builder, home| {
        let ledger = SqliteLedger::open(&home.join("ledger.db"));
        builder.ledger(Arc::new(ledger.expect("a ledger")))
    });
    let challenge = world.get("/three").await.challenge();
    let preimage = world.pay(&challenge).await;
    let credential = challenge.authorization(&preimage);
    assert_eq!(world.get_with("/three", &credential).await.status, 200);
    world.paywall.flush().await;
    let hash = Invoice::decode(challenge.invoice())
        .expect("an invoice")
        .payment_hash;
    let (mut holds_hash, mut bytes) = (false, 0);
    for name in ["ledger.db", "ledger.db-wal"] {
        let file = std::fs::read(world.home.path().join(name)).unwrap_or_default();
        let has = |part: &[u8]| file.windows(part.len()).any(|window| window == part);
        holds_hash |= has(hash.as_bytes());
        bytes += file.len();
        assert!(
            !has(preimage.to_hex().as_bytes()) && !has(preimage.as_bytes()),
            "{name}"
        );
        assert!(!has(&challenge.token().as_bytes()[..40]), "{name}");
    }
    assert!(holds_hash && bytes > 0, "the use is in the file");
}
