//! The connections over which a pass is given, and the gateways that take it.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use serde_json::json;

use super::browser::{Browser, UNLOCK, cookie, state};
use super::refused::bought;
use super::shop;
use crate::harness::{serve, start};
use crate::tls::{certificate, connect};

/// Over plain HTTP a pass is given on one machine alone.
#[tokio::test(flavor = "multi_thread")]
async fn plain_http_from_elsewhere_gets_no_pass_and_is_told_why() {
    let server = serve(&shop().await).await;
    let browser = Browser(server.address);
    let price = browser.price("/hour").await;
    server.pay_document(&price.document).await;
    let elsewhere = browser
        .ask_with(&price, &[("host", "shop.example")], None)
        .await;
    assert_eq!(state(&elsewhere), (400, "needs_https".to_owned()));
    assert_eq!(elsewhere.header("set-cookie"), None);
    assert!(elsewhere.text().contains("trusted_proxies"));
    // Nobody but a trusted proxy can say that there is TLS before it.
    let told = [("host", "shop.example"), ("x-forwarded-proto", "https")];
    assert_eq!(browser.ask_with(&price, &told, None).await.status(), 400);
    let here = browser
        .ask_with(&price, &[("host", "localhost:8402")], None)
        .await;
    assert_eq!(here.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxy_may_say_that_there_is_tls_before_it() {
    let text = "trusted_proxies = [\"127.0.0.1\"]\n".to_owned() + &shop().await;
    let server = serve(&text).await;
    let browser = Browser(server.address);
    let price = browser.price("/hour").await;
    server.pay_document(&price.document).await;
    let told = [
        ("x-forwarded-for", "203.0.113.7"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "shop.example"),
        ("origin", "https://shop.example"),
    ];
    let answer = browser.ask_with(&price, &told, None).await;
    let line = answer.header("set-cookie").expect("a cookie");
    assert!(line.starts_with("__Host-l402-"), "{line}");
    assert!(
        line.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax"),
        "{line}"
    );
    assert_eq!(browser.get("/hour", &cookie(&answer)).await.status(), 200);
    let plain = [
        ("x-forwarded-for", "203.0.113.7"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "shop.example"),
    ];
    assert_eq!(browser.ask_with(&price, &plain, None).await.status(), 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_the_cookie_is_for_this_host_and_tls_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    certificate(folder.path());
    let files = folder.path().display();
    let tls = format!("[tls]\ncertificate = \"{files}/cert.pem\"\nkey = \"{files}/key.pem\"\n");
    let server = serve(&(shop().await + &tls)).await;
    let send = async |request: Request<Full<Bytes>>| {
        let stream = connect(folder.path(), server.address, b"http/1.1").await;
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream));
        let (mut sender, connection) = handshake.await.expect("a connection");
        tokio::spawn(connection);
        let answer = sender.send_request(request).await.expect("an answer");
        let (head, body) = answer.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        crate::harness::Answer { head, body }
    };
    let get = |cookie: &str| {
        let request = Request::get("/hour")
            .header("host", "shop.example")
            .header("cookie", cookie);
        request
            .header("sec-fetch-site", "none")
            .body(Full::default())
            .expect("a request")
    };
    let price = send(get("x=1")).await;
    server.pay_document(&price.text()).await;
    let question = json!({ "token": price.json()["token"], "path": "/hour" }).to_string();
    let ask = Request::post(UNLOCK)
        .header("host", "shop.example")
        .header("content-type", "application/json");
    let ask = ask.header("origin", "https://shop.example");
    let answer = send(ask.body(Full::from(question)).expect("a request")).await;
    let line = answer.header("set-cookie").expect("a cookie").to_owned();
    assert!(line.starts_with("__Host-l402-"), "{line}");
    assert!(
        line.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax"),
        "{line}"
    );
    assert_eq!(send(get(&cookie(&answer))).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_of_one_gateway_is_good_at_another_with_the_same_keys_and_after_a_restart() {
    let text = shop().await;
    let mut one = serve(&text).await;
    let other = start(&text, one.home.path(), one.clock.clone()).await;
    let other = other.expect("a second gateway in the home");
    let second = Browser(other.local_addrs()[0]);
    let (price, pass) = bought(&one, "/three").await;
    for (browser, left) in [(second, "2"), (Browser(one.address), "1")] {
        let answer = browser.get("/three", &pass).await;
        assert_eq!(
            (answer.status(), answer.header("l402-uses-left")),
            (200, Some(left))
        );
    }
    // The other one gives a pass for what this one has sold.
    let again = second.unlock(&price).await;
    tokio::task::spawn_blocking(move || other.shutdown(std::time::Duration::ZERO))
        .await
        .expect("no panic");
    one.shutdown(std::time::Duration::ZERO).await;
    one.restart(&text).await;
    let answer = Browser(one.address).get("/three", &again).await;
    assert_eq!(
        (answer.status(), answer.header("l402-uses-left")),
        (200, Some("0"))
    );
    // A seller with other keys takes it for nothing.
    let stranger = serve(&text).await;
    assert_eq!(
        Browser(stranger.address)
            .get("/three", &pass)
            .await
            .status(),
        402
    );
}
