//! Buyers that take nothing for a while: whose failure it is when their answers break off, and how
//! long they can hold a place.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use crate::harness::{GatewayUnderTest, routes, serve, upstream, whole};
use crate::tls::{certificate, connect};
use crate::upstream::PATIENCE;

/// The length of an answer that no buffers on its way can hold, in bytes.
const LONG: usize = 64 * 1024 * 1024;

/// The send time-out of the upstream: longer than the stall that makes a break the buyer's.
const SEND_TIMEOUT: Duration = Duration::from_millis(1300);

/// A way to reach the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Way {
    tls: bool,
    version: Version,
}

const WAYS: [Way; 4] = [
    Way::new(false, Version::HTTP_11),
    Way::new(false, Version::HTTP_2),
    Way::new(true, Version::HTTP_11),
    Way::new(true, Version::HTTP_2),
];

impl Way {
    const fn new(tls: bool, version: Version) -> Self {
        Self { tls, version }
    }

    /// Opens a connection to the gateway, with TLS if this way has it.
    async fn open(self, address: SocketAddr, folder: &Path) -> Box<dyn Stream> {
        if !self.tls {
            return Box::new(TcpStream::connect(address).await.expect("a connection"));
        }
        let http2 = self.version == Version::HTTP_2;
        let alpn: &[u8] = if http2 { b"h2" } else { b"http/1.1" };
        Box::new(connect(folder, address, alpn).await)
    }

    /// Asks on a connection of its own. Over HTTP/2 each stream may be sent `window` bytes, and more
    /// as its body is read.
    async fn ask(
        self,
        (address, folder): (SocketAddr, &Path),
        (path, credential): (&str, &str),
        window: Option<u32>,
    ) -> Response<Incoming> {
        let io = TokioIo::new(self.open(address, folder).await);
        let request = Request::get(format!("http://localhost{path}"))
            .header("host", "localhost")
            .header("authorization", credential);
        let mut request = request.body(Full::<Bytes>::default()).expect("a request");
        if self.version == Version::HTTP_2 {
            let mut sender = http2_client(io, window).await;
            return sender.send_request(request).await.expect("an answer");
        }
        *request.uri_mut() = path.parse().expect("a path");
        let (mut sender, connection) = http1::handshake(io).await.expect("HTTP/1.1");
        tokio::spawn(connection);
        sender.send_request(request).await.expect("an answer")
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Starts a client of HTTP/2 whose streams may be sent `window` bytes.
async fn http2_client(
    io: TokioIo<Box<dyn Stream>>,
    window: Option<u32>,
) -> http2::SendRequest<Full<Bytes>> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    if let Some(window) = window {
        builder.initial_stream_window_size(window);
    }
    let (sender, connection) = builder.handshake(io).await.expect("HTTP/2");
    tokio::spawn(connection);
    sender
}

/// An upstream that gives a client up that takes nothing for [`SEND_TIMEOUT`], and tells each time.
/// `/missing` is 404, everything else a long answer.
async fn impatient() -> (SocketAddr, mpsc::UnboundedReceiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (cut, cuts) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let cut = cut.clone();
            tokio::spawn(async move {
                if answer_impatiently(socket).await == Some(Cut) {
                    let _ = cut.send(());
                }
            });
        }
    });
    (address, cuts)
}

/// The end of an answer by its upstream's time-out.
#[derive(Debug, PartialEq, Eq)]
struct Cut;

async fn answer_impatiently(mut socket: TcpStream) -> Option<Cut> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.ok()?);
    }
    if head.starts_with(b"GET /missing ") {
        let text = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        socket.write_all(text.as_bytes()).await.ok()?;
        return None;
    }
    let text = format!("HTTP/1.1 200 OK\r\ncontent-length: {LONG}\r\n\r\n");
    socket.write_all(text.as_bytes()).await.ok()?;
    let piece = vec![b'x'; 64 * 1024];
    for _ in 0..LONG / piece.len() {
        match timeout(SEND_TIMEOUT, socket.write_all(&piece)).await {
            Ok(written) => written.ok()?,
            Err(_) => return Some(Cut),
        }
    }
    None
}

/// Starts a gateway that a buyer can reach on each way, `tls` or plain.
async fn reachable(tls: bool, text: String, folder: &Path) -> GatewayUnderTest {
    if !tls {
        return serve(&format!(
            "{text}[http]\nh2c = true\nbody_idle_timeout_secs = 1\n"
        ))
        .await;
    }
    let files = folder.display();
    let text = format!(
        "{text}[http]\nbody_idle_timeout_secs = 1\n\
         [tls]\ncertificate = \"{files}/cert.pem\"\nkey = \"{files}/key.pem\"\n"
    );
    serve(&text).await
}

/// Buys over plain HTTP. A gateway with TLS shares its home with a plain one for that.
async fn bought(
    way: Way,
    server: &GatewayUnderTest,
    folder: &Path,
) -> (String, impl AsyncFn(&str, &str) -> (u16, String)) {
    let address = server.address;
    let folder = folder.to_owned();
    let ask = async move |path: &str, credential: &str| {
        let answer = way.ask((address, &folder), (path, credential), None).await;
        let status = answer.status().as_u16();
        let body = answer
            .into_body()
            .collect()
            .await
            .expect("a body")
            .to_bytes();
        (status, String::from_utf8_lossy(&body).into_owned())
    };
    let (status, challenge) = ask("/x", "Basic bm9ib2R5").await;
    assert_eq!(status, 402, "{challenge}");
    (server.pay_document(&challenge).await, ask)
}

/// Uses up the five times that the buyer of a payment gets its use back.
async fn spend_the_give_backs(ask: &impl AsyncFn(&str, &str) -> (u16, String), credential: &str) {
    for _ in 0..5 {
        assert_eq!(ask("/missing", credential).await.0, 404);
    }
}

/// A gateway before an impatient upstream, reachable on one way.
async fn before_impatient(
    way: Way,
    folder: &Path,
) -> (GatewayUnderTest, mpsc::UnboundedReceiver<()>) {
    certificate(folder);
    let (upstream, cuts) = impatient().await;
    let files = folder.display();
    let tls = format!("[tls]\ncertificate = \"{files}/cert.pem\"\nkey = \"{files}/key.pem\"\n");
    let more = if way.tls {
        &tls
    } else {
        "[http]\nh2c = true\n"
    };
    (serve(&(routes(upstream, "") + more)).await, cuts)
}

/// Reads a megabyte of the long answer, stalls until the upstream cuts the connection, and reads on.
/// Returns false if there is no answer.
async fn stall(
    way: Way,
    at: (SocketAddr, &Path),
    credential: &str,
    cuts: &mut mpsc::UnboundedReceiver<()>,
) -> bool {
    let mut answer = way.ask(at, ("/file", credential), None).await;
    if answer.status() != 200 {
        return false;
    }
    let mut read = 0;
    while read < 1024 * 1024 {
        let frame = answer.frame().await.expect("more").expect("a frame");
        read += frame.data_ref().map_or(0, Bytes::len);
    }
    let cut = timeout(PATIENCE, cuts.recv()).await;
    cut.expect("the upstream cuts");
    // The bytes in all the buffers come first, then the break.
    while let Some(Ok(frame)) = answer.frame().await {
        read += frame.data_ref().map_or(0, Bytes::len);
    }
    assert!(read < LONG, "{way:?}");
    true
}

/// The kind is a break that follows from the stall of one side and is made by another. The ways here
/// cover a stall in the middle of a body; the next test one before the first byte (a window of 0),
/// and one that lets single bytes through (a window of 1).
// FAULTS S1: a reader that stalls pays for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_stalls_until_the_upstream_cuts_is_not_the_upstreams_failure() {
    let stalls = WAYS.map(|way| async move {
        let folder = tempfile::tempdir().unwrap();
        let (server, mut cuts) = before_impatient(way, folder.path()).await;
        let (credential, ask) = bought(way, &server, folder.path()).await;
        spend_the_give_backs(&ask, &credential).await;
        let at = (server.address, folder.path());
        assert!(stall(way, at, &credential, &mut cuts).await);
        let (status, text) = ask("/file", &credential).await;
        assert_eq!(status, 402, "{way:?}");
        assert!(text.contains("\"consumed\""), "{way:?} {text}");
    });
    join_all(stalls).await;
}

/// The whole attack. The test above is a part of it, and fast.
// FAULTS S1: 12 presentations of a single-use token by a reader that stalls yield 6 answers.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "each of its six stalls takes as long as an upstream's send time-out"]
async fn twelve_stalls_yield_six_answers() {
    let stalls = WAYS.map(|way| async move {
        let folder = tempfile::tempdir().unwrap();
        let (server, mut cuts) = before_impatient(way, folder.path()).await;
        let (credential, ask) = bought(way, &server, folder.path()).await;
        let at = (server.address, folder.path());
        let mut answers = 0;
        for _ in 0..12 {
            answers += usize::from(stall(way, at, &credential, &mut cuts).await);
        }
        assert_eq!(answers, 6, "{way:?}");
        assert_eq!(ask("/file", &credential).await.0, 402, "{way:?}");
    });
    join_all(stalls).await;
}

/// ATTACKS D-05: a window that the client never opens.
// FAULTS S2: an answer that its buyer does not take is given up, and counts as the buyer's.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_nobody_takes_is_given_up_and_settled_as_the_buyers() {
    for tls in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        certificate(folder.path());
        let upstream = upstream(false, |request| async move {
            match request.uri().path() {
                "/missing" => whole(404, ""),
                _ => whole(200, vec![b'x'; 1024 * 1024]),
            }
        });
        let server = reachable(tls, routes(upstream.await, ""), folder.path()).await;
        let way = Way::new(tls, Version::HTTP_2);
        let (server, at) = (&server, (server.address, folder.path()));
        let stalls = [0, 1].map(|window| async move {
            let (credential, ask) = bought(way, server, at.1).await;
            spend_the_give_backs(&ask, &credential).await;
            let mut answer = way.ask(at, ("/x", &credential), Some(window)).await;
            assert_eq!(answer.status(), 200);
            let reset = async { while let Some(Ok(_)) = answer.frame().await {} };
            let reset = timeout(PATIENCE, reset).await;
            assert!(reset.is_ok(), "it is held for ever, {way:?} {window}");
            let (status, text) = ask("/x", &credential).await;
            assert_eq!(status, 402, "{way:?} {window}");
            assert!(text.contains("\"consumed\""), "{text}");
        });
        join_all(stalls).await;
    }
}

/// Closed windows on a free route: they are given up, and hold nobody up meanwhile. Refusals of the
/// gateway's own are given up in the same way.
// FAULTS S2: closed windows lock nobody out.
#[tokio::test(flavor = "multi_thread")]
async fn closed_windows_lock_nobody_out_and_are_reset() {
    let upstream = upstream(false, |_| async { whole(200, vec![b'x'; 1024 * 1024]) }).await;
    let folder = tempfile::tempdir().unwrap();
    let server = reachable(false, routes(upstream, ""), folder.path()).await;
    let way = Way::new(false, Version::HTTP_2);
    let mut held = Vec::new();
    for _ in 0..10 {
        let io = TokioIo::new(way.open(server.address, folder.path()).await);
        let mut sender = http2_client(io, Some(0)).await;
        for path in ["/free", "/free", "/free", "/free", "/unpaid"] {
            let request = Request::get(format!("http://localhost{path}"));
            let request = request.body(Full::<Bytes>::default()).unwrap();
            held.push(sender.send_request(request).await.unwrap());
        }
    }
    let begun = Instant::now();
    let honest = (0..12).map(|_| server.get("/free", None));
    for answer in join_all(honest).await {
        assert_eq!((answer.status(), answer.body.len()), (200, 1024 * 1024));
    }
    let resets = held.into_iter().map(|mut answer| async move {
        let reset = timeout(PATIENCE, answer.frame()).await;
        reset.expect("it is given up").expect("not an end").is_err()
    });
    assert!(join_all(resets).await.into_iter().all(|reset| reset));
    assert!(begun.elapsed() < PATIENCE);
}

/// A peer that holds as many streams as it may is refused more, on whatever connection. Others, and
/// its own requests over HTTP/1.1, are served.
// FAULTS S2: streams are bounded per peer over all its connections.
#[tokio::test(flavor = "multi_thread")]
async fn a_peer_has_so_many_streams_over_all_its_connections() {
    let upstream = upstream(false, |_| async { whole(200, vec![b'x'; 1024 * 1024]) }).await;
    let text = routes(upstream, "") + "[http]\nh2c = true\nstreams_per_peer = 6\n";
    let (server, folder) = (serve(&text).await, tempfile::tempdir().unwrap());
    let way = Way::new(false, Version::HTTP_2);
    let ask = async |sender: &mut http2::SendRequest<Full<Bytes>>| {
        let request = Request::get("http://localhost/free").body(Full::default());
        let answer = sender.send_request(request.unwrap()).await;
        answer.expect("an answer")
    };
    let mut held = Vec::new();
    let mut senders = Vec::new();
    for _ in 0..2 {
        let io = TokioIo::new(way.open(server.address, folder.path()).await);
        let mut sender = http2_client(io, Some(0)).await;
        for _ in 0..3 {
            held.push(ask(&mut sender).await);
        }
        senders.push(sender);
    }
    for sender in &mut senders {
        assert_eq!(ask(sender).await.status(), 503);
    }
    assert_eq!(server.get("/free", None).await.status(), 200);
    assert!(held.iter().all(|answer| answer.status() == 200));
    held.clear();
    // The places of streams that the client has reset are free again.
    let served = async { while ask(&mut senders[0]).await.status() != 200 {} };
    timeout(PATIENCE, served)
        .await
        .expect("places are free again");
}
