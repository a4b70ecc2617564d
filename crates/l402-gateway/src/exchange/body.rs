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

use crate::table::InFlight;
use crate::timer::IdleTimer;
use crate::upstream::{BodyFault, Progress, UpstreamBody, or_idle};

/// The body of an upstream's answer, with a time-out for each piece.
pub(crate) struct ResponseBody {
    inner: UpstreamBody,
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
            idle: IdleTimer::new(idle),
            _in_flight: in_flight,
            request,
            aborted,
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
        let frame = Pin::new(&mut this.inner).poll_frame(cx);
        // An upstream may stay silent while it still receives the request, so each piece of the
        // request gives the answer more time.
        this.idle.reset_if_changed(this.request.frames());
        let frame = ready!(or_idle(frame, &mut this.idle, cx));
        // Before the error is returned, because `SettleBody` settles the use with it.
        if let Some(Err(BodyFault::Broken(_) | BodyFault::Idle)) = &frame {
            this.request.answer_is_broken();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// The body of an upstream's answer, whose end settles the use.
pub(crate) struct Proxied {
    body: SettleBody<ResponseBody>,
    aborted: Aborted,
}

impl Proxied {
    pub(crate) fn new(body: SettleBody<ResponseBody>, aborted: Aborted) -> Self {
        Self { body, aborted }
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
        match self.get_mut() {
            Self::Proxied(answer) => Pin::new(&mut answer.body).poll_frame(cx),
            Self::Whole(body) => Pin::new(body)
                .poll_frame(cx)
                .map_err(|never| match never {}),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Proxied(answer) => answer.body.is_end_stream(),
            Self::Whole(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Proxied(answer) => answer.body.size_hint(),
            Self::Whole(body) => body.size_hint(),
        }
    }
}
