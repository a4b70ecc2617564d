//! A pass for one page, and an upstream that sends the browser on to another.

use http::{HeaderValue, Request, header};
use hyper::body::Incoming;

use super::browser::{Browser, is_refused};
use super::refused::bought;
use crate::harness::{Answer, QUIET, Reply, serve, upstream, whole};

/// An upstream whose pages mostly lead on to others.
async fn leading(request: Request<Incoming>) -> Reply {
    let host = request.headers().get(header::HOST);
    let host = host.map_or("", |host| host.to_str().expect("a host"));
    let inside = format!("http://{host}/once/4?c=d#e");
    let (status, location) = match request.uri().path() {
        "/once/docs" => (302, "/once/docs/"),
        "/once/1" => (301, "2?a=b"),
        "/once/2" => (307, "./x/../3"),
        "/once/3" => (308, inside.as_str()),
        "/once/away" => (302, "https://files.example/a?signature=1"),
        "/once/other" => (302, "/other"),
        "/once/free" => (302, "/free"),
        "/once/done" => (303, "/once/docs/"),
        "/once/self" => (302, "/once/self"),
        _ => (200, ""),
    };
    let mut reply = whole(status, "a page");
    if !location.is_empty() {
        let location = HeaderValue::from_str(location).expect("a location");
        reply.headers_mut().insert(header::LOCATION, location);
    }
    reply
}

async fn shop(http2: bool) -> String {
    let scheme = if http2 { "h2c" } else { "http" };
    let at = upstream(http2, leading).await;
    let route = |path: &str, more: &str| {
        format!("[[route]]\npath = \"{path}\"\nupstream = \"{scheme}://{at}\"\n{more}\n")
    };
    let once = "price = \"50 sat\"\nservice = \"once\"\npolicy = \"request\"";
    let other = "price = \"50 sat\"\nservice = \"other\"\npolicy = \"request\"";
    QUIET.to_owned()
        + &route("/once/{*rest}", once)
        + &route(
            "/in/once/{*rest}",
            &format!("{once}\nstrip_prefix = \"/in\""),
        )
        + &route("/other", other)
        + &route("/free", "free = true")
}

/// Follows a redirect as a browser does: with the cookie that the answer has set, if it has set one.
async fn follow(browser: Browser, answer: &Answer, at: &str, cookie: &mut String) -> Answer {
    if let Some(line) = answer.header("set-cookie") {
        let pair = line.split(';').next().expect("a pair");
        let name = |cookie: &str| cookie.split('=').next().expect("a name").to_owned();
        assert_eq!(name(pair), name(cookie), "it replaces the old one");
        assert!(line.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{line}");
        *cookie = pair.to_owned();
    }
    let base = format!("http://{}{at}", browser.0);
    let location = answer.header("location").expect("a location");
    let next = url::Url::parse(&base).and_then(|base| base.join(location));
    let next = next.expect("an address");
    let query = next
        .query()
        .map_or(String::new(), |query| format!("?{query}"));
    browser
        .get(&format!("{}{query}", next.path()), cookie)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_for_one_page_goes_along_with_a_redirect_that_leads_on() {
    for http2 in [false, true] {
        let server = serve(&shop(http2).await).await;
        let browser = Browser(server.address);
        let (_, first) = bought(&server, "/once/docs").await;
        let mut pass = first.clone();
        let moved = browser.get("/once/docs", &pass).await;
        assert_eq!(moved.status(), 302, "{}", moved.text());
        assert_eq!(moved.header("l402-use"), Some("kept"));
        let goods = follow(browser, &moved, "/once/docs", &mut pass).await;
        assert_eq!((goods.status(), goods.text().as_str()), (200, "a page"));
        assert_eq!(goods.header("set-cookie"), None);
        // One payment, one use, whichever of both passes is shown.
        assert_eq!(browser.get("/once/docs/", &pass).await.code(), "consumed");
        assert_eq!(browser.get("/once/docs", &first).await.code(), "consumed");
        is_refused(&browser.get("/once/docs/", &first).await);
    }
}

/// Also: relative addresses, a query, the upstream's own address, and a prefix that is taken off.
#[tokio::test(flavor = "multi_thread")]
async fn a_pass_follows_a_chain_of_redirects() {
    for prefix in ["", "/in"] {
        let server = serve(&shop(false).await).await;
        let browser = Browser(server.address);
        let at = |path: &str| format!("{prefix}/once/{path}");
        let (_, mut pass) = bought(&server, &at("1")).await;
        let first = browser.get(&at("1"), &pass).await;
        assert_eq!(first.status(), 301, "{}", first.text());
        let second = follow(browser, &first, &at("1"), &mut pass).await;
        assert_eq!(second.status(), 307, "{}", second.text());
        // The query belongs to the place.
        is_refused(&browser.get(&at("2"), &pass).await);
        let third = follow(browser, &second, &at("2?a=b"), &mut pass).await;
        assert_eq!(third.status(), 308, "{}", third.text());
        let goods = follow(browser, &third, &at("3"), &mut pass).await;
        assert_eq!(goods.status(), 200, "{}", goods.text());
        let again = browser.get(&at("4?c=d"), &pass).await;
        assert_eq!(again.code(), "consumed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_moves_a_pass_as_a_get_does() {
    let server = serve(&shop(false).await).await;
    let browser = Browser(server.address);
    let (_, mut pass) = bought(&server, "/once/docs").await;
    let headers = [("cookie", &*pass), ("sec-fetch-site", "none")];
    let moved = browser.send("HEAD", "/once/docs", &headers, "").await;
    assert_eq!(moved.status(), 302);
    let goods = follow(browser, &moved, "/once/docs", &mut pass).await;
    assert_eq!(goods.status(), 200, "{}", goods.text());
}

/// To another host, to what another service sells, to what is free, after the use was spent, to itself; for
/// another policy, and for a credential in a header.
#[tokio::test(flavor = "multi_thread")]
async fn no_other_redirect_gives_a_pass() {
    let text = shop(false).await;
    let server = serve(&text).await;
    let browser = Browser(server.address);
    for (path, used) in [
        ("/once/away", "spent"),
        ("/once/other", "kept"),
        ("/once/free", "kept"),
        ("/once/done", "spent"),
        ("/once/self", "kept"),
    ] {
        let (_, pass) = bought(&server, path).await;
        let answer = browser.get(path, &pass).await;
        assert!((300..400).contains(&answer.status()), "{path}");
        assert_eq!(answer.header("set-cookie"), None, "{path}");
        let state = answer.header("l402-use").unwrap_or("spent");
        assert_eq!(state == "kept", used == "kept", "{path}: {state}");
    }
    let credential = server.buy("/once/docs").await;
    let answer = server.get("/once/docs", Some(&credential)).await;
    assert_eq!((answer.status(), answer.header("set-cookie")), (302, None));
    let hour = serve(&text.replace("\"request\"", "\"time=1h\"")).await;
    let (_, pass) = bought(&hour, "/once/docs").await;
    let answer = Browser(hour.address).get("/once/docs", &pass).await;
    assert_eq!((answer.status(), answer.header("set-cookie")), (302, None));
    // So many redirects spend the use, and then nothing is moved.
    let (_, pass) = bought(&server, "/once/docs").await;
    let mut set = Vec::new();
    for _ in 0..8 {
        let answer = browser.get("/once/docs", &pass).await;
        set.push((answer.status(), answer.header("set-cookie").is_some()));
    }
    assert_eq!(set[0], (302, true));
    assert!(set.contains(&(302, false)), "{set:?}");
    assert_eq!(set[7], (402, false));
}
