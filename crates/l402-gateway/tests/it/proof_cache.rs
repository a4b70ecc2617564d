//! A credential that was proven once is still checked each time.

use std::time::Duration;

use http::{HeaderValue, Request};
use http_body_util::Full;
use l402::Credential;

use crate::harness::{GatewayUnderTest, describe, request, routes, send, serve, upstream};

const TIMED: &str = "policy = \"time=1h\"\n";

/// A gateway with one worker, and a credential that it has served twice, so that its proof is
/// cached.
async fn cached(more: &str) -> (GatewayUnderTest, String, String) {
    let text = format!(
        "listen = [\"127.0.0.1:0\"]\nworkers = 1\n{}",
        routes(upstream(false, describe).await, more)
    );
    let server = serve(&text).await;
    let credential = server.buy("/joke").await;
    for _ in 0..2 {
        assert_eq!(server.get("/joke", Some(&credential)).await.status(), 200);
    }
    (server, credential, text)
}

/// ATTACKS T-33: the key of the cache is all bytes, never a part of them.
#[tokio::test(flavor = "multi_thread")]
async fn what_differs_in_one_byte_is_proven_anew() {
    let (server, credential, _) = cached(TIMED).await;
    let token_end = credential.find(':').unwrap();
    for at in [token_end - 4, token_end + 1, credential.len() - 1] {
        let mut other = credential.clone().into_bytes();
        other[at] = if other[at] == b'a' { b'b' } else { b'a' };
        let other = String::from_utf8(other).unwrap();
        let answer = server.get("/joke", Some(&other)).await;
        assert_eq!(
            (answer.status(), answer.code().as_str()),
            (401, "invalid_token"),
            "{at}"
        );
    }
    assert_eq!(server.get("/joke", Some(&credential)).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_credential_beside_a_known_one_is_refused() {
    let (server, credential, _) = cached(TIMED).await;
    let mut beside = request("GET", "/joke", Some(&credential), b"");
    beside
        .headers_mut()
        .append("authorization", HeaderValue::from_static("Bearer x"));
    let mut own: Request<Full<_>> = request("GET", "/joke", Some(&credential), b"");
    let other = HeaderValue::from_static("bm90aGluZw==:00");
    own.headers_mut().insert("l402-credential", other);
    for request in [beside, own] {
        let answer = send(server.address, request).await;
        let told = (answer.status(), answer.code());
        assert_eq!(told, (401, "invalid_auth_format".to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_credential_expires() {
    let (server, credential, _) = cached(TIMED).await;
    server.clock.advance(Duration::from_secs(3 * 3600));
    let late = server.get("/joke", Some(&credential)).await;
    assert_eq!((late.status(), late.code().as_str()), (402, "expired"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_credential_has_no_more_uses_than_were_bought() {
    let (server, credential, _) = cached("policy = \"uses=3\"\n").await;
    assert_eq!(server.get("/joke", Some(&credential)).await.status(), 200);
    let spent = server.get("/joke", Some(&credential)).await;
    assert_eq!((spent.status(), spent.code().as_str()), (402, "consumed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_known_before_a_reload_is_judged_by_what_is_sold_after_it() {
    let (server, credential, text) = cached(TIMED).await;
    let renamed = text.replace("service = \"all\"", "service = \"other\"");
    assert!(server.reload(&renamed).is_ok());
    let answer = server.get("/joke", Some(&credential)).await;
    assert_eq!(
        (answer.status(), answer.code().as_str()),
        (402, "wrong_service")
    );
    assert!(server.reload(&text).is_ok());
    assert_eq!(server.get("/joke", Some(&credential)).await.status(), 200);
}

/// The holder may attenuate a cached token. The narrower one is another credential.
#[tokio::test(flavor = "multi_thread")]
async fn an_attenuated_token_is_not_the_known_one() {
    let (server, credential, _) = cached(TIMED).await;
    let read = Credential::from_headers([("authorization", credential.as_bytes())]);
    let read = read.unwrap().unwrap();
    let narrow = read.macaroon().clone().with_caveat(b"all_valid_until=1");
    let narrow = narrow.expect("room for a caveat");
    let narrow = format!("L402 {}:{}", narrow.to_base64(), read.preimage().to_hex());
    let answer = server.get("/joke", Some(&narrow)).await;
    assert_eq!((answer.status(), answer.code().as_str()), (402, "expired"));
}
