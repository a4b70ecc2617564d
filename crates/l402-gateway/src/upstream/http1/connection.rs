//! A connection of HTTP/1.1 to an upstream. Sends a request and waits for the head of its answer.

use core::fmt;
use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker, ready};
use std::io;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::task::unconstrained;

use super::buffer::ReadBuffer;
use super::head::{self, Head, Malformed};
use super::request::{Http1Request, WriteFault};
use crate::share::Counted;
use crate::timer::IdleTimer;
use crate::upstream::Wire;

/// An open connection, idle or in use by one request.
pub(crate) struct Http1 {
    pub(super) wire: Wire,
    pub(super) read: ReadBuffer,
    /// Kept from one request to the next, because it costs less to move an alarm than to make one.
    idle_timer: IdleTimer,
}

/// The progress of one exchange.
#[derive(Default)]
struct ExchangeState {
    /// The error that ended the sending of the request. The answer may still come.
    fault: Option<WriteFault>,
    /// Set by the first byte from the upstream.
    answer_begun: bool,
}

/// The reason why a request has no answer.
#[derive(Debug)]
pub(crate) enum NoResponse {
    /// The request broke off, or its connection did before an answer began.
    Write(WriteFault),
    /// The connection ended (`None`) or broke before the first byte of an answer.
    Closed(Option<io::Error>),
    /// The connection ended or broke within the head of the answer.
    Cut,
    Malformed(Malformed),
    /// No head came within the limit.
    Timeout,
}

impl fmt::Display for NoResponse {
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

impl NoResponse {
    /// Returns true if the connection was closed without a byte of an answer. An idle connection
    /// looks like that if the upstream closes it just when it is used again.
    pub(super) fn is_closed_without_response(&self) -> bool {
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
            read: ReadBuffer::new(),
            idle_timer: IdleTimer::new(None),
        }
    }

    /// Returns true if the connection is open and silent, and may carry another request. Bytes that
    /// came without a request would be read as the answer to the next one.
    pub(in crate::upstream) fn is_ready(&mut self) -> bool {
        let mut byte = [0];
        let mut buffer = ReadBuf::new(&mut byte);
        let read = poll_fn(|cx| Pin::new(&mut self.wire).poll_read(cx, &mut buffer));
        // Without `unconstrained`, tokio tells a task that has used up its budget to wait, and a
        // connection that was closed would look silent.
        let read = pin!(unconstrained(read)).poll(&mut Context::from_waker(Waker::noop()));
        self.read.bytes.is_empty() && read.is_pending()
    }

    /// Sends a request and waits for the head of its answer, at most for `limit` after the last
    /// byte that was written.
    pub(in crate::upstream) async fn exchange(
        &mut self,
        request: &mut Http1Request,
        limit: Duration,
    ) -> Result<Head, NoResponse> {
        self.idle_timer.start(limit);
        let mut state = ExchangeState::default();
        poll_fn(|cx| {
            let answered = self.poll_exchange(request, &mut state, cx);
            if answered.is_ready() {
                return answered;
            }
            // A slow upload is no silent upstream: each byte written gives the answer its full
            // time.
            self.idle_timer.reset_if_changed(request.count());
            if self.idle_timer.poll_elapsed(cx) {
                return Poll::Ready(Err(NoResponse::Timeout));
            }
            Poll::Pending
        })
        .await
    }

    /// Writes and reads in turn. An answer may come before all of its request is sent, and also if
    /// the rest cannot be sent. Nothing is read before the first byte of the request is written.
    fn poll_exchange(
        &mut self,
        request: &mut Http1Request,
        state: &mut ExchangeState,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Head, NoResponse>> {
        if state.fault.is_none()
            && let Poll::Ready(Err(why)) = request.poll_send(&mut self.wire, cx)
        {
            // The client's own body broke, so no answer is waited for.
            if matches!(why, WriteFault::Body(_)) {
                return Poll::Ready(Err(NoResponse::Write(why)));
            }
            // TLS may have sent a part of what it reports as failed. Then the request must not be
            // repeated as if nothing of it had reached the upstream.
            if self.wire.is_tls() {
                request.may_have_begun();
            }
            // An upstream that refuses a large upload answers and closes. Its answer says more than
            // the failed write, and is read below.
            state.fault = Some(why);
        }
        // Bytes that come before the request cannot be its answer.
        if !request.has_begun() {
            return match state.fault.take() {
                Some(fault) => Poll::Ready(Err(NoResponse::Write(fault))),
                None => Poll::Pending,
            };
        }
        let answered = ready!(self.poll_head(request, state, cx));
        Poll::Ready(answered.map_err(|why| match state.fault.take() {
            Some(fault) if why.is_closed_without_response() => NoResponse::Write(fault),
            _ => why,
        }))
    }

    /// Reads until the head of an answer is whole.
    fn poll_head(
        &mut self,
        request: &mut Http1Request,
        state: &mut ExchangeState,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Head, NoResponse>> {
        loop {
            if !self.read.bytes.is_empty() {
                let to_head = request.is_to_head();
                let head = head::take(&mut self.read.bytes, to_head, &mut request.spare);
                if let Some(head) = head.map_err(NoResponse::Malformed)? {
                    return Poll::Ready(Ok(head));
                }
            }
            match ready!(self.read.poll_more(&mut self.wire, cx)) {
                Ok(true) => state.answer_begun = true,
                Ok(false) if state.answer_begun => return Poll::Ready(Err(NoResponse::Cut)),
                Ok(false) => return Poll::Ready(Err(NoResponse::Closed(None))),
                Err(_) if state.answer_begun => return Poll::Ready(Err(NoResponse::Cut)),
                Err(error) => return Poll::Ready(Err(NoResponse::Closed(Some(error)))),
            }
        }
    }

    /// Prepares for the next request: frees a large buffer, stops the timer. Returns false if bytes
    /// are left over, after which no request may follow.
    pub(in crate::upstream) fn set_idle(&mut self) -> bool {
        self.idle_timer.reset();
        self.wire.serve(None);
        let silent = self.read.bytes.is_empty();
        self.read.shrink();
        silent
    }

    /// Sets the request that is served, until the connection is idle again.
    pub(in crate::upstream) fn serve(&mut self, request: Counted) {
        self.wire.serve(Some(request));
    }

    /// Returns the wire and the bytes that were read ahead, for a tunnel.
    pub(super) fn into_parts(self) -> (Wire, Bytes) {
        let read_ahead = self.read.bytes;
        let read_ahead = if read_ahead.is_empty() {
            Bytes::new()
        } else {
            read_ahead.freeze()
        };
        (self.wire, read_ahead)
    }
}
