//! Raw bytes that another server may read in another way (ATTACKS H-09, H-15, H-21 to H-24, D-04).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{GatewayUnderTest, describe, routes, serve, upstream, whole};

/// A gateway, and the number of requests that its upstream has seen.
async fn counted() -> (GatewayUnderTest, Arc<AtomicUsize>) {
    let seen = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    let upstream = upstream(false, move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        async { whole(200, "ok") }
    })
    .await;
    (serve(&routes(upstream, "")).await, seen)
}

/// Returns all bytes that come back until the gateway closes.
async fn say(server: &GatewayUnderTest, text: &str) -> String {
    let mut socket = TcpStream::connect(server.address)
        .await
        .expect("a connection");
    socket.write_all(text.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    // A reset after the answer is as good as a close.
    let _ = socket.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_read_two_ways_is_400_and_goes_nowhere() {
    let (server, seen) = counted().await;
    for request in [
        "POST /free HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /free HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "POST /free HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n",
        "POST /free HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
        "POST /free HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "GET /free HTTP/1.1\nHost: a\n\n",
        "GET /free HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET /free HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n",
        "GET /free HTTP/1.1\r\nHost : a\r\n\r\n",
    ] {
        let answer = say(&server, request).await;
        assert!(
            answer.starts_with("HTTP/1.1 400"),
            "{request:?}: {answer:?}"
        );
    }
    assert_eq!(seen.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_sure_reading_closes_its_connection() {
    let (server, seen) = counted().await;
    for request in [
        "GET /free HTTP/1.1\r\n\r\n",
        "GET http://a/free HTTP/1.1\r\n\r\n",
        "GET /free HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET /%zz HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
        "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /x%2f..%2ffree HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        let answer = say(&server, &format!("{request}{request}")).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert_eq!(&head[8..12], " 400", "{request:?}: {answer}");
        let lines: Vec<_> = head.lines().collect();
        assert!(
            lines.contains(&"connection: close"),
            "{request:?}: {answer}"
        );
        let heads = answer.matches(" 400 Bad Request").count();
        assert!(body.contains("\"bad_request\"") && heads == 1, "{answer}");
    }
    assert_eq!(seen.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_grows_too_long_is_414_before_it_is_sold() {
    let upstream = upstream(false, crate::harness::describe).await;
    let text = routes(upstream, "") + "[http]\nheader_max_bytes = 65536\n";
    let server = serve(&text).await;
    // Each brace becomes three bytes.
    let target = |query: usize| format!("/{}?{}", "{".repeat(8000), "q".repeat(query));
    let get = |query| {
        let target = target(query);
        format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    };
    let fits = say(&server, &get(40_000)).await;
    assert!(fits.starts_with("HTTP/1.1 402"), "{}", &fits[..80]);
    let grown = say(&server, &get(44_000)).await;
    assert!(grown.starts_with("HTTP/1.1 414"), "{}", &grown[..80]);
    assert_eq!(server.node_calls(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_that_are_not_for_proxies_are_405() {
    let (server, seen) = counted().await;
    for request in [
        "TRACE /free HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\nConnection: close\r\n\r\n",
    ] {
        let answer = say(&server, request).await;
        assert!(
            answer.starts_with("HTTP/1.1 405"),
            "{request:?}: {answer:?}"
        );
    }
    assert_eq!(seen.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_the_body_of_a_refused_one_is_no_request() {
    let (server, seen) = counted().await;
    let inner = "GET /free HTTP/1.1\r\nHost: a\r\n\r\n";
    let outer = format!(
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{inner}",
        inner.len()
    );
    let answer = say(&server, &outer).await;
    assert!(answer.starts_with("HTTP/1.1 402"), "{answer}");
    assert_eq!(
        (
            answer.matches("HTTP/1.1 ").count(),
            seen.load(Ordering::SeqCst)
        ),
        (1, 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipelined_request_is_judged_by_itself() {
    let (server, seen) = counted().await;
    let two = "GET /free HTTP/1.1\r\nHost: a\r\n\r\n\
               GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answer = say(&server, two).await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("HTTP/1.1 402"),
        "{answer}"
    );
    assert_eq!(seen.load(Ordering::SeqCst), 1);
}

/// ATTACKS D-08.
#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_to_http2_is_not_made() {
    let (server, _) = counted().await;
    let answer = say(
        &server,
        "GET /free HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings, close\r\n\
         Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAA\r\n\r\n",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// ATTACKS H-41.
#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_http_is_not_served() {
    let (server, seen) = counted().await;
    let oldest = say(&server, "GET /free\r\n\r\n").await;
    assert!(oldest.starts_with("HTTP/1.1 400"), "{oldest}");
    assert_eq!(seen.load(Ordering::SeqCst), 0);
}

/// Sends a request in pieces that begin at these places. What cannot be sent any more is dropped:
/// the answer is there before.
async fn say_in_pieces(address: SocketAddr, text: &str, cuts: &[usize]) -> String {
    let mut socket = TcpStream::connect(address).await.expect("a connection");
    socket.set_nodelay(true).expect("an open socket");
    let ends = cuts.iter().copied().chain([text.len()]);
    let mut from = 0;
    for to in ends {
        if socket.write_all(&text.as_bytes()[from..to]).await.is_err() {
            break;
        }
        // Pieces that come together all the same are one of the other cases.
        tokio::time::sleep(Duration::from_millis(1)).await;
        from = to;
    }
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// The sound beginning of a head, and an end that has two readings.
const SPOILT_AT_THE_END: [(&str, &str); 12] = [
    ("GET /free HTTP/1.1\r\nHost: a\r\nX: y", "\r\n z\r\n\r\n"),
    ("GET /free HTTP/1.1\r\nHost: a\r\nX: y", "\r\n\tz\r\n\r\n"),
    ("GET /free HTTP/1.1\r\nHost: a", "\r\n \r\n\r\n"),
    ("GET /free HTTP/1.1\r\nHost: a", "\r\n \r\n"),
    ("GET /free HTTP/1.1\r\nHost: a", "\r\n\n"),
    ("GET /free HTTP/1.1\r\nHost: a", "\n\r\n"),
    ("GET /free HTTP/1.1\r\nHost: a", "\n\n"),
    ("GET /free HTTP/1.1", "\nHost: a\r\n\r\n"),
    ("", "\nGET /free HTTP/1.1\r\nHost: a\r\n\r\n"),
    (
        "POST /free HTTP/1.1\r\nHost: a\r\nContent-Length: 2",
        "\r\nContent-Length: 2\r\n\r\nab",
    ),
    (
        "POST /free HTTP/1.1\r\nHost: a\r\nContent-Length: 2",
        "\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "POST /free HTTP/1.0\r\nContent-Length: 2",
        "\r\nTransfer-Encoding: chunked\r\n\r\n",
    ),
];

// FAULTS S10: a head with two readings is refused at once, not after the time-out for heads. Also
// in the first line, in a line of one space or tab, and however the bytes are cut.
#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_read_two_ways_is_400_at_once_however_it_comes() {
    let upstream = upstream(false, |_| async { whole(200, "ok") }).await;
    let text = routes(upstream, "") + "[http]\nconnections_per_peer = 1000\n";
    let server = serve(&text).await;
    let mut asked = tokio::task::JoinSet::new();
    for (head, end) in SPOILT_AT_THE_END {
        let text = format!("{head}{end}");
        let places: Vec<usize> = (head.len() + 1..text.len()).collect();
        let single = places.iter().map(|place| vec![*place]);
        for cuts in single.chain([vec![], places.clone()]) {
            let (address, text) = (server.address, text.clone());
            asked.spawn(async move {
                let said = say_in_pieces(address, &text, &cuts);
                let answer = tokio::time::timeout(Duration::from_secs(5), said).await;
                (text, cuts, answer.unwrap_or_default())
            });
        }
    }
    while let Some(said) = asked.join_next().await {
        let (text, cuts, answer) = said.unwrap();
        let status = answer.get(8..12);
        assert_eq!(status, Some(" 400"), "{text:?} {cuts:?}: {answer:?}");
    }
}

/// ATTACKS H-22. A body with two readings ends its request, and nothing after it is one.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_can_be_read_two_ways_is_400_and_the_end() {
    let (server, _) = counted().await;
    let long = "x".repeat(300);
    for body in [
        "5\nhello\r\n0\r\n\r\n".to_owned(),
        format!("1;{long}\r\na\r\n0\r\n\r\n"),
        format!("0;{long}\r\n\r\n"),
        "1\r\na\r\n0 \r\n\r\n".to_owned(),
        "1\r\nab\r\n0\r\n\r\n".to_owned(),
        "1\r\na\r\n0\r\nX: y\n\r\n".to_owned(),
    ] {
        let request = format!(
            "POST /free HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}\
             GET /free HTTP/1.1\r\nHost: a\r\n\r\n"
        );
        let answer = say(&server, &request).await;
        let answers = answer.matches("HTTP/1.1 ").count();
        assert!(answer.starts_with("HTTP/1.1 400 "), "{body:?}: {answer}");
        assert_eq!(answers, 1, "{body:?}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_beyond_the_limit_is_431() {
    let (server, seen) = counted().await;
    let long = "x".repeat(17 * 1024);
    let answer = say(
        &server,
        &format!("GET /free HTTP/1.1\r\nHost: a\r\nx: {long}\r\n\r\n"),
    )
    .await;
    assert!(
        answer.starts_with("HTTP/1.1 431"),
        "{}",
        &answer[..answer.len().min(80)]
    );
    assert_eq!(seen.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_does_not_come_ends_the_connection() {
    let upstream = upstream(false, |_| async { whole(200, "ok") }).await;
    let text = format!("{}[http]\nheader_timeout_secs = 1\n", routes(upstream, ""));
    let server = serve(&text).await;
    for beginning in ["", "GET /free HTTP/1.1\r\nHost:"] {
        let closed =
            tokio::time::timeout(std::time::Duration::from_secs(20), say(&server, beginning));
        let answer = closed.await.expect("it is closed");
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
            "{answer}"
        );
    }
}

/// ATTACKS D-05.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_come_is_408() {
    let upstream = upstream(false, crate::harness::describe).await;
    let text = format!(
        "{}[http]\nbody_idle_timeout_secs = 1\n",
        routes(upstream, "")
    );
    let server = serve(&text).await;
    let head = "POST /free HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\n12";
    let answer = tokio::time::timeout(std::time::Duration::from_secs(20), say(&server, head));
    assert!(answer.await.expect("an answer").starts_with("HTTP/1.1 408"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_so_many_connections() {
    let upstream = upstream(false, |_| async { whole(200, "ok") }).await;
    let text = format!("{}[http]\nconnections_per_peer = 1\n", routes(upstream, ""));
    let server = serve(&text).await;
    let mut first = TcpStream::connect(server.address).await.unwrap();
    first
        .write_all(b"GET /free HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    let mut status = [0; 12];
    first.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 200");
    assert_eq!(
        say(&server, "GET /free HTTP/1.1\r\nHost: a\r\n\r\n").await,
        ""
    );
}

/// Sends a message when it is dropped.
struct Endless(Option<tokio::sync::oneshot::Sender<()>>);

impl Drop for Endless {
    fn drop(&mut self) {
        let _ = self.0.take().expect("once").send(());
    }
}

/// ATTACKS D-05.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_nothing_is_let_go_and_the_upstream_with_it() {
    let (send, gone) = tokio::sync::oneshot::channel();
    let endless = std::sync::Mutex::new(Some(Endless(Some(send))));
    let endless = Arc::new(endless);
    let upstream = upstream(false, move |_| {
        let endless = endless.lock().expect("no panic").take();
        async move {
            let piece = bytes::Bytes::from_static(&[0; 16 * 1024]);
            let pieces = futures_util::stream::repeat_with(move || {
                let _kept = &endless;
                Ok::<_, std::io::Error>(http_body::Frame::data(piece.clone()))
            });
            let body = http_body_util::StreamBody::new(pieces);
            http::Response::new(http_body_util::BodyExt::boxed(body))
        }
    })
    .await;
    let text = format!(
        "{}[http]\nbody_idle_timeout_secs = 1\n",
        routes(upstream, "")
    );
    let server = serve(&text).await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket
        .write_all(b"GET /free HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    let waited = tokio::time::timeout(std::time::Duration::from_secs(30), gone).await;
    waited.expect("the upstream is let go").unwrap();
}

/// A target without a path stands for the path `/`, in every version of HTTP (RFC 9112, section
/// 3.2.2).
#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_begins_with_its_query_is_sent_on_with_a_path() {
    for http2 in [false, true] {
        let upstream = upstream(http2, describe).await;
        let scheme = if http2 { "h2c" } else { "http" };
        let server = serve(&routes(upstream, "").replace("http://", &format!("{scheme}://"))).await;
        let free = "GET http://shop/free?q=1 HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n";
        let answer = say(&server, free).await;
        assert!(answer.contains("/free?q=1\""), "{scheme}: {answer}");

        let credential = server.buy("/").await;
        let paid = format!(
            "GET http://shop?q=1 HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\
             Authorization: {credential}\r\n\r\n"
        );
        let answer = say(&server, &paid).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{scheme}: {answer}");
        assert!(answer.contains("/?q=1\""), "{scheme}: {answer}");
    }
}
