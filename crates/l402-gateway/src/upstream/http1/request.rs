//! A request of HTTP/1.1 on its way out.

use core::fmt;
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

/// The length of most heads, in bytes, for the first allocation.
const HEAD: usize = 1024;

/// A request, as far as it has not been written yet.
pub(crate) struct Http1Request {
    method: Method,
    /// What is written next, and how much of it is: the head, then the lines around chunks.
    lines: Vec<u8>,
    written: usize,
    /// Whether anything has been written.
    begun: bool,
    /// How many bytes have been, in all.
    count: u64,
    /// Whether the connection takes no more for now.
    stuck: bool,
    /// Whether all of it is on its way, and nothing is kept back.
    sent: bool,
    has_body: bool,
    /// A piece of the body, after those.
    piece: Bytes,
    body: RequestBody,
    coding: Coding,
    /// A map that is no longer needed, reused for the headers of the answer.
    pub(super) spare: HeaderMap,
}

/// What of the body is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Ended,
    /// So many bytes.
    Length(u64),
    /// Any number of chunks; `true` until the first.
    Chunked(bool),
}

/// Why a request could not be written.
#[derive(Debug)]
pub(crate) enum WriteFault {
    Connection(io::Error),
    /// Its own body broke.
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

/// The head of a request, being written.
pub(crate) struct HeadWriter {
    method: Method,
    lines: Vec<u8>,
}

impl HeadWriter {
    /// The request line. A target that has been parsed holds neither spaces nor line ends.
    pub(crate) fn new(method: Method, target: &PathAndQuery) -> Self {
        let mut lines = Vec::with_capacity(HEAD);
        lines.extend_from_slice(method.as_str().as_bytes());
        lines.push(b' ');
        lines.extend_from_slice(target.as_str().as_bytes());
        lines.extend_from_slice(b" HTTP/1.1\r\n");
        Self { method, lines }
    }

    /// One header: anything but `Content-Length` and `Transfer-Encoding`.
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

    /// Says how the body is framed, and ends the head.
    pub(crate) fn end(mut self, body: RequestBody, spare: HeaderMap) -> Box<Http1Request> {
        let coding = match body.size_hint().exact() {
            _ if body.is_end_stream() => Coding::Ended,
            Some(0) => Coding::Ended,
            Some(length) => Coding::Length(length),
            None => Coding::Chunked(true),
        };
        match coding {
            // Where a body would have a meaning, it is said that there is none (RFC 9110, 8.6).
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

    /// Makes it ready for another connection after this, if it may be sent there: nothing of it
    /// was written, or it may be repeated and its connection ended as idle ones do.
    pub(in crate::upstream) fn may_try_again(&mut self, why: &NoResponse) -> bool {
        let again = why.is_closed_without_response() && (!self.begun || self.may_repeat());
        if again && self.begun {
            (self.begun, self.sent, self.written) = (false, false, 0);
        }
        again
    }

    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }

    /// Under TLS, a write that fails may have sent something.
    pub(super) fn may_have_begun(&mut self) {
        self.begun = true;
    }

    /// A method that may be repeated (RFC 9110, section 9.2.2), without a body.
    fn may_repeat(&self) -> bool {
        let safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(&self.method);
        safe && !self.has_body
    }

    pub(super) fn is_sent(&self) -> bool {
        self.sent
    }

    /// How many bytes have been written.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Whether it is the connection that is waited for, and not the client.
    pub(super) fn is_stuck(&self) -> bool {
        self.stuck
    }

    fn is_written(&self) -> bool {
        self.written == self.lines.len() && self.piece.is_empty()
    }

    /// Writes as much as there is and the connection takes; ready when all of it is on its way.
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
            if filled.is_pending() || self.coding == Coding::Ended {
                let flushed = ready!(Pin::new(&mut *wire).poll_flush(cx));
                flushed.map_err(WriteFault::Connection)?;
                self.stuck = false;
                self.sent = filled.is_ready();
                return filled.map(Ok);
            }
        }
    }

    /// Takes the next piece of the body, if the one before is written; pending where that has
    /// not come yet.
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

    fn take(&mut self, piece: Bytes) -> Result<(), BodyFault> {
        if piece.is_empty() {
            return Ok(());
        }
        match &mut self.coding {
            Coding::Ended => return Err(wrong_length()),
            Coding::Length(left) => {
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

    /// Drops the lines that are written. What is not written yet stays.
    fn forget_written(&mut self) {
        self.lines.drain(..self.written);
        self.written = 0;
    }

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
        self.begun = true;
        self.count += written as u64;
        let of_lines = written.min(lines.len());
        self.written += of_lines;
        self.piece.advance(written - of_lines);
        Poll::Ready(Ok(()))
    }
}

/// A body was not as long as its request said.
fn wrong_length() -> BodyFault {
    BodyFault::broken(io::Error::other("it is not as long as its request said"))
}
