//! Paid means served: what spends a credential, and what gives it back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::Response;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use tokio::task::JoinSet;

use crate::harness::{Reply, describe, request, routes, send, serve, try_send, upstream, whole};

#[tokio::test(flavor = "multi_thread")]
async fn asks_is_paid_and_serves_once() {
    let server = serve(&routes(upstream(false, describe).await, "")).await;
    let credential = server.buy("/joke").await;
    let served = server.get("/joke", Some(&credential)).await;
    assert_eq!(served.status(), 200, "{}", served.text());
    assert_eq!(served.header("cache-control"), Some("private, no-store"));
    let told = (served.header("l402-use"), served.header("l402-uses-left"));
    assert_eq!(told, (Some("pending"), Some("0")));
    let again = server.get("/joke", Some(&credential)).await;
    assert_eq!((again.status(), again.code()), (402, "consumed".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_credentials_are_told_apart() {
    let server = serve(&routes(upstream(false, describe).await, "")).await;
    let credential = server.buy("/joke").await;
    let (token, _) = credential.split_once(':').unwrap();
    let stolen = format!("{token}:{}", "00".repeat(32));
    for (credential, code) in [
        ("L402 garbage", "invalid_auth_format"),
        (&stolen, "invalid_token"),
    ] {
        let answer = server.get("/joke", Some(credential)).await;
        assert_eq!((answer.status(), answer.code().as_str()), (401, code));
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
        assert!(answer.json()["error"].is_string());
    }
    assert_eq!(server.get("/joke", Some(&credential)).await.status(), 200);
}

/// A body that breaks off after half of it.
fn broken() -> Reply {
    let pieces = futures_util::stream::unfold(0, |sent| async move {
        // The first half must be on its way before the break: a server flushes when it has to wait.
        tokio::task::yield_now().await;
        let half = Ok(Frame::data(Bytes::from("half")));
        Some((
            if sent == 0 {
                half
            } else {
                Err(std::io::Error::other("reset"))
            },
            sent + 1,
        ))
    });
    let mut reply = Response::new(StreamBody::new(pieces).boxed());
    reply.headers_mut().insert("content-length", 100.into());
    reply
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_upstream_costs_nothing() {
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    let upstream = upstream(false, move |_| {
        let number = counted.fetch_add(1, Ordering::SeqCst);
        async move {
            match number {
                0 => whole(500, "oops"),
                1 => std::future::pending().await,
                2 => broken(),
                _ => whole(200, "at last"),
            }
        }
    })
    .await;
    let text = format!(
        "{}[http]\nupstream_timeout_secs = 1\n",
        routes(upstream, "")
    );
    let server = serve(&text).await;
    let credential = server.buy("/").await;
    assert_eq!(server.get("/", Some(&credential)).await.status(), 500);

    let slow = server.get("/", Some(&credential)).await;
    assert_eq!(
        (slow.status(), slow.code()),
        (504, "upstream_timeout".to_owned())
    );
    let told = (slow.header("l402-use"), slow.header("l402-uses-left"));
    assert_eq!(told, (Some("kept"), Some("1")));
    let document = slow.json();
    assert_eq!(
        (&document["paid"], &document["retry_with"]),
        (&true.into(), &"same_token".into())
    );

    let cut = try_send(server.address, request("GET", "/", Some(&credential), b"")).await;
    assert!(cut.is_err(), "half a body must not look whole");

    // After the third failure the next try has to wait.
    let early = server.get("/", Some(&credential)).await;
    assert_eq!(
        (early.status(), early.code()),
        (503, "upstream_failing".to_owned())
    );
    assert_eq!(early.header("retry-after"), Some("1"));
    server.clock.advance(std::time::Duration::from_secs(1));
    let served = server.get("/", Some(&credential)).await;
    assert_eq!((served.status(), served.text().as_str()), (200, "at last"));
    assert_eq!(server.get("/", Some(&credential)).await.code(), "consumed");
    assert_eq!(tries.load(Ordering::SeqCst), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_is_away_is_502_and_costs_nothing() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let server = serve(&routes(address, "")).await;
    let credential = server.buy("/").await;
    // FAULTS G10: on a free route nobody is told of a credential.
    let free = async |code: &str| {
        let free = server.get("/free", None).await;
        assert_eq!(free.code(), code);
        assert!(!free.text().contains("credential"), "{}", free.text());
        assert_eq!(free.json()["retry_with"], "none");
    };
    free("upstream_failed").await;
    for _ in 0..2 {
        let answer = server.get("/", Some(&credential)).await;
        assert_eq!(
            (answer.status(), answer.code()),
            (502, "upstream_failed".to_owned())
        );
        assert_eq!(answer.json()["paid"], true);
    }
    // By now it is known to be down.
    free("upstream_unavailable").await;
}

// FAULTS C6: a redirect that stays here is given back like a 404, and one that leads to another
// origin is what was bought. The host may be named with its port, as a client sends it, or left out.
#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_inside_the_origin_costs_nothing_and_one_to_another_is_the_delivery() {
    let upstream = upstream(false, |request| async move {
        let (status, location) = match request.uri().path() {
            "/moved" => (301, "/next"),
            "/found" => (302, "http://shop.example/next"),
            "/temporary" => (307, "https://shop.example/next"),
            "/permanent" => (308, "next"),
            "/same" => (304, ""),
            "/delivery" => (302, "https://files.example/a?signature=1"),
            "/see" => (303, "/next"),
            path => return whole(200, path.to_owned()),
        };
        let mut reply = whole(status, "");
        let location = location.parse().expect("a value");
        reply.headers_mut().insert("location", location);
        reply
    });
    let routes = routes(upstream.await, "");
    let server = serve(&format!("hosts = [\"shop.example\"]\n{routes}")).await;
    for path in ["/moved", "/found", "/temporary", "/permanent", "/same"] {
        let credential = server.buy(path).await;
        let redirect = server.get(path, Some(&credential)).await;
        assert_eq!(redirect.header("l402-use"), Some("kept"), "{path}");
        let next = server.get("/next", Some(&credential)).await;
        assert_eq!((next.status(), next.text().as_str()), (200, "/next"));
    }
    for path in ["/delivery", "/see"] {
        let credential = server.buy(path).await;
        let redirect = server.get(path, Some(&credential)).await;
        assert_eq!(redirect.header("l402-use"), Some("spent"), "{path}");
        let next = server.get("/next", Some(&credential)).await;
        assert_eq!(next.code(), "consumed");
    }
    let credential = server.buy("/moved").await;
    for time in 1..=6 {
        let redirect = server.get("/moved", Some(&credential)).await;
        let expected = if time == 6 { "spent" } else { "kept" };
        assert_eq!(redirect.header("l402-use"), Some(expected));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_presented_many_times_at_once_is_served_once() {
    let served = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&served);
    let upstream = upstream(false, move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        async { whole(200, "ok") }
    })
    .await;
    let server = serve(&routes(upstream, "")).await;
    let mut credentials: Vec<Arc<str>> = Vec::new();
    for _ in 0..10 {
        credentials.push(server.buy("/").await.into());
    }
    let mut crowd = JoinSet::new();
    for credential in credentials {
        for _ in 0..50 {
            let (credential, address) = (Arc::clone(&credential), server.address);
            crowd.spawn(async move {
                send(address, request("GET", "/", Some(&credential), b""))
                    .await
                    .status()
            });
        }
    }
    let mut statuses: Vec<u16> = crowd.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 10);
    assert!(
        statuses
            .iter()
            .all(|status| [200, 402, 409, 429].contains(status)),
        "{statuses:?}"
    );
    assert_eq!(served.load(Ordering::SeqCst), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_an_upstream_that_fails_half_the_time_each_token_is_served_once_in_the_end() {
    let (asked, good) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (count, ok) = (Arc::clone(&asked), Arc::clone(&good));
    let upstream = upstream(false, move |_| {
        let fails = count.fetch_add(1, Ordering::SeqCst).is_multiple_of(2);
        if !fails {
            ok.fetch_add(1, Ordering::SeqCst);
        }
        async move { whole(if fails { 503 } else { 200 }, "x") }
    })
    .await;
    let server = serve(&routes(upstream, "")).await;
    for _ in 0..20 {
        let credential = server.buy("/").await;
        let mut served = 0;
        for _ in 0..6 {
            served += usize::from(server.get("/", Some(&credential)).await.status() == 200);
        }
        assert_eq!(served, 1);
    }
    assert_eq!(good.load(Ordering::SeqCst), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_one_service_stays_good_when_shown_to_another() {
    let upstream = upstream(false, describe).await;
    let route = |name: &str, price: &str| {
        format!(
            "[[route]]\npath = \"/{name}\"\nupstream = \"http://{upstream}\"\nprice = \"{price}\"\n"
        )
    };
    let server = serve(&(route("joke", "50 sat") + &route("quote", "10 sat"))).await;
    let credential = server.buy("/joke").await;
    let other = server.get("/quote", Some(&credential)).await;
    assert_eq!(
        (other.status(), other.code()),
        (402, "wrong_service".to_owned())
    );
    assert_eq!(server.get("/joke", Some(&credential)).await.status(), 200);
}

/// ATTACKS H-36.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_asked_for_only_when_it_was_paid_for() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let server = serve(&routes(upstream(false, describe).await, "")).await;
    let credential = server.buy("/x").await;
    for (authorization, expected) in [
        (String::new(), "HTTP/1.1 402"),
        (format!("Authorization: {credential}\r\n"), "HTTP/1.1 100"),
    ] {
        let mut socket = tokio::net::TcpStream::connect(server.address)
            .await
            .unwrap();
        let head = format!(
            "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\
             {authorization}\r\n"
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut line = [0; 12];
        socket.read_exact(&mut line).await.unwrap();
        assert_eq!(std::str::from_utf8(&line).unwrap(), expected);
    }
}
