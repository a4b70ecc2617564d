//! Cookies on their way: which are the gateway's, and which of several counts.

use http::{HeaderValue, header};
use serde_json::Value;

use super::browser::{Browser, is_refused};
use super::refused::bought;
use super::{shop, shop_at};
use crate::harness::{GatewayUnderTest, describe, serve, upstream, whole};

/// The cookies that an upstream got.
fn cookies(seen: &Value) -> Vec<&str> {
    let headers = seen["headers"].as_array().expect("headers");
    let cookies = headers.iter().filter(|header| header[0] == "cookie");
    cookies
        .map(|header| header[1].as_str().expect("a text"))
        .collect()
}

/// ATTACKS T-35, H-29.
#[tokio::test(flavor = "multi_thread")]
async fn no_upstream_sees_a_pass_or_sets_one() {
    for http2 in [false, true] {
        let seeing = upstream(http2, |request| async {
            let mut reply = describe(request).await;
            for cookie in [
                "__Host-l402-12345678=x; Path=/",
                "l402-12345678=x",
                "l402-theme=dark",
                "__HOST-L402-1 =x",
                // No name: a browser sends the value alone, which is a name to whoever reads it.
                "=l402-00000001=x",
                " = = __Host-l402-00000001=x; Path=/",
            ] {
                reply
                    .headers_mut()
                    .append(header::SET_COOKIE, HeaderValue::from_static(cookie));
            }
            reply
        })
        .await;
        let text = shop_at(seeing);
        let text = if http2 {
            text.replace("http://", "h2c://")
        } else {
            text
        };
        let server = serve(&text).await;
        let browser = Browser(server.address);
        let (_, pass) = bought(&server, "/hour").await;
        for path in ["/hour", "/free"] {
            for (sent, seen) in [
                (pass.clone(), &[][..]),
                (format!("a=1; {pass}; b=2"), &["a=1; b=2"]),
                (format!("__Host-l402-0=1;{pass}"), &[]),
                (format!("{pass}; l402-theme=dark"), &["l402-theme=dark"]),
            ] {
                let answer = browser.get(path, &sent).await;
                assert_eq!(answer.status(), 200, "{}", answer.text());
                assert_eq!(cookies(&answer.json()), seen, "{path} {sent}");
                let set = answer.head.headers.get_all(header::SET_COOKIE).iter();
                assert_eq!(set.collect::<Vec<_>>(), ["l402-theme=dark"]);
            }
            // A credential in a header beside it changes nothing about that.
            let headers = [("cookie", &*pass), ("authorization", "Basic eDp5")];
            let answer = browser.send("GET", path, &headers, "").await;
            assert!(cookies(&answer.json()).is_empty());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_passes_one_that_is_good_counts() {
    let server = serve(&shop().await).await;
    let browser = Browser(server.address);
    let (_, hour) = bought(&server, "/hour").await;
    let (_, first) = bought(&server, "/three").await;
    server.clock.advance(std::time::Duration::from_secs(60));
    let (_, second) = bought(&server, "/three").await;
    let all = format!("l402-00000000=forged; {hour}; {second}; x=1; {first}; l402-ffffffff=AAAA");
    // Three of the one that ends last, then three of the other.
    for left in ["2", "1", "0", "2", "1", "0"] {
        let answer = browser.get("/three", &all).await;
        assert_eq!(
            (answer.status(), answer.header("l402-uses-left")),
            (200, Some(left))
        );
    }
    assert_eq!(browser.get("/three", &all).await.code(), "consumed");
    assert_eq!(browser.get("/hour", &all).await.status(), 200);
}

/// A page of a neighbouring host can set cookies for this one, but none that begin with `__Host-`.
#[tokio::test(flavor = "multi_thread")]
async fn cookies_that_a_neighbour_has_tossed_in_push_no_pass_out() {
    let server = serve(&shop().await).await;
    let browser = Browser(server.address);
    let (_, pass) = bought(&server, "/hour").await;
    let pass = format!("__Host-{pass}");
    let tossed: Vec<_> = (0..40).map(|n| format!("l402-{n:08}=tossed")).collect();
    let cookies = format!("{pass}; {}", tossed.join("; "));
    assert_eq!(browser.get("/hour", &cookies).await.status(), 200);
    // Nor is it taken away with the next one.
    let price = browser.price("/hour").await;
    server.pay_document(&price.document).await;
    server.clock.advance(std::time::Duration::from_secs(1));
    let answer = browser
        .ask_with(&price, &[("cookie", &cookies)], None)
        .await;
    assert_eq!(
        answer
            .head
            .headers
            .get_all(header::SET_COOKIE)
            .iter()
            .count(),
        1
    );
}

/// The seller has changed the policy between two sales of one service.
#[tokio::test(flavor = "multi_thread")]
async fn a_pass_whose_uses_are_not_counted_goes_before_one_whose_are() {
    let text = shop().await;
    let mut server = serve(&text).await;
    let (_, spent) = bought(&server, "/three").await;
    let (_, three) = bought(&server, "/three").await;
    for _ in 0..3 {
        let answer = Browser(server.address).get("/three", &spent).await;
        assert_eq!(answer.status(), 200);
    }
    server.shutdown(std::time::Duration::ZERO).await;
    server.restart(&text.replace("uses=3", "time=1h")).await;
    let browser = Browser(server.address);
    let (_, hour) = bought(&server, "/three").await;
    for cookies in [
        format!("{spent}; {hour}"),
        format!("{hour}; {three}; {spent}"),
    ] {
        let answer = browser.get("/three", &cookies).await;
        assert_eq!(
            (answer.status(), answer.header("l402-uses-left")),
            (200, None)
        );
    }
    let counted = browser.get("/three", &three).await;
    assert_eq!(counted.header("l402-uses-left"), Some("2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_sixteen_are_looked_at_and_older_ones_are_taken_away() {
    let server = serve(&shop().await).await;
    let browser = Browser(server.address);
    let (_, pass) = bought(&server, "/hour").await;
    let old = |count: usize| -> String {
        let old: Vec<_> = (0..count).map(|n| format!("l402-{n:08}=old")).collect();
        old.join("; ")
    };
    let newest = format!("{}; {pass}", old(40));
    assert_eq!(browser.get("/hour", &newest).await.status(), 200);
    is_refused(&browser.get("/hour", &format!("{pass}; {}", old(16))).await);
    let price = browser.price("/hour").await;
    server.pay_document(&price.document).await;
    server.clock.advance(std::time::Duration::from_secs(1));
    let answer = browser
        .ask_with(&price, &[("cookie", &old(18))], None)
        .await;
    let set = answer.head.headers.get_all(header::SET_COOKIE).iter();
    let set: Vec<_> = set.map(|line| line.to_str().expect("text")).collect();
    assert_eq!(set.len(), 4, "{set:?}");
    for (n, line) in set[..3].iter().enumerate() {
        assert!(
            line.starts_with(&format!("l402-{n:08}=; Max-Age=0; Path=/;")),
            "{line}"
        );
    }
}

/// Asks for a pass of a new payment for `/hour`, and returns the names that are taken away.
async fn taken_away(server: &GatewayUnderTest, cookies: &str) -> Vec<String> {
    let browser = Browser(server.address);
    let price = browser.price("/hour").await;
    server.pay_document(&price.document).await;
    server.clock.advance(std::time::Duration::from_secs(1));
    let answer = browser.ask_with(&price, &[("cookie", cookies)], None).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let set = answer.head.headers.get_all(header::SET_COOKIE).iter();
    let set = set.map(|line| line.to_str().expect("text"));
    let gone = set.filter_map(|line| line.split_once("=; Max-Age=0; "));
    gone.map(|(name, _)| name.to_owned()).collect()
}

fn names<'a>(passes: impl IntoIterator<Item = &'a String>) -> Vec<&'a str> {
    let names = passes.into_iter().map(|pass| pass.split('=').next());
    names.map(|name| name.expect("a name")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_too_many_passes_those_of_one_page_go_and_those_of_a_time_stay() {
    let server = serve(&shop().await).await;
    let mut kept = Vec::new();
    for _ in 0..2 {
        kept.push(bought(&server, "/hour").await.1);
        kept.push(bought(&server, "/three").await.1);
    }
    let mut pages = Vec::new();
    for n in 0..12 {
        pages.push(bought(&server, &format!("/a?{n}")).await.1);
    }
    let all = format!("{}; {}", kept.join("; "), pages.join("; "));
    let gone = taken_away(&server, &all).await;
    assert_eq!(gone, names(&pages[..gone.len()]));
    // With the new one, which is as long as another of its service, they are within 6 KiB, and no fewer.
    let size = |passes: &[String]| passes.iter().map(|pass| pass.len() + 2).sum::<usize>();
    let left = |gone: usize| size(&kept) + size(&kept[..1]) + size(&pages[gone..]);
    assert!(left(gone.len()) <= 6 * 1024, "{}", left(gone.len()));
    assert!(left(gone.len() - 1) > 6 * 1024, "{}", gone.len());
    // What does not open goes first.
    let all = format!("{}; l402-00000000={}", kept.join("; "), "x".repeat(4000));
    assert_eq!(taken_away(&server, &all).await, ["l402-00000000"]);
    // What has ended as well: an hour after its invoice.
    server
        .clock
        .advance(std::time::Duration::from_secs(6 * 3600));
    let all = format!("{}; {}", pages.join("; "), kept.join("; "));
    let gone = taken_away(&server, &all).await;
    assert_eq!(gone[..2], names([&kept[0], &kept[2]]));
    assert_eq!(gone[2..], names(&pages[..gone.len() - 2]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_in_a_header_wins_over_a_pass() {
    let server = serve(&shop().await).await;
    let browser = Browser(server.address);
    let (_, pass) = bought(&server, "/three").await;
    let headers = |authorization| {
        [
            ("cookie", pass.as_str()),
            ("sec-fetch-site", "none"),
            ("authorization", authorization),
        ]
    };
    let forged = browser
        .send("GET", "/three", &headers("L402 x:y"), "")
        .await;
    assert_eq!(forged.status(), 401);
    let hour = server.buy("/hour").await;
    let other = browser.send("GET", "/three", &headers(&hour), "").await;
    assert_eq!(
        (other.status(), other.code().as_str()),
        (402, "wrong_service")
    );
    // Another scheme is the upstream's, and no credential here.
    let basic = browser
        .send("GET", "/three", &headers("Basic eDp5"), "")
        .await;
    assert_eq!(basic.header("l402-uses-left"), Some("2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_says_that_it_depends_on_cookies() {
    let answering = upstream(false, |_| async { whole(200, "a page") }).await;
    let server = serve(&shop_at(answering)).await;
    let browser = Browser(server.address);
    let (_, pass) = bought(&server, "/hour").await;
    let vary = |answer: &crate::harness::Answer| {
        let lines = answer.head.headers.get_all(header::VARY).iter();
        let lines: Vec<_> = lines
            .map(|line| line.to_str().expect("text").to_owned())
            .collect();
        lines.join(", ")
    };
    assert_eq!(
        vary(&browser.get("/hour", &pass).await),
        "authorization, cookie"
    );
    assert_eq!(vary(&browser.get("/hour", "").await), "accept, cookie");
}
