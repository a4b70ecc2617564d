//! Bodies of answers on their way to the client: timed, never held, and their end settles a use.

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

/// An answer's body on its way to the client.
pub(crate) struct ResponseBody {
    inner: UpstreamBody,
    idle: IdleTimer,
    _in_flight: Option<InFlight>,
    request: Arc<Progress>,
    aborted: Aborted,
}

/// Set when the gateway's stop waits no longer for what is under way.
pub(crate) type Aborted = Arc<AtomicBool>;

impl ResponseBody {
    /// `request` is how far the body of its request has come.
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
        // An upstream may well say nothing while it still hears the request.
        this.idle.reset_if_changed(this.request.frames());
        let frame = ready!(or_idle(frame, &mut this.idle, cx));
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

/// An answer from the upstream, whose end settles a use.
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
    /// A drop counts as a client that left. Where it is the gateway that leaves, the body is seen
    /// to break off first, so that nobody pays for half an answer.
    fn drop(&mut self) {
        if self.aborted.load(Ordering::Relaxed) {
            let mut cx = Context::from_waker(Waker::noop());
            let _ = Pin::new(&mut self.body).poll_frame(&mut cx);
        }
    }
}

/// The body of any answer.
pub(crate) enum AnswerBody {
    /// From the upstream.
    Proxied(Box<Proxied>),
    /// Ours.
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
