//! The two forms of the question, and what is no question.

use super::browser::{Browser, Price, UNLOCK, state};
use super::shop;
use crate::harness::{Answer, serve};

fn form(price: &Price) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("token", &price.token)
        .append_pair("path", &price.path);
    form.finish()
}

async fn send_form(browser: Browser, price: &Price) -> Answer {
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("sec-fetch-site", "same-origin"),
        ("origin", "null"),
    ];
    browser.send("POST", UNLOCK, &headers, form(price)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_without_script_leads_to_what_was_paid_for() {
    let server = serve(&shop().await).await;
    let browser = Browser(server.address);
    let price = browser.price("/a?x=%20&y=1").await;
    let answer = send_form(browser, &price).await;
    assert_eq!(answer.status(), 202);
    assert_eq!(
        answer.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    // The same question again, since the price would show another invoice.
    let again = answer.text();
    assert!(
        again.contains(&price.token) && again.contains("%20&amp;y=1"),
        "{again}"
    );
    let policy = answer.header("content-security-policy").expect("a policy");
    assert!(policy.contains("default-src 'none'"));
    server.pay_document(&price.document).await;
    server.clock.advance(std::time::Duration::from_secs(1));
    let answer = send_form(browser, &price).await;
    assert_eq!(
        (answer.status(), answer.header("location")),
        (303, Some(&*price.path))
    );
    let pass = answer
        .header("set-cookie")
        .expect("a cookie")
        .split(';')
        .next();
    let served = browser
        .from("same-origin", &price.path, pass.expect("a pair"))
        .await;
    assert_eq!(served.status(), 200, "{}", served.text());
}

/// ATTACKS T-36.
#[tokio::test(flavor = "multi_thread")]
async fn no_path_leads_to_another_host() {
    let server = serve(&shop().await).await;
    let browser = Browser(server.address);
    let price = browser.price("/hour").await;
    server.pay_document(&price.document).await;
    for path in [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example/",
        "evil.example",
        "",
        "/\t/evil.example",
        "/\r\nset-cookie: a=b",
        "/%00",
    ] {
        let price = Price {
            path: path.to_owned(),
            ..price.clone()
        };
        for answer in [send_form(browser, &price).await, browser.ask(&price).await] {
            assert_eq!(answer.status(), 400, "{path}");
            assert_eq!(answer.header("location"), None);
            assert_eq!(answer.header("set-cookie"), None);
        }
    }
}

/// ATTACKS T-36, O-04.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_asks_nothing() {
    let server = serve(&shop().await).await;
    let browser = Browser(server.address);
    let price = browser.price("/hour").await;
    server.pay_document(&price.document).await;
    let own = format!("http://{}", server.address);
    for foreign in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example")],
        &[("origin", "null"), ("x-silent", "")],
        &[("origin", &own), ("sec-fetch-site", "cross-site")],
    ] {
        let answer = browser.ask_with(&price, foreign, None).await;
        assert_eq!(answer.status(), 403, "{foreign:?}");
        assert_eq!(answer.header("set-cookie"), None);
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    let own = [("origin", &*own), ("sec-fetch-site", "same-origin")];
    assert_eq!(browser.ask_with(&price, &own, None).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_question_is_refused() {
    let server = serve(&shop().await).await;
    let browser = Browser(server.address);
    let json = ("content-type", "application/json");
    for (headers, body, status) in [
        (&[][..], "{}".to_owned(), 415),
        (&[("content-type", "text/plain")], "{}".to_owned(), 415),
        (&[json], "{}".to_owned(), 400),
        (&[json], "[".to_owned(), 400),
        (
            &[json],
            format!("{{\"token\":\"{}\"}}", "x".repeat(17_000)),
            413,
        ),
    ] {
        let answer = browser.send("POST", UNLOCK, headers, body).await;
        assert_eq!(state(&answer).0, status);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    for method in ["GET", "PUT", "DELETE"] {
        assert_eq!(
            browser.send(method, UNLOCK, &[], "").await.status(),
            405,
            "{method}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_sells_nothing_or_shows_no_page_has_no_such_path() {
    // What was given before is good all the same: it was paid for.
    let (with, without) = (shop().await, shop().await + "[page]\nenabled = false\n");
    let mut server = serve(&with).await;
    let (_, pass) = super::refused::bought(&server, "/hour").await;
    server.shutdown(std::time::Duration::ZERO).await;
    server.restart(&without).await;
    let browser = Browser(server.address);
    assert_eq!(browser.send("POST", UNLOCK, &[], "").await.status(), 404);
    assert_eq!(browser.get("/hour", &pass).await.status(), 200);
    let text = "[[route]]\npath = \"/{*rest}\"\nupstream = \"http://127.0.0.1:1\"\nfree = true\n";
    let server = serve(&(crate::harness::QUIET.to_owned() + text)).await;
    let answer = Browser(server.address).send("POST", UNLOCK, &[], "").await;
    assert_eq!(answer.status(), 404);
}
