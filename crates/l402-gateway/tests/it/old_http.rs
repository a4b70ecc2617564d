//! Requests of HTTP/1.0, as proxies and health checks send them by default.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{GatewayUnderTest, Reply, describe, routes, serve, upstream};

/// Returns all bytes that come back until the gateway closes.
async fn say(server: &GatewayUnderTest, text: &str) -> String {
    let socket = TcpStream::connect(server.address).await;
    let mut socket = socket.expect("a connection");
    socket.write_all(text.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// Returns the status and the body of the only answer.
fn only(answer: &str) -> (u16, &str) {
    assert_eq!(answer.matches("HTTP/1.").count(), 1, "{answer}");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(!head.contains("transfer-encoding"), "{answer}");
    (head[9..12].parse().expect("a status"), body)
}

// FAULTS G4: nginx's `proxy_pass` and haproxy's `httpchk` speak HTTP/1.0 by default.
#[tokio::test(flavor = "multi_thread")]
async fn old_http_is_served_and_closed() {
    let server = serve(&routes(upstream(false, describe).await, "")).await;
    let credential = server.buy("/x").await;
    let paid = format!("GET /x HTTP/1.0\r\nAuthorization: {credential}\r\n\r\n");
    for (request, status) in [
        ("GET /free HTTP/1.0\r\n\r\n", 200),
        (
            "GET /free HTTP/1.0\r\nHost: a\r\nConnection: close\r\n\r\n",
            200,
        ),
        ("GET /free HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200),
        ("GET http://a/free HTTP/1.0\r\n\r\n", 200),
        ("HEAD /free HTTP/1.0\r\n\r\n", 200),
        ("POST /free HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi", 200),
        ("OPTIONS / HTTP/1.0\r\n\r\n", 402),
        ("GET /x HTTP/1.0\r\n\r\n", 402),
        (&paid, 200),
    ] {
        let answer = say(&server, request).await;
        let (told, body) = only(&answer);
        assert_eq!(told, status, "{request:?}: {answer}");
        assert!(answer.starts_with("HTTP/1.0 "), "{answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
        assert_eq!(body.is_empty(), request.starts_with("HEAD"), "{answer}");
        let is_upload = request.starts_with("POST");
        assert_eq!(body.contains("\"body\":\"hi\""), is_upload, "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_in_chunks_reaches_old_http_without_them() {
    let upstream = upstream(false, |_| async {
        let pieces = ["one ", "two"].map(|piece| Ok(http_body::Frame::data(piece.into())));
        let pieces = futures_util::stream::iter(pieces);
        Reply::new(http_body_util::StreamBody::new(pieces).boxed())
    });
    let server = serve(&routes(upstream.await, "")).await;
    let answer = say(&server, "GET /free HTTP/1.0\r\n\r\n").await;
    assert_eq!(only(&answer), (200, "one two"));
}

/// ATTACKS H-09, H-21, H-24. Nothing is served that another server could read in another way, and
/// nothing after the first request.
#[tokio::test(flavor = "multi_thread")]
async fn old_http_smuggles_nothing() {
    let seen = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    let upstream = upstream(false, move |request| {
        count.fetch_add(1, Ordering::SeqCst);
        describe(request)
    });
    let upstream = upstream.await;
    let server = serve(&format!("hosts = [\"a\"]\n{}", routes(upstream, ""))).await;
    let next = "GET /free HTTP/1.1\r\nHost: a\r\n\r\n";
    for (head, status) in [
        (
            "POST /free HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n",
            400,
        ),
        (
            "POST /free HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: identity\r\n",
            400,
        ),
        ("GET /free HTTP/1.0\r\nHost: a\r\nHost: a\r\n", 400),
        ("GET http://b/free HTTP/1.0\r\nHost: a\r\n", 400),
        // The configuration names hosts, and this request is for none of them.
        ("GET /free HTTP/1.0\r\n", 421),
        ("GET /free HTTP/1.0\r\nHost: b\r\n", 421),
    ] {
        let answer = say(&server, &format!("{head}\r\n{next}")).await;
        assert_eq!(only(&answer).0, status, "{head:?}: {answer}");
    }
    assert_eq!(seen.load(Ordering::SeqCst), 0);
    let kept = "GET /free HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n";
    let answer = say(&server, &kept.repeat(2)).await;
    assert_eq!((only(&answer).0, seen.load(Ordering::SeqCst)), (200, 1));
}
