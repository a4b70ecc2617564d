//! Upstreams that say exactly the bytes that a test has them say, on connections that it counts.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use memchr::memmem;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::join;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use crate::harness::{Answer, Shop, request, routes, send, shop, try_send};

/// Only what hangs takes so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The length of a large body, in bytes: more than all buffers on its way hold.
const LARGE: usize = 32 * 1024 * 1024;

pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// The head of one in chunks.
const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

/// A small answer, and no more after it.
pub(crate) const LAST: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";

/// An answer to a question that nobody asked.
pub(crate) const STRAY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nstray";

/// One end of a connection.
pub(crate) struct Wire {
    pub(crate) socket: TcpStream,
    ahead: Vec<u8>,
}

impl Wire {
    fn new(socket: TcpStream) -> Self {
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

    /// Reads once; false at the end.
    async fn read(&mut self) -> bool {
        let read = timeout(PATIENCE, self.socket.read_buf(&mut self.ahead)).await;
        read.expect("something comes").expect("no reset") > 0
    }

    pub(crate) async fn take(&mut self, count: usize) -> Vec<u8> {
        while self.ahead.len() < count {
            assert!(self.read().await, "it ends too early: {}", self.seen());
        }
        self.ahead.drain(..count).collect()
    }

    /// What comes up to these bytes, and they.
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

    pub(crate) async fn head(&mut self) -> String {
        String::from_utf8(self.until(b"\r\n\r\n").await).expect("text")
    }

    /// The body of a request or an answer with this head.
    async fn body(&mut self, head: &str) -> Vec<u8> {
        if head.contains("transfer-encoding: chunked\r\n") {
            return unchunked(&self.until(b"0\r\n\r\n").await);
        }
        let length = head.split_once("content-length: ").expect("a length").1;
        let length = length.split_once("\r\n").expect("a line").0;
        self.take(length.parse().expect("a number")).await
    }

    /// Everything up to the end of the connection. A reset is one too.
    pub(crate) async fn rest(mut self) -> Vec<u8> {
        let read = timeout(PATIENCE, self.socket.read_to_end(&mut self.ahead)).await;
        let _ = read.expect("it ends");
        self.ahead
    }

    /// Sends back what comes as it comes, and reads on whether that is taken or not.
    async fn echo(self) {
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

    /// What has come and been left, for messages.
    fn seen(&self) -> String {
        String::from_utf8_lossy(&self.ahead).into_owned()
    }

    /// Reads a request without a body, and answers; gives the head of the request.
    pub(crate) async fn answer(&mut self, text: impl AsRef<[u8]>) -> String {
        let head = self.head().await;
        self.say(text).await;
        head
    }

    /// Waits for something that it then leaves unread.
    async fn unread(&self) {
        let peeked = timeout(PATIENCE, self.socket.peek(&mut [0])).await;
        assert_eq!(peeked.expect("something comes").expect("no reset"), 1);
    }

    /// Closes as a process that dies: what was not read is told to be lost.
    pub(crate) fn reset(self) {
        self.socket.set_zero_linger().expect("an open socket");
    }
}

/// An upstream whose part the test plays.
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

    /// The next connection.
    pub(crate) async fn accept(&self) -> Wire {
        let accepted = timeout(PATIENCE, self.listener.accept()).await;
        Wire::new(accepted.expect("a connection comes").expect("open").0)
    }

    /// Whether there is a connection that was not accepted.
    pub(crate) fn is_called(&self) -> bool {
        self.waiting.accept().is_ok()
    }
}

/// A shop with one worker, and so with one pool of connections.
pub(crate) async fn shop_before(stage: &Stage) -> Shop {
    shop_with(stage, "").await
}

pub(crate) async fn shop_with(stage: &Stage, more: &str) -> Shop {
    let routes = routes(stage.address(), "");
    let alone = "listen = [\"127.0.0.1:0\"]\nworkers = 1\n";
    shop(&format!("{alone}{routes}{more}")).await
}

/// When this returns, the only worker has read what was sent to it before: to answer, it had to
/// look for what has come.
pub(crate) async fn let_read(shop: &Shop) {
    let answer = send(shop.address, request("TRACE", "/free", None, b"")).await;
    assert_eq!(answer.status(), 405);
}

/// The next request comes on a new connection, and gets its own answer.
pub(crate) async fn serves_afresh(shop: &Shop, stage: &Stage) -> Wire {
    let upstream = async {
        let mut wire = stage.accept().await;
        wire.answer(OK).await;
        wire
    };
    let (answer, wire) = join!(shop.get("/free", None), upstream);
    assert_says(&answer, 200, "ok");
    wire
}

/// The next request comes on this connection.
async fn serves_again(shop: &Shop, stage: &Stage, wire: &mut Wire) {
    let (answer, _) = join!(shop.get("/free", None), wire.answer(OK));
    assert_says(&answer, 200, "ok");
    assert!(!stage.is_called());
}

/// The credential is good for one use, and no more.
pub(crate) async fn serves_once(shop: &Shop, stage: &Stage, credential: &str) {
    let upstream = async { stage.accept().await.answer(LAST).await };
    let (served, _) = join!(shop.get("/x", Some(credential)), upstream);
    assert_says(&served, 200, "ok");
    assert_eq!(shop.get("/x", Some(credential)).await.code(), "consumed");
}

pub(crate) fn assert_says(answer: &Answer, status: u16, text: &str) {
    assert_eq!((answer.status(), answer.text().as_str()), (status, text));
}

pub(crate) fn assert_failed(answer: &Answer, what: &str) {
    let told = (answer.status(), answer.code());
    assert_eq!(told, (502, "upstream_failed".to_owned()), "{what}");
}

/// Many bytes of which no two neighbours are alike, and none are a line's end.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    let mut bytes = Vec::from_iter(0..=250).repeat(length.div_ceil(251));
    bytes.truncate(length);
    bytes
}

fn chunked(pieces: &[&[u8]]) -> Vec<u8> {
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

/// A body out of chunks without extensions, to its very end: no trailers.
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

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_an_answer_answers_nobody() {
    let stage = Stage::open().await;
    let shop = shop_before(&stage).await;
    for (method, first, status, body) in [
        ("GET", OK, 200, "ok"),
        ("GET", &format!("{CHUNKED}2\r\nok\r\n0\r\n\r\n"), 200, "ok"),
        (
            "GET",
            "HTTP/1.1 404 x\r\ncontent-length: 0\r\n\r\n",
            404,
            "",
        ),
        ("HEAD", OK, 200, ""),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n", 204, ""),
        ("GET", "HTTP/1.1 304 Not Modified\r\n\r\n", 304, ""),
    ] {
        let upstream = async {
            let mut wire = stage.accept().await;
            wire.answer(format!("{first}{STRAY}")).await;
            wire
        };
        let get = send(shop.address, request(method, "/free", None, b""));
        let (answer, wire) = join!(get, upstream);
        assert_says(&answer, status, body);
        assert_eq!(wire.rest().await, b"", "{first:?}");
    }
    serves_afresh(&shop, &stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_that_speaks_or_ends_is_not_used_again() {
    let stage = Stage::open().await;
    let shop = shop_before(&stage).await;
    for stray in [STRAY, "\r\n", "HTTP/1.1 408 Request Timeout\r\n\r\n", ""] {
        let mut old = serves_afresh(&shop, &stage).await;
        if stray.is_empty() {
            old.socket.shutdown().await.unwrap();
        } else {
            old.say(stray).await;
        }
        let_read(&shop).await;
        // What may not be repeated shows that nothing was tried on the old one.
        let post = send(shop.address, request("POST", "/free", None, b"hello"));
        let upstream = async {
            let mut new = stage.accept().await;
            new.head().await;
            assert_eq!(new.take(5).await, b"hello");
            new.say(LAST).await;
            new
        };
        let (answer, new) = join!(post, upstream);
        assert_says(&answer, 200, "ok");
        assert_eq!(old.rest().await, b"", "{stray:?}");
        assert_eq!(new.rest().await, b"", "{stray:?}");
    }
}

/// Asks for trailers as well, and gives the body, if there were none.
async fn body_without_trailers(shop: &Shop) -> Bytes {
    let socket = TcpStream::connect(shop.address)
        .await
        .expect("a connection");
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(socket)).await;
    let (mut sender, connection) = handshake.expect("a connection");
    tokio::spawn(connection);
    let get = Request::get("/free")
        .header("host", "a")
        .header("te", "trailers");
    let get = get.body(Full::<Bytes>::default()).expect("a request");
    let answer = sender.send_request(get).await.expect("an answer");
    assert_eq!(answer.headers().get("trailer"), None);
    let body = answer.into_body().collect().await.expect("a body");
    assert!(body.trailers().is_none());
    body.to_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_are_read_wherever_they_are_cut_and_their_trailers_stay_behind() {
    let stage = Stage::open().await;
    let shop = shop_before(&stage).await;
    let mut wire = serves_afresh(&shop, &stage).await;
    let text = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-late\r\n\r\n\
        5;a=b;c=\"d\"\r\nhello\r\n1 \r\n,\r\n06\r\n world\r\n0;last\r\nX-Late: yes\r\n\r\n";
    for cut in 1..text.len() {
        let upstream = async {
            wire.answer(&text[..cut]).await;
            let_read(&shop).await;
            wire.say(&text[cut..]).await;
        };
        let (body, ()) = join!(body_without_trailers(&shop), upstream);
        assert_eq!(body, "hello, world", "cut at {cut}");
    }
    let byte_by_byte = async {
        wire.head().await;
        for byte in text.as_bytes() {
            wire.say([*byte]).await;
        }
    };
    let (body, ()) = join!(body_without_trailers(&shop), byte_by_byte);
    assert_eq!(body, "hello, world");
    serves_again(&shop, &stage, &mut wire).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_off_looks_broken_and_costs_nothing() {
    let stage = Stage::open().await;
    let shop = shop_before(&stage).await;
    for (framing, part) in [
        ("content-length: 5", ""),
        ("content-length: 5", "half"),
        ("transfer-encoding: chunked", ""),
        ("transfer-encoding: chunked", "5"),
        ("transfer-encoding: chunked", "5\r\nhalf"),
        ("transfer-encoding: chunked", "5\r\nwhole"),
        ("transfer-encoding: chunked", "5\r\nwhole\r\n"),
        ("transfer-encoding: chunked", "5\r\nwhole\r\n0\r\n"),
        (
            "transfer-encoding: chunked",
            "5\r\nwhole\r\n0\r\nx-late: 1\r\n",
        ),
        // These go on, but nobody can tell how.
        ("transfer-encoding: chunked", "5\r\nlonger\r\n0\r\n\r\n"),
        (
            "transfer-encoding: chunked",
            "5\r\nwhole\r\nzz\r\n0\r\n\r\n",
        ),
        ("transfer-encoding: chunked", "5\nwhole\n0\n\n"),
    ] {
        let credential = shop.buy("/x").await;
        let upstream = async {
            let mut wire = stage.accept().await;
            let answer = format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n{part}");
            wire.answer(answer).await;
        };
        let get = try_send(shop.address, request("GET", "/x", Some(&credential), b""));
        let (answer, ()) = join!(get, upstream);
        assert!(answer.is_err(), "{part:?} must not look whole");
        serves_once(&shop, &stage, &credential).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_only_the_close_would_end_is_broken_by_a_reset() {
    let stage = Stage::open().await;
    let shop = shop_before(&stage).await;
    let credential = shop.buy("/x").await;
    let mut client = Wire::to(shop.address).await;
    let authorization = format!("Authorization: {credential}");
    client
        .say(format!(
            "GET /x HTTP/1.1\r\nHost: a\r\n{authorization}\r\n\r\n"
        ))
        .await;
    let mut wire = stage.accept().await;
    wire.answer("HTTP/1.1 200 OK\r\n\r\nhalf").await;
    client.until(b"half\r\n").await;
    wire.reset();
    assert_eq!(client.rest().await, b"", "the last chunk must not come");
    serves_once(&shop, &stage, &credential).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_with_two_readings_is_502_and_costs_nothing() {
    let stage = Stage::open().await;
    let shop = shop_before(&stage).await;
    let headers = [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5, 5",
        "Content-Length: +5",
        "Content-Length: 0x5",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding : chunked",
        "X: y\r\n folded",
    ];
    let mut answers: Vec<String> = headers.map(|h| format!("HTTP/1.1 200 OK\r\n{h}")).into();
    answers.push("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked".to_owned());
    answers.push("HTTP/2 200 OK".to_owned());
    answers.push("220 mail.example ESMTP".to_owned());
    for head in answers {
        let credential = shop.buy("/x").await;
        let upstream = async {
            let mut wire = stage.accept().await;
            wire.answer(format!("{head}\r\n\r\n5\r\nhello\r\n0\r\n\r\n"))
                .await;
            wire
        };
        let (answer, wire) = join!(shop.get("/x", Some(&credential)), upstream);
        assert_failed(&answer, &head);
        assert_eq!(answer.json()["retry_with"], "same_token");
        assert_eq!(wire.rest().await, b"", "{head}");
        serves_once(&shop, &stage, &credential).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_length_ends_with_its_connection() {
    let stage = Stage::open().await;
    let shop = shop_before(&stage).await;
    for head in [
        "HTTP/1.0 200 OK",
        "HTTP/1.0 200 OK\r\nconnection: keep-alive",
        "HTTP/1.1 200 OK",
    ] {
        let upstream = async {
            let mut wire = stage.accept().await;
            wire.answer(format!("{head}\r\n\r\nall ")).await;
            let_read(&shop).await;
            wire.say("of it").await;
        };
        let (answer, ()) = join!(shop.get("/free", None), upstream);
        assert_says(&answer, 200, "all of it");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_the_old_version_keeps_its_connection_only_where_it_says_so() {
    let stage = Stage::open().await;
    let shop = shop_before(&stage).await;
    for (head, again) in [
        ("HTTP/1.0 200 OK", false),
        ("HTTP/1.1 200 OK\r\nconnection: close", false),
        ("HTTP/1.1 200 OK\r\nconnection: x-other , Close", false),
        ("HTTP/1.0 200 OK\r\nconnection: Keep-Alive", true),
    ] {
        let upstream = async {
            let mut wire = stage.accept().await;
            wire.answer(format!("{head}\r\ncontent-length: 5\r\n\r\nhello"))
                .await;
            wire
        };
        let (answer, mut wire) = join!(shop.get("/free", None), upstream);
        assert_says(&answer, 200, "hello");
        assert_eq!(answer.header("keep-alive"), None);
        if again {
            serves_again(&shop, &stage, &mut wire).await;
        } else {
            assert_eq!(wire.rest().await, b"", "{head}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn interim_answers_are_not_the_answer() {
    let stage = Stage::open().await;
    let shop = shop_before(&stage).await;
    let mut wire = serves_afresh(&shop, &stage).await;
    let interim = [
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\ncontent-length: 7\r\n\r\n",
        "HTTP/1.1 199 x\r\nconnection: close\r\n\r\n",
    ];
    for apart in [false, true] {
        let upstream = async {
            wire.head().await;
            for answer in interim {
                wire.say(answer).await;
                if apart {
                    let_read(&shop).await;
                }
            }
            wire.say(OK).await;
        };
        let (answer, ()) = join!(shop.get("/free", None), upstream);
        assert_says(&answer, 200, "ok");
        assert_eq!(answer.header("link"), None);
    }
    serves_again(&shop, &stage, &mut wire).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_of_protocols_that_was_not_asked_for_is_502_and_costs_nothing() {
    let stage = Stage::open().await;
    let shop = shop_before(&stage).await;
    for (asked, named) in [
        (None, "upgrade: websocket\r\n"),
        (None, ""),
        (Some("websocket"), "upgrade: other\r\n"),
        (Some("websocket"), ""),
    ] {
        let credential = shop.buy("/x").await;
        let mut get = request("GET", "/x", Some(&credential), b"");
        if let Some(asked) = asked {
            let headers = get.headers_mut();
            headers.insert("connection", "upgrade".parse().unwrap());
            headers.insert("upgrade", asked.parse().unwrap());
        }
        let upstream = async {
            let mut wire = stage.accept().await;
            wire.answer(format!(
                "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n{named}\r\n{STRAY}"
            ))
            .await;
            wire
        };
        let (answer, wire) = join!(send(shop.address, get), upstream);
        assert_failed(&answer, named);
        assert_eq!(wire.rest().await, b"", "{asked:?} {named:?}");
        serves_once(&shop, &stage, &credential).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_has_no_body_by_its_nature_keeps_its_connection() {
    let stage = Stage::open().await;
    let shop = shop_before(&stage).await;
    let mut wire = serves_afresh(&shop, &stage).await;
    let (length, coding) = ("content-length: 5\r\n", "transfer-encoding: chunked\r\n");
    for (method, answer, told) in [
        ("HEAD", format!("200 OK\r\n{length}"), Some("5")),
        ("HEAD", format!("200 OK\r\n{coding}"), None),
        ("HEAD", "404 Not Found\r\n".to_owned(), None),
        ("GET", "204 No Content\r\n".to_owned(), None),
        ("GET", format!("304 Not Modified\r\n{length}"), None),
        ("GET", format!("304 Not Modified\r\n{coding}"), None),
        ("POST", "204 No Content\r\n".to_owned(), None),
    ] {
        let ask = send(shop.address, request(method, "/free", None, b""));
        let upstream = wire.answer(format!("HTTP/1.1 {answer}\r\n"));
        let (seen, asked) = join!(ask, upstream);
        assert!(asked.starts_with(method), "{asked}");
        assert!(answer.starts_with(seen.head.status.as_str()), "{answer}");
        assert_eq!(seen.header("content-length"), told, "{answer}");
        assert_eq!(seen.text(), "", "{answer}");
    }
    serves_again(&shop, &stage, &mut wire).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_upload_comes_back_whole_to_a_client_that_reads_last() {
    let stage = Stage::open().await;
    let shop = shop_before(&stage).await;
    for (in_chunks, early) in [(false, false), (true, false), (false, true), (true, true)] {
        let (head, body) = upload(&pattern(LARGE), in_chunks);
        let mut client = Wire::to(shop.address).await;
        let upload = async {
            client.say(&head).await;
            client.say(&body).await;
        };
        let upstream = async {
            let mut wire = stage.accept().await;
            let head = wire.head().await;
            let framing = head.lines().filter(|line| is_framing(line));
            let framing = framing.collect::<String>();
            let answer = format!("HTTP/1.1 200 OK\r\n{framing}\r\nconnection: close\r\n\r\n");
            if early {
                wire.say(answer).await;
                tokio::spawn(wire.echo());
                return;
            }
            let body = wire.body(&head).await;
            let (_, body) = self::upload(&body, in_chunks);
            tokio::spawn(async move {
                wire.say(answer).await;
                wire.say(body).await;
            });
        };
        join!(upload, upstream);
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let echoed = client.body(&head).await;
        assert!(echoed == pattern(LARGE), "{in_chunks} {early}");
    }
}

fn is_framing(line: &str) -> bool {
    line.starts_with("content-length: ") || line.starts_with("transfer-encoding: ")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_reaches_a_client_that_is_still_uploading() {
    let stage = Stage::open().await;
    let shop = shop_before(&stage).await;
    let refusal =
        "HTTP/1.1 413 Content Too Large\r\ncontent-length: 8\r\nconnection: close\r\n\r\ntoo long";
    for (in_chunks, abrupt) in [(false, false), (true, false), (false, true), (true, true)] {
        let (head, body) = upload(&pattern(LARGE), in_chunks);
        let (mut from, mut to) = TcpStream::connect(shop.address).await.unwrap().into_split();
        let uploading = tokio::spawn(async move {
            to.write_all(head.as_bytes()).await?;
            to.write_all(&body).await?;
            Ok::<_, std::io::Error>(to)
        });
        let mut wire = stage.accept().await;
        wire.head().await;
        wire.unread().await;
        wire.say(refusal).await;
        wire.socket.shutdown().await.unwrap();
        let held = (!abrupt).then_some(wire);
        let mut seen = Vec::new();
        while !seen.ends_with(b"too long") {
            let read = timeout(PATIENCE, from.read_buf(&mut seen)).await;
            assert!(read.unwrap().unwrap() > 0, "abrupt: {abrupt}");
        }
        assert!(seen.starts_with(b"HTTP/1.1 413"), "abrupt: {abrupt}");
        uploading.abort();
        drop(held);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_early_answer_the_upstream_gets_the_rest_of_the_upload() {
    let stage = Stage::open().await;
    let shop = shop_before(&stage).await;
    for in_chunks in [false, true] {
        let (head, body) = upload(&pattern(200_000), in_chunks);
        let (first, second) = body.split_at(body.len() / 2);
        let mut client = Wire::to(shop.address).await;
        client.say(&head).await;
        client.say(first).await;
        let mut wire = stage.accept().await;
        let head = wire.answer(OK).await;
        let answer = client.head().await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert_eq!(client.take(2).await, b"ok");
        client.say(second).await;
        assert!(wire.body(&head).await == pattern(200_000));
        serves_afresh(&shop, &stage).await.reset();
        let_read(&shop).await;
        assert_eq!(wire.rest().await, b"", "in chunks: {in_chunks}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_get_is_repeated_once_where_an_idle_connection_ends_under_it() {
    let stage = Stage::open().await;
    let shop = shop_before(&stage).await;
    for reset in [false, true] {
        let mut old = serves_afresh(&shop, &stage).await;
        let upstream = async {
            old.unread().await;
            if !reset {
                old.head().await;
            }
            drop(old);
            let mut new = stage.accept().await;
            let head = new.answer(LAST).await;
            assert!(head.starts_with("GET /free HTTP/1.1\r\n"), "{head}");
            assert_eq!(new.rest().await, b"");
        };
        let (answer, ()) = join!(shop.get("/free", None), upstream);
        assert_says(&answer, 200, "ok");

        let mut old = serves_afresh(&shop, &stage).await;
        let upstream = async {
            old.head().await;
            drop(old);
            stage.accept().await.head().await;
        };
        let (answer, ()) = join!(shop.get("/free", None), upstream);
        assert_failed(&answer, "the second time");
        assert!(!stage.is_called(), "there must be no third time");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_been_done_is_not_asked_for_again() {
    let stage = Stage::open().await;
    let shop = shop_before(&stage).await;
    for (method, body, begun, reset) in [
        ("POST", &b"hello"[..], "", false),
        ("POST", b"hello", "", true),
        ("POST", b"", "", false),
        ("PUT", b"hello", "", false),
        ("DELETE", b"", "", false),
        ("GET", b"hello", "", false),
        // It was being answered.
        ("GET", b"", "H", false),
        ("GET", b"", "HTTP/1.1 200 OK\r\n", false),
    ] {
        let mut old = serves_afresh(&shop, &stage).await;
        let upstream = async {
            old.unread().await;
            if !reset {
                old.head().await;
                old.take(body.len()).await;
            }
            old.say(begun).await;
            drop(old);
        };
        let ask = send(shop.address, request(method, "/free", None, body));
        let (answer, ()) = join!(ask, upstream);
        assert_failed(&answer, method);
        assert!(!stage.is_called(), "{method} {begun:?} was sent twice");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_connection_that_ends_without_an_answer_is_not_tried_again() {
    let stage = Stage::open().await;
    let shop = shop_before(&stage).await;
    for (method, reset) in [("GET", false), ("GET", true), ("POST", false)] {
        let upstream = async {
            let mut wire = stage.accept().await;
            wire.unread().await;
            if !reset {
                wire.head().await;
            }
        };
        let ask = send(shop.address, request(method, "/free", None, b""));
        let (answer, ()) = join!(ask, upstream);
        assert_failed(&answer, method);
        assert!(!stage.is_called(), "{method} was tried again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_says_how_its_body_is_framed_once() {
    let stage = Stage::open().await;
    let shop = shop_before(&stage).await;
    let mut wire = serves_afresh(&shop, &stage).await;
    let chunks = "2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nX-Late: 1\r\n\r\n";
    let (length, coding) = ("content-length: 5", "Transfer-Encoding: chunked\r\n");
    let coding_passed = coding.trim_end().to_lowercase();
    for (method, said, sent, framing, body) in [
        ("GET", "", "", "", ""),
        ("GET", "Content-Length: 0\r\n", "", "", ""),
        ("DELETE", "", "", "", ""),
        ("POST", "", "", "content-length: 0", ""),
        ("POST", "Content-Length: 0\r\n", "", "content-length: 0", ""),
        ("PUT", "", "", "content-length: 0", ""),
        ("PATCH", "", "", "content-length: 0", ""),
        ("POST", "Content-Length: 05\r\n", "hello", length, "hello"),
        ("GET", "Content-Length: 5\r\n", "hello", length, "hello"),
        ("POST", coding, chunks, &coding_passed, "hello"),
        ("POST", coding, "0\r\n\r\n", &coding_passed, ""),
    ] {
        let mut client = Wire::to(shop.address).await;
        let head = format!("{method} /free HTTP/1.1\r\nHost: a\r\n{said}\r\n");
        client.say(head + sent).await;
        // Whatever one request leaves over is the beginning of the next one's head.
        let head = wire.head().await;
        assert!(
            head.starts_with(&format!("{method} /free HTTP/1.1\r\n")),
            "{head}"
        );
        let lines: Vec<&str> = head.lines().filter(|line| is_framing(line)).collect();
        assert_eq!(lines.join("; "), framing, "{method} {said}");
        if !framing.is_empty() {
            assert_eq!(wire.body(&head).await, body.as_bytes());
        }
        wire.say(OK).await;
        assert!(client.head().await.starts_with("HTTP/1.1 200"));
        assert_eq!(client.take(2).await, b"ok");
    }
    serves_again(&shop, &stage, &mut wire).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_for_an_answer_begins_with_the_last_piece_of_the_request() {
    let stage = Stage::open().await;
    let shop = shop_with(&stage, "[http]\nupstream_timeout_secs = 1\n").await;
    for (pause, status) in [(300, "HTTP/1.1 200"), (0, "HTTP/1.1 504")] {
        let mut client = Wire::to(shop.address).await;
        client.say(upload(b"12345", false).0).await;
        for piece in ["1", "2", "3", "4", "5"] {
            sleep(Duration::from_millis(pause)).await;
            client.say(piece).await;
        }
        let sent = Instant::now();
        let mut wire = stage.accept().await;
        let head = wire.head().await;
        assert_eq!(wire.body(&head).await, b"12345");
        let served = pause > 0;
        if served {
            wire.say(LAST).await;
        }
        let head = client.head().await;
        assert!(head.starts_with(status), "{head}");
        assert!(served || sent.elapsed() >= Duration::from_millis(900));
        assert_eq!(wire.rest().await, b"");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_tunnel_says_with_its_first_answer_reaches_the_client() {
    let stage = Stage::open().await;
    let shop = shop_before(&stage).await;
    let mut client = Wire::to(shop.address).await;
    client
        .say("GET /free HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        .await;
    let mut wire = stage.accept().await;
    let head = wire
        .answer(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
             Upgrade: WebSocket\r\n\r\n\x01first\r\n\r\n",
        )
        .await;
    assert!(
        head.contains("connection: upgrade\r\nupgrade: websocket\r\n"),
        "{head}"
    );
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    assert_eq!(client.until(b"\r\n\r\n").await, b"\x01first\r\n\r\n");
    client.say("\0to you").await;
    assert_eq!(wire.take(7).await, b"\0to you");
    wire.say("last").await;
    drop(wire);
    assert_eq!(client.rest().await, b"last");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_its_client_leaves_takes_its_connection_along() {
    let stage = Stage::open().await;
    let shop = shop_before(&stage).await;
    let mut client = Wire::to(shop.address).await;
    client.say("GET /free HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let mut wire = stage.accept().await;
    wire.answer("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nhalf")
        .await;
    client.until(b"half").await;
    client.reset();
    assert_eq!(wire.rest().await, b"");
    serves_afresh(&shop, &stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_before_the_end_of_its_request_opens_no_tunnel_and_costs_nothing() {
    let stage = Stage::open().await;
    let shop = shop_before(&stage).await;
    let credential = shop.buy("/x").await;
    let mut client = Wire::to(shop.address).await;
    client
        .say(format!(
            "GET /x HTTP/1.1\r\nHost: a\r\nAuthorization: {credential}\r\nContent-Length: 5\r\n\
             Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"
        ))
        .await;
    let mut wire = stage.accept().await;
    wire.answer("HTTP/1.1 101 x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nhi")
        .await;
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 502"), "{head}");
    drop(wire);
    serves_once(&shop, &stage, &credential).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_breaks_off_after_its_answer_does_not_look_whole() {
    let stage = Stage::open().await;
    let shop = shop_before(&stage).await;
    for in_chunks in [false, true] {
        let (head, body) = upload(&pattern(1000), in_chunks);
        let mut client = Wire::to(shop.address).await;
        client.say(&head).await;
        client.say(&body[..500]).await;
        let mut wire = stage.accept().await;
        wire.answer(OK).await;
        client.head().await;
        client.reset();
        let seen = wire.rest().await;
        assert!(seen.len() < 520, "{seen:?}");
        assert!(!seen.ends_with(b"0\r\n\r\n"), "{seen:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rest_of_an_upload_that_nobody_takes_does_not_keep_its_client() {
    let stage = Stage::open().await;
    let limits = "[http]\nconnections_per_peer = 1\nbody_idle_timeout_secs = 1\n";
    let shop = shop_with(&stage, limits).await;
    let (head, body) = upload(&pattern(LARGE), false);
    let mut client = Wire::to(shop.address).await;
    client.say(&head).await;
    let mut wire = stage.accept().await;
    wire.answer(OK).await;
    let answer = client.head().await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    // As much as fits between, until nothing moves.
    while let Ok(Ok(1..)) = timeout(Duration::from_millis(200), client.socket.write(&body)).await {}
    client.reset();
    let another = async {
        while try_send(shop.address, request("TRACE", "/free", None, b""))
            .await
            .is_err()
        {
            sleep(Duration::from_millis(10)).await;
        }
    };
    let served = timeout(PATIENCE, another).await;
    served.expect("the place of a client that has left is free again");
    drop(wire);
}
