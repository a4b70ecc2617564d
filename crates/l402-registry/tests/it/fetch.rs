//! Requests to strangers' addresses.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Method;
use l402_registry::{Ask, FetchError, Fetcher, Own, Reachable};

use crate::raw_server::{RawServer, answer, path};

fn ask(url: &str) -> Ask {
    Ask::new(Method::GET, url.parse().expect("a URL"))
}

/// A way for a registry that only this machine can reach.
fn local() -> Fetcher {
    Fetcher::new(Reachable {
        loopback: true,
        ..Reachable::default()
    })
}

async fn code(fetcher: &Fetcher, url: &str) -> &'static str {
    match fetcher.fetch(ask(url)).await {
        Ok(_) => "answered",
        Err(error) => error.code(),
    }
}

// ATTACKS G-01: a listing whose address is that of a neighbour, however it is written.
#[tokio::test]
async fn refuses_private_addresses_however_they_are_written() {
    let canary = RawServer::start(|_| answer(200, "", "secret")).await;
    let port = canary.address.port();
    let open = Fetcher::new(Reachable::default());
    for host in [
        "127.0.0.1",
        "127.1",
        "0177.1",
        "2130706433",
        "0x7f000001",
        "0.0.0.0",
        "localhost",
        "localhost.",
        "a.localhost",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "169.254.169.254",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "[fd00::1]",
        "[fe80::1]",
        "[64:ff9b::7f00:1]",
        "224.0.0.1",
        "255.255.255.255",
        "ok@127.0.0.1",
        "ok:pass@example.com",
    ] {
        for scheme in ["http", "https"] {
            let url = format!("{scheme}://{host}:{port}/x");
            assert_eq!(code(&open, &url).await, "private_address", "{url}");
        }
    }
    for url in [
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "ftp://127.0.0.1/",
        "data:text/plain,x",
    ] {
        assert_eq!(code(&open, url).await, "private_address", "{url}");
    }
    assert!(canary.requests().is_empty());
}

#[tokio::test]
async fn a_local_registry_asks_this_machine_and_no_other_private_address() {
    let server = RawServer::start(|_| answer(200, "", "here")).await;
    let fetched = local()
        .fetch(ask(&server.url("/x")))
        .await
        .expect("an answer");
    assert_eq!(
        (fetched.body.as_slice(), fetched.is_permanent),
        (&b"here"[..], true)
    );
    let port = server.address.port();
    assert_eq!(
        code(&local(), &format!("http://localhost:{port}/")).await,
        "answered"
    );
    for host in [
        "0.0.0.0",
        "10.0.0.1",
        "192.168.1.1",
        "[::]",
        "169.254.169.254",
    ] {
        let url = format!("http://{host}:{port}/x");
        assert_eq!(code(&local(), &url).await, "private_address", "{url}");
    }
    let asked = server.requests();
    assert!(
        asked[0].contains("user-agent: l402-registry/"),
        "{}",
        asked[0]
    );
    assert!(
        asked[0].contains("accept-authenticate: L402"),
        "{}",
        asked[0]
    );
}

// ATTACKS G-01: the ports of wallets and of the registry itself.
#[tokio::test]
async fn ports_of_our_own_are_never_asked_and_are_read_anew() {
    let server = RawServer::start(|_| answer(200, "", "here")).await;
    let own: Arc<Mutex<Vec<(String, u16)>>> = Arc::default();
    let read = Arc::clone(&own);
    let fetcher = Fetcher::new(Reachable {
        allowed: vec!["127.0.0.1".parse().expect("an address")],
        loopback: true,
        own: Own(Arc::new(move || read.lock().expect("a lock").clone())),
    });
    assert_eq!(code(&fetcher, &server.url("/")).await, "answered");
    own.lock()
        .expect("a lock")
        .push(("127.0.0.1".to_owned(), server.address.port()));
    for host in ["127.0.0.1", "localhost", "127.1", "[::ffff:127.0.0.1]"] {
        let url = format!("http://{host}:{}/", server.address.port());
        assert_eq!(code(&fetcher, &url).await, "private_address", "{url}");
    }
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn plain_http_goes_to_allowed_addresses_alone() {
    let public = Fetcher::new(Reachable::default()).with_resolver(|name| {
        assert_eq!(name, "shop.example");
        Box::pin(async { Ok(vec![IpAddr::from([1, 1, 1, 1])]) })
    });
    let refused = public.fetch(ask("http://shop.example/")).await.err();
    assert_eq!(
        refused,
        Some(FetchError::Refused("only https is asked".to_owned()))
    );
    let server = RawServer::start(|_| answer(200, "", "here")).await;
    let allowed = Fetcher::new(Reachable {
        allowed: vec!["127.0.0.0/8".parse().expect("a network")],
        ..Reachable::default()
    });
    assert_eq!(code(&allowed, &server.url("/")).await, "answered");
}

// ATTACKS G-02: a redirect to a private address, to a port of our own, or out of https.
#[tokio::test]
async fn every_redirect_is_checked_as_the_first_address_was() {
    let canary = RawServer::start(|_| answer(200, "", "secret")).await;
    let port = canary.address.port();
    let own = ("127.0.0.1".to_owned(), port);
    let server = RawServer::start(move |request| {
        let to = match path(request) {
            "/private" => "http://10.0.0.1/".to_owned(),
            "/metadata" => "http://169.254.169.254/latest".to_owned(),
            "/own" => format!("http://127.0.0.1:{port}/"),
            "/number" => format!("http://2130706433:{port}/"),
            "/mapped" => format!("http://[::ffff:127.0.0.1]:{port}/"),
            "/user" => format!("http://ok@127.0.0.1:{port}/"),
            "/file" => "file:///etc/passwd".to_owned(),
            _ => "/private".to_owned(),
        };
        answer(302, &format!("location: {to}\r\n"), "")
    });
    let server = server.await;
    let fetcher = Fetcher::new(Reachable {
        loopback: true,
        own: Own(Arc::new(move || vec![own.clone()])),
        ..Reachable::default()
    });
    for path in [
        "/private",
        "/metadata",
        "/own",
        "/number",
        "/mapped",
        "/user",
        "/file",
        "/second",
    ] {
        assert_eq!(
            code(&fetcher, &server.url(path)).await,
            "private_address",
            "{path}"
        );
    }
    assert!(canary.requests().is_empty());
}

#[tokio::test]
async fn at_most_three_redirects_are_followed_and_no_circle() {
    let server = RawServer::start(|request| {
        let (status, to) = match path(request) {
            "/3" => (301, "/2"),
            "/2" => (308, "/1"),
            "/1" => (301, "/0"),
            "/0" => return answer(200, "", "there"),
            "/4" => (301, "/3"),
            "/circle" => (301, "/circle"),
            "/temporary" => (302, "/0"),
            _ => (307, "/0"),
        };
        answer(status, &format!("location: {to}\r\n"), "")
    });
    let server = server.await;
    let fetcher = local();
    let three = fetcher
        .fetch(ask(&server.url("/3")))
        .await
        .expect("an answer");
    assert_eq!((three.url.path(), three.is_permanent), ("/0", true));
    let temporary = fetcher
        .fetch(ask(&server.url("/temporary")))
        .await
        .expect("an answer");
    assert!(!temporary.is_permanent);
    assert_eq!(code(&fetcher, &server.url("/4")).await, "redirects");
    assert_eq!(code(&fetcher, &server.url("/circle")).await, "redirects");
    let stay = Ask {
        follow: false,
        ..ask(&server.url("/4"))
    };
    assert_eq!(fetcher.fetch(stay).await.expect("an answer").status, 301);
}

#[tokio::test]
async fn a_body_follows_a_redirect_only_if_it_keeps_the_method() {
    let server = RawServer::start(|request| match path(request) {
        "/kept" => answer(307, "location: /end\r\n", ""),
        "/seen" => answer(303, "location: /end\r\n", ""),
        _ => answer(200, "", request.split(' ').next().unwrap_or_default()),
    });
    let server = server.await;
    for (path, method) in [("/kept", "POST"), ("/seen", "GET")] {
        let url = server.url(path).parse().expect("a URL");
        let ask = Ask {
            body: Some(b"{}".to_vec()),
            ..Ask::new(Method::POST, url)
        };
        let fetched = local().fetch(ask).await.expect("an answer");
        assert_eq!(fetched.body, method.as_bytes());
    }
}

// ATTACKS G-05: an answer that does not come to its end, or is larger than anybody reads.
#[tokio::test]
async fn slow_and_huge_answers_end_at_their_bounds() {
    let server = RawServer::start(|request| match path(request) {
        "/said" => b"HTTP/1.1 200 X\r\ncontent-length: 10737418240\r\n\r\n".to_vec(),
        "/long" => answer(200, "", &"x".repeat(70_000)),
        "/unsaid" => [b"HTTP/1.1 200 X\r\n\r\n", "x".repeat(70_000).as_bytes()].concat(),
        "/head" => answer(200, &format!("x: {}\r\n", "y".repeat(70_000)), ""),
        "/headers" => answer(200, &"x: y\r\n".repeat(150), ""),
        "/short" => b"HTTP/1.1 200 X\r\ncontent-length: 9\r\n\r\nabc".to_vec(),
        "/bomb" => answer(200, "content-encoding: gzip\r\n", "not unpacked"),
        _ => b"220 mail.example ESMTP\r\n".to_vec(),
    });
    let server = server.await;
    for (path, expected) in [
        ("/said", "too_large"),
        ("/long", "too_large"),
        ("/unsaid", "too_large"),
        ("/head", "too_large"),
        ("/headers", "too_large"),
        ("/short", "no_answer"),
        ("/bomb", "answered"),
        ("/mail", "no_answer"),
    ] {
        assert_eq!(code(&local(), &server.url(path)).await, expected, "{path}");
    }
    let bomb = local()
        .fetch(ask(&server.url("/bomb")))
        .await
        .expect("an answer");
    assert_eq!(bomb.body, b"not unpacked");
    // A listener that accepts and says nothing: the backlog of the system does so.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", silent.local_addr().expect("an address"));
    let impatient = Ask {
        timeout: Duration::from_millis(100),
        ..ask(&url)
    };
    assert_eq!(
        local().fetch(impatient).await.err(),
        Some(FetchError::TooSlow)
    );
}

#[tokio::test]
async fn the_certificate_must_hold_and_its_end_is_known() {
    let here = || -> l402_host::BoxFuture<'static, std::io::Result<Vec<IpAddr>>> {
        Box::pin(async { Ok(vec![Ipv4Addr::LOCALHOST.into()]) })
    };
    let (server, root) =
        RawServer::start_tls("shop.example", 30, |_| answer(200, "", "here")).await;
    let port = server.address.port();
    let fetcher = local()
        .with_resolver(move |_| here())
        .with_more_roots([root]);
    let url = format!("https://shop.example:{port}/");
    let fetched = fetcher.fetch(ask(&url)).await.expect("an answer");
    let end = fetched.tls_until.expect("an end").secs();
    let expected = time::OffsetDateTime::now_utc() + time::Duration::days(30);
    assert!(end.abs_diff(expected.unix_timestamp().unsigned_abs()) < 600);
    let other = format!("https://other.example:{port}/");
    let refused = fetcher.fetch(ask(&other)).await.err();
    let text = "its certificate is for another name".to_owned();
    assert_eq!(refused, Some(FetchError::Certificate(text)));
    let unknown = local().with_resolver(move |_| here());
    assert_eq!(code(&unknown, &url).await, "bad_certificate");

    let (old, root) = RawServer::start_tls("shop.example", -1, |_| answer(200, "", "here")).await;
    let fetcher = local()
        .with_resolver(move |_| here())
        .with_more_roots([root]);
    let url = format!("https://shop.example:{}/", old.address.port());
    let refused = fetcher.fetch(ask(&url)).await.err();
    let text = "its certificate has expired".to_owned();
    assert_eq!(refused, Some(FetchError::Certificate(text)));
}

#[tokio::test]
async fn a_redirect_never_leaves_https() {
    let plain = RawServer::start(|_| answer(200, "", "read on the way")).await;
    let to = plain.url("/");
    let (server, root) = RawServer::start_tls("shop.example", 30, move |_| {
        answer(302, &format!("location: {to}\r\n"), "")
    })
    .await;
    let fetcher = local()
        .with_more_roots([root])
        .with_resolver(|_| Box::pin(async { Ok(vec![Ipv4Addr::LOCALHOST.into()]) }));
    let url = format!("https://shop.example:{}/", server.address.port());
    let refused = fetcher.fetch(ask(&url)).await.err();
    let text = "a redirect leads from https to plain http".to_owned();
    assert_eq!(refused, Some(FetchError::Refused(text)));
    assert!(plain.requests().is_empty());
}

#[tokio::test]
async fn a_name_without_an_address_is_told_from_a_server_that_is_not_there() {
    let lost =
        local().with_resolver(|_| Box::pin(async { Err(std::io::ErrorKind::NotFound.into()) }));
    assert_eq!(code(&lost, "https://nowhere.example/").await, "no_address");
    let empty = local().with_resolver(|_| Box::pin(async { Ok(Vec::new()) }));
    assert_eq!(code(&empty, "https://nowhere.example/").await, "no_address");
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", gone.local_addr().expect("an address"));
    drop(gone);
    assert_eq!(code(&local(), &url).await, "no_answer");
}
