//! The side that is charged for a failure: a buyer who breaks an exchange off, a gateway that
//! stops, an upstream that fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Incoming;
use l402_server::ledger::BUYER_RELEASES;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::harness::{GatewayUnderTest, Reply, request, routes, send, serve, upstream, whole};

const PATIENCE: Duration = Duration::from_secs(30);

/// The ways in which a buyer may break off a chunked body.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Broken,
    TooLarge,
    Idle,
    /// A byte from time to time, while the upstream waits for the end.
    Drops,
}

impl Fault {
    async fn commit(self, socket: &mut TcpStream) {
        let bytes = match self {
            Self::Broken => "ZZ\r\n",
            Self::TooLarge => "20\r\n01234567890123456789012345678901\r\n",
            Self::Idle | Self::Drops => "",
        };
        socket.write_all(bytes.as_bytes()).await.expect("sent");
    }
}

/// Returns a configuration with short time-outs and a small limit for bodies.
fn text(upstream: std::net::SocketAddr, more: &str) -> String {
    let limits = "[http]\nbody_idle_timeout_secs = 1\nbody_max_bytes = 32\n";
    format!("{}{limits}", routes(upstream, more))
}

async fn post(server: &GatewayUnderTest, credential: &str) -> TcpStream {
    let mut socket = TcpStream::connect(server.address)
        .await
        .expect("a connection");
    let head = format!(
        "POST /x HTTP/1.1\r\nHost: a\r\nAuthorization: {credential}\r\n\
         Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n"
    );
    socket.write_all(head.as_bytes()).await.expect("sent");
    socket
}

/// Reads until these bytes have come, or the end.
async fn read_until(socket: &mut TcpStream, end: &str) -> String {
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains(end) {
        let read = timeout(PATIENCE, socket.read_buf(&mut seen)).await;
        if read.expect("an answer").unwrap_or(0) == 0 {
            break;
        }
    }
    String::from_utf8_lossy(&seen).into_owned()
}

/// Reads until the gateway closes, and sends single bytes meanwhile.
async fn read_to_end(mut socket: TcpStream, drops: bool) -> String {
    let mut seen = Vec::new();
    let closed = async {
        loop {
            match timeout(Duration::from_millis(200), socket.read_buf(&mut seen)).await {
                Ok(Ok(1..)) => {}
                Ok(_) => return,
                Err(_) if drops => {
                    let _ = socket.write_all(b"1\r\na\r\n").await;
                }
                Err(_) => {}
            }
        }
    };
    timeout(PATIENCE, closed).await.expect("it is closed");
    String::from_utf8_lossy(&seen).into_owned()
}

/// Answers "all of it", and ends when the body of the request has ended.
async fn answer_at_once(request: Request<Incoming>) -> Reply {
    let (pieces, mut queue) = mpsc::channel::<Result<Frame<Bytes>, std::io::Error>>(1);
    tokio::spawn(async move {
        let data = Frame::data(Bytes::from_static(b"all of it"));
        let _ = pieces.send(Ok(data)).await;
        let _ = request.into_body().collect().await;
    });
    let pieces = futures_util::stream::poll_fn(move |cx| queue.poll_recv(cx));
    Response::new(StreamBody::new(pieces).boxed())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_buyer_who_breaks_the_answer_off_by_the_body_of_the_request_has_few_attempts() {
    let server = serve(&text(upstream(false, answer_at_once).await, "")).await;
    let credential = server.buy("/x").await;
    let faults = [Fault::Broken, Fault::Idle, Fault::TooLarge, Fault::Drops];
    let mut served = 0;
    for fault in faults.into_iter().cycle().take(10) {
        let mut socket = post(&server, &credential).await;
        let answer = read_until(&mut socket, "\r\n\r\n").await;
        if answer.starts_with("HTTP/1.1 402") {
            break;
        }
        assert!(answer.starts_with("HTTP/1.1 200"), "{fault:?}: {answer}");
        if !answer.contains("all of it") {
            read_until(&mut socket, "all of it").await;
        }
        served += 1;
        fault.commit(&mut socket).await;
        read_to_end(socket, matches!(fault, Fault::Drops)).await;
    }
    assert_eq!(served, BUYER_RELEASES + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_off_before_the_answer_is_the_buyers_and_not_the_upstreams() {
    let upstream = upstream(false, |request: Request<Incoming>| async {
        let _ = request.into_body().collect().await;
        whole(200, "never")
    })
    .await;
    let server = serve(&text(upstream, "")).await;
    let credential = server.buy("/x").await;
    let faults = [
        (Fault::Broken, "HTTP/1.1 400"),
        (Fault::TooLarge, "HTTP/1.1 413"),
        (Fault::Idle, "HTTP/1.1 408"),
    ];
    let mut answered = 0;
    for (fault, status) in faults.into_iter().cycle().take(10) {
        let mut socket = post(&server, &credential).await;
        fault.commit(&mut socket).await;
        let answer = read_to_end(socket, false).await;
        if answer.starts_with("HTTP/1.1 402") {
            break;
        }
        assert!(answer.starts_with(status), "{fault:?}: {answer}");
        answered += 1;
    }
    assert_eq!(answered, BUYER_RELEASES + 1);
}

/// Counts the requests; hangs, before or after the head, until so many have come.
async fn hanging(first: usize, after_head: bool) -> (std::net::SocketAddr, mpsc::Receiver<()>) {
    let (arrived, arrivals) = mpsc::channel(first);
    let count = Arc::new(AtomicUsize::new(0));
    let address = upstream(false, move |_| {
        let hangs = count.fetch_add(1, Ordering::SeqCst) < first;
        let arrived = arrived.clone();
        async move {
            if !hangs {
                return whole(200, "at last");
            }
            arrived.send(()).await.expect("the test waits");
            if !after_head {
                std::future::pending::<()>().await;
            }
            let half = futures_util::stream::once(async {
                Ok::<_, std::io::Error>(Frame::data(Bytes::from_static(b"half")))
            });
            let pieces = futures_util::StreamExt::chain(half, futures_util::stream::pending());
            Response::new(StreamBody::new(pieces).boxed())
        }
    })
    .await;
    (address, arrivals)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_stops_takes_no_payment_for_what_it_cuts_off() {
    let times = usize::try_from(BUYER_RELEASES).unwrap() + 2;
    for after_head in [false, true] {
        let (upstream, mut arrivals) = hanging(times, after_head).await;
        let text = routes(upstream, "");
        let mut server = serve(&text).await;
        let credential = server.buy("/x").await;
        for _ in 0..times {
            let mut socket = TcpStream::connect(server.address).await.unwrap();
            let get = format!("GET /x HTTP/1.1\r\nHost: a\r\nAuthorization: {credential}\r\n\r\n");
            socket.write_all(get.as_bytes()).await.unwrap();
            let arrived = timeout(PATIENCE, arrivals.recv()).await;
            arrived.expect("it is forwarded").unwrap();
            if after_head {
                read_until(&mut socket, "half").await;
            }
            server.shutdown(Duration::from_millis(1)).await;
            server.restart(&text).await;
        }
        let answer = server.get("/x", Some(&credential)).await;
        assert_eq!(
            (answer.status(), answer.text().as_str()),
            (200, "at last"),
            "after the head: {after_head}"
        );
    }
}

/// A refusal that says "nothing was spent" must be true also if the request alone is charged.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_the_gateway_could_not_get_answered_is_not_charged() {
    let tries = Arc::new(AtomicUsize::new(0));
    let upstream = upstream(false, move |request: Request<Incoming>| {
        let first = tries.fetch_add(1, Ordering::SeqCst) < 2;
        async move {
            let complete = request.into_body().collect().await.is_ok();
            if first && complete {
                std::future::pending::<()>().await;
            }
            whole(500, "charged all the same")
        }
    })
    .await;
    let text = text(upstream, "charge = \"request\"") + "upstream_timeout_secs = 1\n";
    let server = serve(&text).await;
    let credential = server.buy("/x").await;
    let mut socket = post(&server, &credential).await;
    Fault::TooLarge.commit(&mut socket).await;
    let answer = read_to_end(socket, false).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");

    let get = || request("GET", "/x", Some(&credential), b"");
    let slow = send(server.address, get()).await;
    assert_eq!(
        (slow.status(), slow.json()["retry_with"].as_str()),
        (504, Some("same_token"))
    );
    assert_eq!(send(server.address, get()).await.status(), 500);
    assert_eq!(send(server.address, get()).await.code(), "consumed");
}
