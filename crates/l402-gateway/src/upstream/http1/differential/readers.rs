//! The two readers of an answer: ours, and the one of hyper's client.

use core::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::HeaderMap;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;

use crate::upstream::http1::chunks::Next;
use crate::upstream::http1::head::{self, Head, Remaining};

/// An answer as an upstream may send it, and the pieces in which it comes.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) to_head: bool,
    pub(super) bytes: Vec<u8>,
    /// The number of bytes of each read, used in a circle.
    pub(super) pieces: Vec<usize>,
}

/// An answer as one of the two readers understands it.
#[derive(Debug)]
pub(super) struct ReadAnswer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// True if another request may follow on the connection.
    pub(super) keep: bool,
}

const CUT: &str = "the answer breaks off";

/// The bytes of an upstream that closes after them.
struct Feed<'a> {
    read: BytesMut,
    rest: &'a [u8],
    pieces: core::iter::Cycle<core::slice::Iter<'a, usize>>,
}

impl Feed<'_> {
    fn more(&mut self) -> Result<(), &'static str> {
        if self.rest.is_empty() {
            return Err(CUT);
        }
        let size = self.pieces.next().expect("there are sizes");
        let (piece, rest) = self.rest.split_at((*size).min(self.rest.len()));
        self.read.extend_from_slice(piece);
        self.rest = rest;
        Ok(())
    }

    fn head(&mut self, to_head: bool) -> Result<Head, &'static str> {
        loop {
            let head = head::take(&mut self.read, to_head, &mut HeaderMap::new());
            if let Some(head) = head.map_err(|malformed| malformed.0)? {
                return Ok(head);
            }
            self.more()?;
        }
    }

    fn body(&mut self, left: Remaining) -> Result<Vec<u8>, &'static str> {
        let mut body = Vec::new();
        match left {
            Remaining::Nothing => {}
            Remaining::Length(length) => {
                while (self.read.len() as u64) < length {
                    self.more()?;
                }
                let length = usize::try_from(length).expect("so many bytes are there");
                body.extend_from_slice(&self.read.split_to(length));
            }
            Remaining::Chunked(mut chunks) => loop {
                match chunks
                    .next(&mut self.read)
                    .map_err(|malformed| malformed.0)?
                {
                    Next::Data(data) => body.extend_from_slice(&data),
                    Next::Read => self.more()?,
                    Next::End => break,
                }
            },
            Remaining::UntilClosed => {
                while self.more().is_ok() {}
                body.extend_from_slice(&self.read.split());
            }
        }
        Ok(body)
    }
}

pub(super) fn ours(case: &Case, pieces: &[usize]) -> Result<ReadAnswer, &'static str> {
    let mut feed = Feed {
        read: BytesMut::new(),
        rest: &case.bytes,
        pieces: pieces.iter().cycle(),
    };
    let Head { answer, body, keep } = feed.head(case.to_head)?;
    let (parts, ()) = answer.into_parts();
    // After a switch of protocols there is no body.
    let switched = parts.status == StatusCode::SWITCHING_PROTOCOLS;
    let body = feed.body(if switched { Remaining::Nothing } else { body })?;
    Ok(ReadAnswer {
        status: parts.status,
        headers: parts.headers,
        body,
        keep: keep && feed.read.is_empty() && feed.rest.is_empty(),
    })
}

/// Returns hyper's reading, or the innermost reason for an error. The clock stands still until no
/// task has anything to do.
pub(super) async fn theirs(case: &Case) -> Result<ReadAnswer, String> {
    let (client, upstream) = tokio::io::duplex(1 << 20);
    let (sender, connection) = http1::handshake(TokioIo::new(client)).await.expect("open");
    let asked = ask(sender, case.to_head);
    let (answer, _, _) = tokio::join!(asked, connection, speak(upstream, &case.bytes));
    answer.map_err(|error| {
        let mut reason: &dyn core::error::Error = &error;
        while let Some(source) = reason.source() {
            reason = source;
        }
        reason.to_string()
    })
}

async fn ask(mut sender: SendRequest<Empty<Bytes>>, to_head: bool) -> hyper::Result<ReadAnswer> {
    let method = if to_head { Method::HEAD } else { Method::GET };
    let request = Request::builder().method(method).uri("/");
    let request = request.body(Empty::new()).expect("a sound request");
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = body.collect().await?.to_bytes().to_vec();
    sleep(Duration::from_millis(1)).await;
    Ok(ReadAnswer {
        status: head.status,
        headers: head.headers,
        body,
        keep: sender.is_ready(),
    })
}

/// Answers once a request has come, and closes when every task is idle.
async fn speak(mut wire: DuplexStream, bytes: &[u8]) -> DuplexStream {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(wire.read_u8().await.expect("a whole request"));
    }
    wire.write_all(bytes).await.expect("there is room");
    sleep(Duration::from_secs(1)).await;
    wire.shutdown().await.expect("it was open");
    wire
}

pub(super) fn runtime() -> Runtime {
    let mut builder = Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build();
    runtime.expect("a runtime")
}
