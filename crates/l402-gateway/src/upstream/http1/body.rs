//! The body of an answer of HTTP/1.1, read as its client asks for it.

use core::fmt;
use core::future::poll_fn;
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io;

use bytes::Bytes;
use http::Response;
use http_body::SizeHint;
use tokio::io::{AsyncWriteExt as _, ReadHalf, WriteHalf, split};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::buffer::ReadBuffer;
use super::chunks::Next;
use super::connection::Http1;
use super::head::{Head, Malformed, Remaining};
use super::request::{Http1Request, WriteFault};
use crate::timer::IdleTimer;
use crate::upstream::Wire;
use crate::upstream::body::BodyFault;
use crate::upstream::pool::Lease;

/// The body of an answer. At its end the connection goes back to the pool. If the body breaks off
/// or is dropped before its end, the connection is closed.
pub(crate) struct Http1Body {
    left: Remaining,
    /// True if the connection may be used again.
    keep: bool,
    source: Source,
    /// The number of bytes that were read from the connection since the head.
    received: u64,
}

/// The source of a body's bytes.
enum Source {
    /// No connection any more: the body has ended or broken off.
    Done,
    /// The connection, whose request is sent.
    Connection(Lease),
    /// Boxed, because it is large and rare.
    Half(Box<Half>),
}

/// The reading half of a connection. The rest of the request is still being sent on the other.
struct Half {
    from: ReadHalf<Wire>,
    read: ReadBuffer,
    rest: RestOfRequest,
}

/// The rest of a request that was answered before all of it was sent. Its task is aborted when this
/// is dropped.
struct RestOfRequest(Option<JoinHandle<Result<(), BodyFault>>>);

/// The reason why the body of an answer broke off.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The connection was closed too early.
    Cut,
    Connection(io::Error),
    Malformed(Malformed),
    /// The rest of its request broke off.
    Request(BodyFault),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut => f.write_str("the connection was closed before the answer ended"),
            Self::Connection(error) => error.fmt(f),
            Self::Malformed(malformed) => malformed.fmt(f),
            Self::Request(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for Broken {}

impl Http1Body {
    /// Returns the answer that `head` begins. A part of `request` may not be sent yet; the rest is
    /// then sent in a task of its own.
    pub(in crate::upstream) fn answer(
        head: Head,
        lease: Lease,
        request: Box<Http1Request>,
    ) -> Response<Self> {
        let Head { answer, body, keep } = head;
        let source = if request.is_sent() {
            Source::Connection(lease)
        } else {
            Source::send_in_background(lease.into_connection(), request)
        };
        let mut bytes = Self {
            left: body,
            keep,
            source,
            received: 0,
        };
        // Nobody polls an answer without a body, so its connection goes back at once.
        if bytes.left == Remaining::Nothing {
            bytes.end();
        }
        answer.map(|()| bytes)
    }

    /// Returns a body without a byte and without a connection.
    pub(in crate::upstream) fn empty() -> Self {
        Self {
            left: Remaining::Nothing,
            keep: false,
            source: Source::Done,
            received: 0,
        }
    }

    /// Returns true if a rest of the request is left to send, on a connection that the upstream
    /// closes after this answer.
    pub(in crate::upstream) fn ends_request(&self) -> bool {
        matches!(self.source, Source::Half(..)) && !self.keep
    }

    /// Returns the number of bytes that were read from the connection since the head. It grows with
    /// each read, not with each piece.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// Returns true if the connection can become a tunnel: the whole request has been sent.
    pub(crate) fn may_be_tunnel(&self) -> bool {
        matches!(self.source, Source::Connection(_))
    }

    /// Returns the connection of an answer 101, and the bytes that were read from it already.
    pub(crate) fn into_tunnel(self) -> Option<(Wire, Bytes)> {
        match self.source {
            Source::Connection(lease) => Some(lease.into_connection().into_parts()),
            _ => None,
        }
    }

    pub(crate) fn is_end(&self) -> bool {
        self.left == Remaining::Nothing
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        match self.left {
            Remaining::Nothing => SizeHint::with_exact(0),
            Remaining::Length(left) => SizeHint::with_exact(left),
            Remaining::Chunked(_) | Remaining::UntilClosed => SizeHint::default(),
        }
    }

    /// Polls for the next piece, or the end. After either the end or an error the connection is
    /// gone.
    pub(crate) fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Broken>>> {
        let piece = ready!(self.poll_next(cx));
        if let Some(Err(_)) = &piece {
            // Closed, not given back: nobody knows where the next answer would begin.
            self.left = Remaining::Nothing;
            self.source = Source::Done;
        } else if self.is_end() {
            // With the last piece, not after it: a client that has all bytes may not ask again.
            self.end();
        }
        Poll::Ready(piece)
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Broken>>> {
        loop {
            if let Some(piece) = self.take().transpose() {
                return Poll::Ready(Some(piece.map_err(Broken::Malformed)));
            }
            if self.left == Remaining::Nothing {
                return Poll::Ready(None);
            }
            let before = self.buffered();
            match ready!(self.source.poll_read(cx)) {
                Ok(true) => self.received += (self.buffered() - before) as u64,
                Ok(false) if self.left == Remaining::UntilClosed => {
                    self.left = Remaining::Nothing;
                    return Poll::Ready(None);
                }
                Ok(false) => return Poll::Ready(Some(Err(Broken::Cut))),
                Err(broken) => return Poll::Ready(Some(Err(broken))),
            }
        }
    }

    /// Returns the number of bytes that were read and are not taken yet.
    fn buffered(&mut self) -> usize {
        self.source.read().map_or(0, |read| read.bytes.len())
    }

    /// Takes the next piece out of the bytes that were read, or returns `None` if there is none.
    fn take(&mut self) -> Result<Option<Bytes>, Malformed> {
        let Some(read) = self.source.read() else {
            return Ok(None);
        };
        let piece = match &mut self.left {
            Remaining::Nothing => return Ok(None),
            Remaining::Chunked(chunks) => match chunks.next(&mut read.bytes)? {
                Next::Data(piece) => piece,
                Next::Read => return Ok(None),
                Next::End => {
                    self.left = Remaining::Nothing;
                    return Ok(None);
                }
            },
            Remaining::UntilClosed => read.bytes.split().freeze(),
            Remaining::Length(left) => {
                // Bytes beyond the body stay in the buffer, and keep the connection from being used
                // again.
                let all = read.bytes.len();
                let here = usize::try_from(*left).map_or(all, |left| left.min(all));
                *left -= here as u64;
                if *left == 0 {
                    self.left = Remaining::Nothing;
                }
                read.bytes.split_to(here).freeze()
            }
        };
        Ok((!piece.is_empty()).then_some(piece))
    }

    /// Gives the connection back if it may be used again. The pool refuses it if bytes are left
    /// over.
    fn end(&mut self) {
        match mem::replace(&mut self.source, Source::Done) {
            Source::Connection(lease) if self.keep => lease.give_back(),
            // The client has its whole answer. The upstream may still want the rest of the request.
            Source::Half(mut half) => half.rest.detach(),
            _ => {}
        }
    }
}

impl Source {
    /// Sends the rest of the request in a task of its own, so that a client that reads the answer
    /// slowly does not hold it up.
    fn send_in_background(connection: Http1, mut request: Box<Http1Request>) -> Self {
        let (from, mut to): (_, WriteHalf<Wire>) = split(connection.wire);
        let limit = request.body().idle_limit();
        let sending = async move {
            let mut idle_timer = IdleTimer::new(limit);
            let sent = poll_fn(|cx| {
                let sent = request.poll_send(&mut to, cx);
                if sent.is_ready() {
                    return sent;
                }
                idle_timer.reset_if_changed(request.count());
                // The timer is for the upstream. The body has one of its own for the client.
                if !request.is_stuck() {
                    idle_timer.reset();
                } else if idle_timer.poll_elapsed(cx) {
                    let late = io::Error::from(io::ErrorKind::TimedOut);
                    return Poll::Ready(Err(WriteFault::Connection(late)));
                }
                Poll::Pending
            })
            .await;
            // If the client's body broke, an upstream that waits for the rest has to learn that
            // none comes. If the upstream takes no more, it may still send the rest of its answer.
            match sent {
                Err(WriteFault::Body(fault)) => {
                    let _ = timeout(limit.unwrap_or_default(), to.shutdown()).await;
                    Err(fault)
                }
                _ => Ok(()),
            }
        };
        let rest = RestOfRequest(Some(tokio::spawn(sending)));
        Self::Half(Box::new(Half {
            from,
            read: connection.read,
            rest,
        }))
    }

    fn read(&mut self) -> Option<&mut ReadBuffer> {
        match self {
            Self::Done => None,
            Self::Connection(lease) => Some(&mut lease.connection().read),
            Self::Half(half) => Some(&mut half.read),
        }
    }

    /// Reads more, and returns false at the end of the connection.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Broken>> {
        let more = match self {
            Self::Done => return Poll::Ready(Ok(false)),
            Self::Connection(lease) => {
                let Http1 { wire, read, .. } = lease.connection();
                read.poll_more(wire, cx)
            }
            Self::Half(half) => {
                let Half { from, read, rest } = &mut **half;
                let more = read.poll_more(from, cx);
                // If nothing more comes, the broken request may be the cause.
                if !matches!(more, Poll::Ready(Ok(true))) {
                    rest.check(cx).map_err(Broken::Request)?;
                }
                more
            }
        };
        more.map_err(Broken::Connection)
    }
}

impl RestOfRequest {
    /// Returns the error that ended the task, if one did.
    fn check(&mut self, cx: &mut Context<'_>) -> Result<(), BodyFault> {
        let Some(task) = &mut self.0 else {
            return Ok(());
        };
        match Pin::new(task).poll(cx) {
            Poll::Pending => Ok(()),
            Poll::Ready(ended) => {
                self.0 = None;
                // A panic of the task has been reported by the runtime.
                ended.unwrap_or(Ok(()))
            }
        }
    }

    /// Lets the task go on after this is dropped.
    fn detach(&mut self) {
        self.0 = None;
    }
}

impl Drop for RestOfRequest {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.abort();
        }
    }
}
