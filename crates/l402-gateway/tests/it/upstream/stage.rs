//! An upstream that the test plays byte by byte, and a gateway before it.

use std::net::SocketAddr;
use std::time::Duration;

use memchr::memmem;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::join;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::harness::{Answer, GatewayUnderTest, request, routes, send, serve};

/// The time after which a test fails: only a step that hangs takes so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The length of a large body, in bytes: more than all buffers on its way hold.
pub(super) const LARGE: usize = 32 * 1024 * 1024;

pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// The head of an answer in chunks.
pub(super) const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

/// A small answer, and no more after it.
pub(crate) const LAST: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";

/// An answer without a request.
pub(crate) const STRAY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nstray";

/// One end of a connection.
pub(crate) struct Wire {
    pub(crate) socket: TcpStream,
    ahead: Vec<u8>,
}

impl Wire {
    pub(crate) fn new(socket: TcpStream) -> Self {
        socket.set_nodelay(true).expect("an open socket");
        let ahead = Vec::new();
        Self { socket, ahead }
    }

    pub(crate) async fn to(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect(address).await.expect("a connection"))
    }

    pub(crate) async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        let written = timeout(PATIENCE, self.socket.write_all(bytes.as_ref())).await;
        written.expect("it is read").expect("sent");
    }

    /// Reads once, and returns false at the end.
    pub(super) async fn read(&mut self) -> bool {
        let read = timeout(PATIENCE, self.socket.read_buf(&mut self.ahead)).await;
        read.expect("something comes").expect("no reset") > 0
    }

    pub(crate) async fn take(&mut self, count: usize) -> Vec<u8> {
        while self.ahead.len() < count {
            assert!(self.read().await, "it ends too early: {}", self.seen());
        }
        self.ahead.drain(..count).collect()
    }

    /// Returns everything up to these bytes, these included.
    pub(crate) async fn until(&mut self, end: &[u8]) -> Vec<u8> {
        let mut from = 0;
        loop {
            if let Some(at) = memmem::find(&self.ahead[from..], end) {
                return self.take(from + at + end.len()).await;
            }
            from = (self.ahead.len() + 1).saturating_sub(end.len());
            assert!(self.read().await, "it ends too early: {}", self.seen());
        }
    }

    /// Reads a head without a limit on time; `None` if the connection ends before.
    pub(crate) async fn try_head(&mut self) -> Option<String> {
        loop {
            if let Some(at) = memmem::find(&self.ahead, b"\r\n\r\n") {
                return String::from_utf8(self.take(at + 4).await).ok();
            }
            if self.socket.read_buf(&mut self.ahead).await.ok()? == 0 {
                return None;
            }
        }
    }

    pub(crate) async fn head(&mut self) -> String {
        String::from_utf8(self.until(b"\r\n\r\n").await).expect("text")
    }

    /// Returns the body of a request or an answer with this head.
    pub(crate) async fn body(&mut self, head: &str) -> Vec<u8> {
        if head.contains("transfer-encoding: chunked\r\n") {
            return unchunked(&self.until(b"0\r\n\r\n").await);
        }
        let length = head.split_once("content-length: ").expect("a length").1;
        let length = length.split_once("\r\n").expect("a line").0;
        self.take(length.parse().expect("a number")).await
    }

    /// Returns everything up to the end of the connection. A reset is an end, too.
    pub(crate) async fn rest(mut self) -> Vec<u8> {
        let read = timeout(PATIENCE, self.socket.read_to_end(&mut self.ahead)).await;
        let _ = read.expect("it ends");
        self.ahead
    }

    /// Reads everything up to the end of what the other side sends, and returns the socket.
    pub(crate) async fn rest_and_socket(mut self) -> TcpStream {
        let read = timeout(PATIENCE, self.socket.read_to_end(&mut self.ahead)).await;
        read.expect("it ends").expect("no reset");
        self.socket
    }

    /// Sends each piece back as it comes, and reads on even if the other side does not.
    pub(super) async fn echo(self) {
        let (mut from, mut to) = self.socket.into_split();
        let (pieces, mut queue) = mpsc::unbounded_channel();
        pieces.send(self.ahead).expect("it is open");
        let reading = async move {
            loop {
                let mut piece = Vec::with_capacity(64 * 1024);
                match from.read_buf(&mut piece).await {
                    Ok(1..) => pieces.send(piece).expect("it is open"),
                    _ => return,
                }
            }
        };
        let writing = async move {
            while let Some(piece) = queue.recv().await {
                to.write_all(&piece).await.expect("it is read");
            }
        };
        join!(reading, writing);
    }

    /// Returns the bytes that have come and were not used, for messages.
    pub(super) fn seen(&self) -> String {
        String::from_utf8_lossy(&self.ahead).into_owned()
    }

    /// Reads a request without a body, answers, and returns the head of the request.
    pub(crate) async fn answer(&mut self, text: impl AsRef<[u8]>) -> String {
        let head = self.head().await;
        self.say(text).await;
        head
    }

    /// Waits for bytes, and leaves them unread.
    pub(crate) async fn unread(&self) {
        let peeked = timeout(PATIENCE, self.socket.peek(&mut [0])).await;
        assert_eq!(peeked.expect("something comes").expect("no reset"), 1);
    }

    /// Closes as a process does that dies: unread bytes make it a reset.
    pub(crate) fn reset(self) {
        self.socket.set_zero_linger().expect("an open socket");
    }
}

/// An upstream that the test plays.
pub(crate) struct Stage {
    pub(crate) listener: TcpListener,
    waiting: std::net::TcpListener,
}

impl Stage {
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let listener = listener.into_std().expect("a listener");
        let waiting = listener.try_clone().expect("a listener");
        let listener = TcpListener::from_std(listener).expect("a listener");
        Self { listener, waiting }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("an address")
    }

    /// Accepts the next connection.
    pub(crate) async fn accept(&self) -> Wire {
        let accepted = timeout(PATIENCE, self.listener.accept()).await;
        Wire::new(accepted.expect("a connection comes").expect("open").0)
    }

    /// Accepts the next connection, whenever it comes.
    pub(crate) async fn accept_late(&self) -> Wire {
        Wire::new(self.listener.accept().await.expect("open").0)
    }

    /// Returns true if a connection waits to be accepted.
    pub(crate) fn is_called(&self) -> bool {
        self.waiting.accept().is_ok()
    }
}

/// A gateway with one worker, and so with one pool of connections.
pub(crate) async fn server_before(stage: &Stage) -> GatewayUnderTest {
    server_with(stage, "").await
}

pub(crate) async fn server_with(stage: &Stage, more: &str) -> GatewayUnderTest {
    let routes = routes(stage.address(), "");
    let alone = "listen = [\"127.0.0.1:0\"]\nworkers = 1\n";
    serve(&format!("{alone}{routes}{more}")).await
}

/// Waits until the only worker has read everything that was sent to it before: it has to, before it
/// can answer.
pub(crate) async fn let_read(server: &GatewayUnderTest) {
    let answer = send(server.address, request("TRACE", "/free", None, b"")).await;
    assert_eq!(answer.status(), 405);
}

/// Checks that the next request comes on a new connection, and gets its own answer.
pub(crate) async fn serves_afresh(server: &GatewayUnderTest, stage: &Stage) -> Wire {
    let upstream = async {
        let mut wire = stage.accept().await;
        wire.answer(OK).await;
        wire
    };
    let (answer, wire) = join!(server.get("/free", None), upstream);
    assert_says(&answer, 200, "ok");
    wire
}

/// Checks that the next request comes on this connection.
pub(super) async fn serves_again(server: &GatewayUnderTest, stage: &Stage, wire: &mut Wire) {
    let (answer, _) = join!(server.get("/free", None), wire.answer(OK));
    assert_says(&answer, 200, "ok");
    assert!(!stage.is_called());
}

/// Checks that the credential is good for one use, and no more.
pub(crate) async fn serves_once(server: &GatewayUnderTest, stage: &Stage, credential: &str) {
    let upstream = async { stage.accept().await.answer(LAST).await };
    let (served, _) = join!(server.get("/x", Some(credential)), upstream);
    assert_says(&served, 200, "ok");
    assert_eq!(server.get("/x", Some(credential)).await.code(), "consumed");
}

pub(crate) fn assert_says(answer: &Answer, status: u16, text: &str) {
    assert_eq!((answer.status(), answer.text().as_str()), (status, text));
}

pub(crate) fn assert_failed(answer: &Answer, what: &str) {
    let told = (answer.status(), answer.code());
    assert_eq!(told, (502, "upstream_failed".to_owned()), "{what}");
}

/// Returns many bytes without two equal neighbours and without an end of a line.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    let mut bytes = Vec::from_iter(0..=250).repeat(length.div_ceil(251));
    bytes.truncate(length);
    bytes
}

pub(super) fn chunked(pieces: &[&[u8]]) -> Vec<u8> {
    let mut text = Vec::new();
    for piece in pieces.iter().chain([&&b""[..]]) {
        text.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        text.extend_from_slice(piece);
        text.extend_from_slice(b"\r\n");
    }
    text
}

/// An upload: its head, and its body as it is sent.
pub(crate) fn upload(body: &[u8], in_chunks: bool) -> (String, Vec<u8>) {
    let (framing, body) = if in_chunks {
        let pieces: Vec<&[u8]> = body.chunks(50_000).collect();
        ("Transfer-Encoding: chunked".to_owned(), chunked(&pieces))
    } else {
        (format!("Content-Length: {}", body.len()), body.to_owned())
    };
    let head = format!("POST /free HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n");
    (head, body)
}

/// Returns the body of chunks without extensions and trailers, which must be complete.
fn unchunked(mut text: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = text.iter().position(|byte| *byte == b'\r').expect("a line");
        let size = std::str::from_utf8(&text[..end]).expect("a size");
        let size = usize::from_str_radix(size, 16).expect("a size");
        let (piece, rest) = text[end + 2..].split_at(size);
        text = rest.strip_prefix(b"\r\n").expect("the end of a chunk");
        if size == 0 {
            assert!(text.is_empty(), "{}", String::from_utf8_lossy(text));
            return body;
        }
        body.extend_from_slice(piece);
    }
}
