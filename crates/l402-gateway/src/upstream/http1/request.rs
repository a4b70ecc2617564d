//! A request of HTTP/1.1: its head as bytes, and its body as it is sent.

use core::fmt;
use core::ops::Range;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io::{self, IoSlice, Write as _};

use bytes::{Buf as _, Bytes};
use http::Method;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http_body::Body as _;
use tokio::io::AsyncWrite;

use super::NoResponse;
use crate::upstream::body::{BodyFault, RequestBody};

/// The size of the first allocation for a head, in bytes: most heads are shorter.
const HEAD: usize = 1024;

/// A request that is being sent.
pub(crate) struct Http1Request {
    method: Method,
    /// The text that is written before `piece`: the head, then the lines around chunks.
    lines: Vec<u8>,
    /// The number of bytes of `lines` that are written.
    written: usize,
    /// The place of the value of `Host` in the head.
    host: Range<usize>,
    /// Set when the request has been repeated after a part of it had been written.
    repeated: bool,
    /// Set when the first byte is written.
    begun: bool,
    /// The number of bytes written so far, of head and body.
    count: u64,
    /// Set while the connection takes no more.
    stuck: bool,
    /// Set when all of it is written and flushed.
    sent: bool,
    has_body: bool,
    /// The piece of the body that is written next.
    piece: Bytes,
    body: RequestBody,
    coding: Coding,
    /// The map of the client's headers, no longer needed: reused for the headers of the answer.
    pub(super) spare: HeaderMap,
}

/// The part of the body that is still to come, and its framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Ended,
    /// This number of bytes.
    Length(u64),
    /// Any number of chunks; `true` before the first of them.
    Chunked(bool),
}

/// The reason why a request could not be written.
#[derive(Debug)]
pub(crate) enum WriteFault {
    Connection(io::Error),
    /// The client's body broke off, stalled or grew too large.
    Body(BodyFault),
}

impl fmt::Display for WriteFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(error) => write!(f, "cannot write the request: {error}"),
            Self::Body(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for WriteFault {}

/// Writes the head of a request. The lines go to the wire as they are: no map of headers is built.
pub(crate) struct HeadWriter {
    method: Method,
    lines: Vec<u8>,
    host: Range<usize>,
}

impl HeadWriter {
    /// Writes the request line and `Host`. Nothing is escaped: a parsed target holds neither spaces nor
    /// line ends.
    pub(crate) fn new(method: Method, target: &PathAndQuery, host: &HeaderValue) -> Self {
        let mut lines = Vec::with_capacity(HEAD);
        lines.extend_from_slice(method.as_str().as_bytes());
        lines.push(b' ');
        lines.extend_from_slice(target.as_str().as_bytes());
        lines.extend_from_slice(b" HTTP/1.1\r\nhost: ");
        let start = lines.len();
        lines.extend_from_slice(host.as_bytes());
        let host = start..lines.len();
        lines.extend_from_slice(b"\r\n");
        Self {
            method,
            lines,
            host,
        }
    }

    /// Writes one header, which must not be `Host`, `Content-Length` or `Transfer-Encoding`.
    pub(crate) fn header(&mut self, name: &HeaderName, value: &HeaderValue) {
        self.line(name, value.as_bytes());
    }

    fn line(&mut self, name: &HeaderName, value: &[u8]) {
        let name = name.as_str().as_bytes();
        self.lines.reserve(name.len() + value.len() + 4);
        self.lines.extend_from_slice(name);
        self.lines.extend_from_slice(b": ");
        self.lines.extend_from_slice(value);
        self.lines.extend_from_slice(b"\r\n");
    }

    /// Writes the framing of the body, and ends the head.
    pub(crate) fn end(mut self, body: RequestBody, spare: HeaderMap) -> Box<Http1Request> {
        let coding = match body.size_hint().exact() {
            _ if body.is_end_stream() => Coding::Ended,
            Some(0) => Coding::Ended,
            Some(length) => Coding::Length(length),
            None => Coding::Chunked(true),
        };
        match coding {
            // These methods usually have a body, so its absence is stated (RFC 9110, section 8.6).
            Coding::Ended if [Method::POST, Method::PUT, Method::PATCH].contains(&self.method) => {
                self.line(&header::CONTENT_LENGTH, b"0");
            }
            Coding::Ended => {}
            Coding::Length(length) => {
                self.line(&header::CONTENT_LENGTH, length.to_string().as_bytes());
            }
            Coding::Chunked(_) => self.line(&header::TRANSFER_ENCODING, b"chunked"),
        }
        self.lines.extend_from_slice(b"\r\n");
        Box::new(Http1Request {
            method: self.method,
            lines: self.lines,
            written: 0,
            host: self.host,
            repeated: false,
            begun: false,
            count: 0,
            stuck: false,
            sent: false,
            has_body: coding != Coding::Ended,
            piece: Bytes::new(),
            body,
            coding,
            spare,
        })
    }
}

impl Http1Request {
    pub(crate) fn body(&self) -> &RequestBody {
        &self.body
    }

    pub(super) fn is_to_head(&self) -> bool {
        self.method == Method::HEAD
    }

    /// Returns true if the request may be sent on another connection, and makes it ready for that:
    /// its connection was closed without an answer, and either nothing of it was written or the
    /// method may be repeated. That is done once: a request at which upstreams break down must not go
    /// to one after the other.
    pub(in crate::upstream) fn may_try_again(&mut self, why: &NoResponse) -> bool {
        let again = why.is_closed_without_response() && (!self.begun || self.may_repeat());
        // The head is still there as it was written, so to repeat it costs no copy.
        if again && self.begun {
            (self.begun, self.sent, self.written) = (false, false, 0);
            self.repeated = true;
        }
        again
    }

    /// Puts the name of another upstream into the head. Nothing of it may have been written, or it has
    /// been made ready to be sent again.
    pub(in crate::upstream) fn readdress(&mut self, host: &HeaderValue) {
        self.lines
            .splice(self.host.clone(), host.as_bytes().iter().copied());
        self.host.end = self.host.start + host.len();
    }

    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }

    /// Notes that a failed write may have sent something, as under TLS.
    pub(super) fn may_have_begun(&mut self) {
        self.begun = true;
    }

    /// Returns true for a method that may be repeated (RFC 9110, section 9.2.2), without a body.
    fn may_repeat(&self) -> bool {
        let safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(&self.method);
        safe && !self.has_body && !self.repeated
    }

    pub(super) fn is_sent(&self) -> bool {
        self.sent
    }

    /// Returns the number of bytes that have been written, of head and body.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Returns true if the sending waits for the connection, and not for the client.
    pub(super) fn is_stuck(&self) -> bool {
        self.stuck
    }

    fn is_written(&self) -> bool {
        self.written == self.lines.len() && self.piece.is_empty()
    }

    /// Writes as much as there is and the connection takes. Ready when all of it is written and
    /// flushed.
    pub(super) fn poll_send<W: AsyncWrite + Unpin>(
        &mut self,
        wire: &mut W,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), WriteFault>> {
        loop {
            let filled = self.poll_fill(cx).map_err(WriteFault::Body)?;
            self.stuck = true;
            while !self.is_written() {
                ready!(self.poll_write(wire, cx)).map_err(WriteFault::Connection)?;
            }
            // Flushed when no further piece is at hand, not after each one. TLS may hold bytes back
            // until then.
            if filled.is_pending() || self.coding == Coding::Ended {
                let flushed = ready!(Pin::new(&mut *wire).poll_flush(cx));
                flushed.map_err(WriteFault::Connection)?;
                self.stuck = false;
                self.sent = filled.is_ready();
                return filled.map(Ok);
            }
        }
    }

    /// Takes the next piece of the body if the one before is written. Pending if the client has not
    /// sent one yet.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BodyFault>> {
        if self.coding == Coding::Ended || !self.piece.is_empty() {
            return Poll::Ready(Ok(()));
        }
        match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            Some(frame) => self.take(frame?.into_data().unwrap_or_default())?,
            None => self.finish()?,
        }
        Poll::Ready(Ok(()))
    }

    /// Makes `piece` the next to be written, after the line of its chunk if it is one.
    fn take(&mut self, piece: Bytes) -> Result<(), BodyFault> {
        // An empty chunk would end the body.
        if piece.is_empty() {
            return Ok(());
        }
        match &mut self.coding {
            Coding::Ended => return Err(wrong_length()),
            Coding::Length(left) => {
                // One byte more than declared would be read as the next request.
                let rest = left.checked_sub(piece.len() as u64);
                *left = rest.ok_or_else(wrong_length)?;
                if *left == 0 {
                    self.coding = Coding::Ended;
                }
            }
            Coding::Chunked(first) => {
                let end = if core::mem::take(first) { "" } else { "\r\n" };
                self.forget_written();
                let size = piece.len();
                write!(self.lines, "{end}{size:x}\r\n").expect("a vector takes everything");
            }
        }
        self.piece = piece;
        Ok(())
    }

    /// Ends the body after the last piece that the client sends.
    fn finish(&mut self) -> Result<(), BodyFault> {
        match self.coding {
            Coding::Ended => {}
            Coding::Length(_) => return Err(wrong_length()),
            Coding::Chunked(first) => {
                self.forget_written();
                let end: &[u8] = if first {
                    b"0\r\n\r\n"
                } else {
                    b"\r\n0\r\n\r\n"
                };
                self.lines.extend_from_slice(end);
            }
        }
        self.coding = Coding::Ended;
        Ok(())
    }

    /// Drops the lines that are written, and keeps the rest.
    fn forget_written(&mut self) {
        self.lines.drain(..self.written);
        self.written = 0;
    }

    /// Writes once: lines and piece together if there are both, so that a chunk takes one system
    /// call.
    fn poll_write<W: AsyncWrite + Unpin>(
        &mut self,
        wire: &mut W,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let wire = Pin::new(wire);
        let lines = &self.lines[self.written..];
        let written = if self.piece.is_empty() {
            ready!(wire.poll_write(cx, lines))?
        } else if lines.is_empty() {
            ready!(wire.poll_write(cx, &self.piece))?
        } else {
            let both = [IoSlice::new(lines), IoSlice::new(&self.piece)];
            ready!(wire.poll_write_vectored(cx, &both))?
        };
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        // Counted for the timer: a peer that takes single bytes is slow, not silent.
        self.begun = true;
        self.count += written as u64;
        let of_lines = written.min(lines.len());
        self.written += of_lines;
        self.piece.advance(written - of_lines);
        Poll::Ready(Ok(()))
    }
}

/// Returns the fault of a body that is not as long as its request said.
fn wrong_length() -> BodyFault {
    BodyFault::broken(io::Error::other("it is not as long as its request said"))
}
