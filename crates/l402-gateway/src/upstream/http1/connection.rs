//! HTTP/1.1 to an upstream: one request and its answer at a time, in the task of the request.
//!
//! Nothing runs beside: no task for the connection, and no channel to one.

use core::fmt;
use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker, ready};
use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, ReadBuf};
use tokio::task::unconstrained;

use super::head::{self, Head, Malformed};
use super::request::{Sending, WriteFault};
use crate::timer::IdleTimer;
use crate::upstream::Wire;

/// How much is read at once, in bytes: it grows while reads are full, and shrinks again.
const READ_MIN: usize = 2 * 1024;
const READ_MAX: usize = 128 * 1024;

/// What is set aside for reading, at least, in bytes: several small answers.
const BUFFER: usize = 8 * 1024;

/// A connection, between two requests or in one.
pub(crate) struct Http1 {
    pub(super) wire: Wire,
    pub(super) read: Reading,
    patience: IdleTimer,
}

/// What has been read and not been used, and how much to read next.
pub(super) struct Reading {
    pub(super) bytes: BytesMut,
    /// How large the memory behind them may be.
    block: usize,
    expected: usize,
}

/// How far an exchange has come.
#[derive(Default)]
struct Course {
    /// Why no more of the request is sent.
    fault: Option<WriteFault>,
    /// Whether the upstream has said anything.
    heard: bool,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// The request was broken off, or its connection before an answer began.
    Write(WriteFault),
    /// The connection ended, or broke, and not one byte of an answer had come.
    Closed(Option<io::Error>),
    /// It ended within the head of the answer.
    Cut,
    Malformed(Malformed),
    Timeout,
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write(fault) => fault.fmt(f),
            Self::Closed(None) => f.write_str("the connection was closed without an answer"),
            Self::Closed(Some(error)) => write!(f, "the connection broke: {error}"),
            Self::Cut => f.write_str("the connection was closed within the head of the answer"),
            Self::Malformed(malformed) => malformed.fmt(f),
            Self::Timeout => f.write_str("no answer came in time"),
        }
    }
}

impl NoAnswer {
    /// Whether the connection was closed before the request reached anybody, as far as this side
    /// can tell: that is how the end of an idle connection looks.
    pub(super) fn is_silence(&self) -> bool {
        matches!(
            self,
            Self::Closed(_) | Self::Write(WriteFault::Connection(_))
        )
    }
}

impl Http1 {
    pub(in crate::upstream) fn new(wire: Wire) -> Self {
        Self {
            wire,
            read: Reading {
                bytes: BytesMut::new(),
                block: 0,
                expected: READ_MIN,
            },
            patience: IdleTimer::new(None),
        }
    }

    /// Whether it may carry another request: still open, and silent. Whatever an upstream says
    /// without being asked answers nobody.
    pub(in crate::upstream) fn is_ready(&mut self) -> bool {
        let mut byte = [0];
        let mut room = ReadBuf::new(&mut byte);
        let read = poll_fn(|cx| Pin::new(&mut self.wire).poll_read(cx, &mut room));
        // A task that has used up its turn would be told to wait, whatever there is to be read.
        let read = pin!(unconstrained(read)).poll(&mut Context::from_waker(Waker::noop()));
        self.read.bytes.is_empty() && read.is_pending()
    }

    /// Sends a request and waits for the head of its answer: for so long after the last byte of
    /// the request.
    pub(in crate::upstream) async fn exchange(
        &mut self,
        request: &mut Sending,
        limit: Duration,
    ) -> Result<Head, NoAnswer> {
        self.patience.start(limit);
        let mut course = Course::default();
        poll_fn(|cx| {
            let answered = self.poll_exchange(request, &mut course, cx);
            if answered.is_ready() {
                return answered;
            }
            self.patience.rest_if_moved(request.count());
            if self.patience.poll_elapsed(cx) {
                return Poll::Ready(Err(NoAnswer::Timeout));
            }
            Poll::Pending
        })
        .await
    }

    /// An answer may come before all of its request is sent, and where the rest cannot be; none is
    /// read before the request has begun.
    fn poll_exchange(
        &mut self,
        request: &mut Sending,
        course: &mut Course,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Head, NoAnswer>> {
        if course.fault.is_none()
            && let Poll::Ready(Err(why)) = request.poll_send(&mut self.wire, cx)
        {
            if matches!(why, WriteFault::Body(_)) {
                return Poll::Ready(Err(NoAnswer::Write(why)));
            }
            if matches!(self.wire, Wire::Tls(_)) {
                request.may_have_begun();
            }
            course.fault = Some(why);
        }
        if !request.has_begun() {
            return match course.fault.take() {
                Some(fault) => Poll::Ready(Err(NoAnswer::Write(fault))),
                None => Poll::Pending,
            };
        }
        let answered = ready!(self.poll_head(request, course, cx));
        Poll::Ready(answered.map_err(|why| match course.fault.take() {
            Some(fault) if why.is_silence() => NoAnswer::Write(fault),
            _ => why,
        }))
    }

    fn poll_head(
        &mut self,
        request: &mut Sending,
        course: &mut Course,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Head, NoAnswer>> {
        loop {
            if !self.read.bytes.is_empty() {
                let to_head = request.is_to_head();
                let head = head::take(&mut self.read.bytes, to_head, &mut request.room);
                if let Some(head) = head.map_err(NoAnswer::Malformed)? {
                    return Poll::Ready(Ok(head));
                }
            }
            match ready!(self.read.poll_more(&mut self.wire, cx)) {
                Ok(true) => course.heard = true,
                Ok(false) if course.heard => return Poll::Ready(Err(NoAnswer::Cut)),
                Ok(false) => return Poll::Ready(Err(NoAnswer::Closed(None))),
                Err(_) if course.heard => return Poll::Ready(Err(NoAnswer::Cut)),
                Err(error) => return Poll::Ready(Err(NoAnswer::Closed(Some(error)))),
            }
        }
    }

    /// Between two requests; whether there may be another. What it was read with is let go.
    pub(in crate::upstream) fn rest(&mut self) -> bool {
        self.patience.rest();
        let silent = self.read.bytes.is_empty();
        if self.read.block > BUFFER {
            (self.read.bytes, self.read.block) = (BytesMut::new(), 0);
        }
        silent
    }

    /// The bytes themselves, and those that were read already: for a tunnel.
    pub(super) fn into_parts(self) -> (Wire, Bytes) {
        let ahead = self.read.bytes;
        let ahead = if ahead.is_empty() {
            Bytes::new()
        } else {
            ahead.freeze()
        };
        (self.wire, ahead)
    }
}

impl Reading {
    /// Reads once; false at the end.
    pub(super) fn poll_more<R: AsyncRead + Unpin>(
        &mut self,
        from: &mut R,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<bool>> {
        if self.bytes.capacity() - self.bytes.len() < self.expected {
            let block = self.expected.max(BUFFER);
            self.bytes.reserve(block);
            self.block = self.block.max(block);
        }
        let room = self.bytes.capacity() - self.bytes.len();
        let count = ready!(pin!(from.read_buf(&mut self.bytes)).poll(cx))?;
        if count == room {
            self.expected = (2 * room).min(READ_MAX);
        } else if count < self.expected / 4 {
            self.expected = (self.expected / 2).max(READ_MIN);
        }
        Poll::Ready(Ok(count > 0))
    }
}
