//! The requests that a pass does not pay for.

use std::time::Duration;

use futures_util::future::join_all;
use l402::UnixTime;
use l402_gateway::{Config, Home, Stores};
use l402_server::revoked::{Revocation, Revoke};
use tokio::time::timeout;

use super::browser::{Browser, Price, is_refused, state};
use super::{shop, shop_at};
use crate::harness::{GatewayUnderTest, serve, upstream, whole};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Asks, pays elsewhere, and returns price and pass.
pub(super) async fn bought(server: &GatewayUnderTest, path: &str) -> (Price, String) {
    let browser = Browser(server.address);
    let price = browser.price(path).await;
    server.pay_document(&price.document).await;
    let pass = browser.unlock(&price).await;
    (price, pass)
}

/// ATTACKS T-35, O-04, H-33.
#[tokio::test(flavor = "multi_thread")]
async fn another_site_cannot_use_a_pass_nor_a_page_that_does_not_say_where_it_is_spend_one() {
    let server = serve(&shop().await).await;
    let browser = Browser(server.address);
    for path in ["/a", "/three", "/hour"] {
        let (_, pass) = bought(&server, path).await;
        for site in ["cross-site", "same-site", "SAME-ORIGIN", "", "none, none"] {
            is_refused(&browser.from(site, path, &pass).await);
        }
        let twice = [
            ("cookie", &*pass),
            ("sec-fetch-site", "none"),
            ("sec-fetch-site", "none"),
        ];
        is_refused(&browser.send("GET", path, &twice, "").await);
        let silent = browser.send("GET", path, &[("cookie", &pass)], "").await;
        let is_counted = path != "/hour";
        assert_eq!(
            silent.status(),
            if is_counted { 402 } else { 200 },
            "{path}"
        );
        let own = browser.from("same-origin", path, &pass).await;
        assert_eq!(own.status(), 200, "nothing was spent by others: {path}");
    }
}

/// A page that a browser loads ahead may never be looked at.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_loaded_ahead_spends_nothing() {
    let server = serve(&shop().await).await;
    let browser = Browser(server.address);
    for path in ["/a", "/three", "/hour"] {
        let (_, pass) = bought(&server, path).await;
        for ahead in [
            ("sec-purpose", "prefetch"),
            ("sec-purpose", "prefetch;prerender"),
            ("sec-purpose", "anything"),
            ("purpose", "prefetch"),
            ("purpose", "Prefetch"),
        ] {
            let headers = [("cookie", &*pass), ("sec-fetch-site", "none"), ahead];
            let answer = browser.send("GET", path, &headers, "").await;
            let expected = if path == "/hour" { 200 } else { 402 };
            assert_eq!(answer.status(), expected, "{path} {ahead:?}");
        }
        let headers = [
            ("cookie", &*pass),
            ("sec-fetch-site", "none"),
            ("purpose", "reading"),
        ];
        let looked_at = browser.send("GET", path, &headers, "").await;
        assert_eq!(looked_at.status(), 200, "{path}");
    }
}

/// ATTACKS T-35.
#[tokio::test(flavor = "multi_thread")]
async fn only_get_and_head_are_paid_for_and_no_upgrade() {
    let server = serve(&shop().await).await;
    let browser = Browser(server.address);
    let (_, pass) = bought(&server, "/three").await;
    let headers = [("cookie", &*pass), ("sec-fetch-site", "same-origin")];
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        is_refused(&browser.send(method, "/three", &headers, "").await);
    }
    let mut upgrade = headers.to_vec();
    upgrade.extend([("connection", "upgrade"), ("upgrade", "websocket")]);
    is_refused(&browser.send("GET", "/three", &upgrade, "").await);
    let head = browser.send("HEAD", "/three", &headers, "").await;
    assert_eq!(head.status(), 200);
    assert_eq!(head.header("l402-uses-left"), Some("2"));
}

/// ATTACKS T-35.
#[tokio::test(flavor = "multi_thread")]
async fn a_pass_is_for_its_service_and_for_one_answer_for_its_page_alone() {
    let server = serve(&shop().await).await;
    let browser = Browser(server.address);
    let (_, three) = bought(&server, "/three").await;
    let (_, once) = bought(&server, "/a?x=1").await;
    for (pass, elsewhere) in [
        (&three, "/hour"),
        (&three, "/a"),
        (&once, "/three"),
        // The same service, and another page of it.
        (&once, "/b?x=1"),
        (&once, "/a"),
        (&once, "/a?x=2"),
        (&once, "/a?x=1&"),
        (&once, "/a?X=1"),
        (&once, "/a?x=%31"),
    ] {
        is_refused(&browser.get(elsewhere, pass).await);
    }
    assert_eq!(
        browser.get("/%61?x=1", &once).await.status(),
        200,
        "another spelling of it"
    );
    assert_eq!(browser.get("/three", &three).await.status(), 200);
    // Nobody gets a pass for a page that the token does not buy.
    let price = browser.price("/a").await;
    server.pay_document(&price.document).await;
    for path in ["/three", "/free", "/nowhere"] {
        let elsewhere = Price {
            path: path.to_owned(),
            ..price.clone()
        };
        assert_eq!(
            state(&browser.ask(&elsewhere).await),
            (400, "bad_request".to_owned())
        );
    }
}

/// ATTACKS T-35.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_spent_is_spent_by_pass_and_credential_together() {
    let server = serve(&shop().await).await;
    let browser = Browser(server.address);
    let (_, pass) = bought(&server, "/a").await;
    assert_eq!(browser.get("/a", &pass).await.status(), 200);
    let spent = browser.get("/a", &pass).await;
    assert_eq!((spent.status(), spent.code().as_str()), (402, "consumed"));

    let price = browser.price("/three").await;
    let credential = server.pay_document(&price.document).await;
    let pass = browser.unlock(&price).await;
    assert_eq!(
        browser.get("/three", &pass).await.header("l402-uses-left"),
        Some("2")
    );
    let shown = server.get("/three", Some(&credential)).await;
    assert_eq!(shown.header("l402-uses-left"), Some("1"));
    assert_eq!(
        browser.get("/three", &pass).await.header("l402-uses-left"),
        Some("0")
    );
    assert_eq!(
        server.get("/three", Some(&credential)).await.code(),
        "consumed"
    );
    // The endpoint gives the pass again, and it opens no more than before.
    let again = browser.unlock(&price).await;
    assert_eq!(browser.get("/three", &again).await.code(), "consumed");
}

/// ATTACKS T-35.
#[tokio::test(flavor = "multi_thread")]
async fn of_ten_requests_at_once_one_is_served() {
    let server = serve(&shop().await).await;
    let browser = Browser(server.address);
    let (_, pass) = bought(&server, "/a").await;
    let answers = join_all((0..10).map(|_| browser.get("/a", &pass))).await;
    let served = answers
        .iter()
        .filter(|answer| answer.status() == 200)
        .count();
    assert_eq!(served, 1);
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer.status(), 200 | 402 | 409))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_use_is_given_back_if_the_upstream_fails() {
    let failing = upstream(false, |_| async { whole(500, "broken") }).await;
    let server = serve(&shop_at(failing)).await;
    let browser = Browser(server.address);
    let (_, pass) = bought(&server, "/a").await;
    let failed = browser.get("/a", &pass).await;
    assert_eq!(
        (failed.status(), failed.header("l402-use")),
        (500, Some("kept"))
    );
}

/// ATTACKS T-35, T-24.
#[tokio::test(flavor = "multi_thread")]
async fn a_pass_ends_with_its_token_and_by_a_revocation() {
    let server = serve(&shop().await).await;
    let browser = Browser(server.address);
    let (price, pass) = bought(&server, "/hour").await;
    assert_eq!(browser.get("/hour", &pass).await.status(), 200);
    let home = Home::at(server.home.path()).expect("a home");
    let register = Stores::of(&Config::default(), &home)
        .register()
        .expect("the ledger");
    let revocation = Revocation::new(Revoke::Payment(price.hash), UnixTime::from_secs(1));
    assert_eq!(register.revoke(&[revocation]).expect("written"), [true]);
    let refused = async {
        loop {
            let answer = browser.get("/hour", &pass).await;
            match answer.status() {
                200 => tokio::time::sleep(Duration::from_millis(5)).await,
                _ => return answer,
            }
        }
    };
    let answer = timeout(Duration::from_secs(20), refused)
        .await
        .expect("heard of");
    assert_eq!((answer.status(), answer.code().as_str()), (402, "revoked"));
    assert_eq!(state(&browser.ask(&price).await), (410, "ended".to_owned()));

    for path in ["/a", "/three", "/hour"] {
        let (price, pass) = bought(&server, path).await;
        server.clock.advance(DAY + Duration::from_secs(3600));
        is_refused(&browser.get(path, &pass).await);
        assert_eq!(state(&browser.ask(&price).await).0, 410);
    }
}

/// ATTACKS T-35.
#[tokio::test(flavor = "multi_thread")]
async fn one_byte_that_is_changed_makes_it_none() {
    let server = serve(&shop().await).await;
    let browser = Browser(server.address);
    let (_, pass) = bought(&server, "/hour").await;
    let (name, value) = pass.split_once('=').expect("a pair");
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for at in 0..value.len() {
        let mut changed = value.as_bytes().to_vec();
        let digit = alphabet.iter().position(|digit| *digit == changed[at]);
        changed[at] = alphabet[(digit.expect("a digit") + 1) % 64];
        let changed = String::from_utf8(changed).expect("text");
        let answer = browser.get("/hour", &format!("{name}={changed}")).await;
        is_refused(&answer);
    }
    for changed in [
        &value[1..],
        &value[..value.len() - 1],
        &format!("{value}="),
        &format!("{value}A"),
    ] {
        is_refused(&browser.get("/hour", &format!("{name}={changed}")).await);
    }
    assert_eq!(browser.get("/hour", &pass).await.status(), 200);
}
