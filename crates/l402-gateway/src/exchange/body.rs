//! Bodies of answers on their way to the client: each piece is passed on as it comes, an idle timer
//! runs while none comes, and the end settles the use that was reserved.

use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use l402_server::SettleBody;
use tokio::time::Instant;

use super::turn::{self, Turn};
use crate::table::InFlight;
use crate::timer::IdleTimer;
use crate::upstream::{BodyFault, Progress, UpstreamBody, or_idle};

/// The longest piece that is handed to HTTP/2 at once, in bytes. hyper takes a whole piece for one
/// byte that the client's window leaves, so that a longer one would hide how slowly it is taken.
const STREAM_PIECE: usize = 16 * 1024;

/// The body of an upstream's answer, with a time-out for each piece.
pub(crate) struct ResponseBody {
    inner: UpstreamBody,
    /// The longest piece that goes out.
    piece_max: usize,
    /// The rest of a longer one.
    rest: Bytes,
    idle: IdleTimer,
    /// Counts the request as in flight until this body is dropped.
    _in_flight: Option<InFlight>,
    /// The progress of the body of the request that is answered.
    request: Arc<Progress>,
    aborted: Aborted,
}

/// A flag that is set when the deadline of a stop has passed: what is still under way breaks off.
pub(crate) type Aborted = Arc<AtomicBool>;

impl ResponseBody {
    /// Wraps an answer's body. `idle` is the longest time without a piece of it, `None` for no
    /// limit; `request` is the progress of the body of its request.
    pub(crate) fn new(
        inner: UpstreamBody,
        idle: Option<Duration>,
        in_flight: Option<InFlight>,
        request: Arc<Progress>,
        aborted: Aborted,
    ) -> Self {
        Self {
            inner,
            piece_max: usize::MAX,
            rest: Bytes::new(),
            idle: IdleTimer::new(idle),
            _in_flight: in_flight,
            request,
            aborted,
        }
    }

    /// Cuts the body into pieces for a stream of HTTP/2.
    pub(crate) fn for_stream(mut self, is_stream: bool) -> Self {
        if is_stream {
            self.piece_max = STREAM_PIECE;
        }
        self
    }

    /// Returns a frame that is not too long, and keeps the rest of it.
    fn cut(&mut self, frame: Frame<Bytes>) -> Frame<Bytes> {
        match frame.into_data() {
            Ok(mut piece) if piece.len() > self.piece_max => {
                self.rest = piece.split_off(self.piece_max);
                Frame::data(piece)
            }
            Ok(piece) => Frame::data(piece),
            Err(trailers) => trailers,
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        let this = &mut *self;
        if this.aborted.load(Ordering::Relaxed) {
            return Poll::Ready(Some(Err(BodyFault::Stopped)));
        }
        if !this.rest.is_empty() {
            let piece = Frame::data(core::mem::take(&mut this.rest));
            return Poll::Ready(Some(Ok(this.cut(piece))));
        }
        let frame = Pin::new(&mut this.inner).poll_frame(cx);
        // An upstream may stay silent while it still receives the request, so each piece of the
        // request gives the answer more time.
        this.idle.reset_if_changed(this.request.frames());
        let frame = ready!(or_idle(frame, &mut this.idle, cx));
        // Before the error is returned, because `SettleBody` settles the use with it.
        if let Some(Err(BodyFault::Broken(_) | BodyFault::Idle)) = &frame {
            this.request.answer_is_broken();
        }
        Poll::Ready(frame.map(|frame| frame.map(|frame| this.cut(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let inner = self.inner.size_hint();
        let rest = self.rest.len() as u64;
        let mut hint = SizeHint::new();
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint.set_lower(inner.lower().saturating_add(rest));
        hint
    }
}

/// The body of an upstream's answer, whose end settles the use.
pub(crate) struct Proxied {
    body: SettleBody<ResponseBody>,
    /// The moment since which the upstream is waited for, after the client has stalled.
    waiting: Option<Instant>,
    aborted: Aborted,
}

impl Proxied {
    pub(crate) fn new(body: SettleBody<ResponseBody>, aborted: Aborted) -> Self {
        Self {
            body,
            waiting: None,
            aborted,
        }
    }

    /// Polls for the next piece, and tells the body that settles the use how long its client and its
    /// upstream were waited for.
    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        if self.body.poll_lapsed(cx).is_ready() {
            return Poll::Ready(Some(Err(BodyFault::Lapsed)));
        }
        // Before the upstream is read: if its answer has broken off, the stall may be the cause.
        let held = turn::held();
        if !held.is_zero() {
            self.body.held_up(held);
        }
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if !self.body.is_watched() {
            return frame;
        }
        match &frame {
            Poll::Pending if self.body.is_stalled() => {
                self.waiting.get_or_insert_with(Instant::now);
            }
            Poll::Ready(Some(Ok(_))) => {
                if let Some(since) = self.waiting.take() {
                    self.body.waited(since.elapsed());
                }
                self.body.received(self.body.get_ref().inner.received());
            }
            _ => {}
        }
        frame
    }
}

impl Drop for Proxied {
    /// Breaks the body off if the gateway stops, so that nobody pays for half an answer. Any other
    /// drop counts as a client that left.
    fn drop(&mut self) {
        if self.aborted.load(Ordering::Relaxed) {
            // One poll is enough: with the flag set it returns `BodyFault::Stopped` at once, and
            // `SettleBody` settles the use as that of a broken answer.
            let mut cx = Context::from_waker(Waker::noop());
            let _ = Pin::new(&mut self.body).poll_frame(&mut cx);
        }
    }
}

/// The body of any answer.
pub(crate) enum AnswerBody {
    /// A document of the gateway's own, whose request is free.
    Document(Box<SettleBody<Full<Bytes>>>),
    /// The body of an upstream's answer.
    Proxied(Box<Proxied>),
    /// A body of the gateway's own, such as a problem document.
    Whole(Full<Bytes>),
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        let this = self.get_mut();
        let frame = match this {
            Self::Document(body) => Pin::new(&mut **body)
                .poll_frame(cx)
                .map_err(|never| match never {}),
            Self::Proxied(answer) => answer.poll_frame(cx),
            Self::Whole(body) => Pin::new(body)
                .poll_frame(cx)
                .map_err(|never| match never {}),
        };
        turn::set(match &frame {
            Poll::Pending => Turn::Upstream,
            Poll::Ready(Some(Ok(_))) if !this.is_end_stream() => Turn::Buyer,
            Poll::Ready(_) => Turn::Last,
        });
        frame
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Document(body) => body.is_end_stream(),
            Self::Proxied(answer) => answer.body.is_end_stream(),
            Self::Whole(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Document(body) => body.size_hint(),
            Self::Proxied(answer) => answer.body.size_hint(),
            Self::Whole(body) => body.size_hint(),
        }
    }
}
