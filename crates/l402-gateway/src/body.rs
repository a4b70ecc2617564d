//! Bodies on their way through: limited, timed, and never held.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;
use l402_server::SettleBody;
use tokio::time::{Instant, Sleep, sleep};

use crate::shop::InFlight;
use crate::upstream::Lease;

/// Runs out when it is waited with for so long, without rest in between.
pub(crate) struct IdleTimer {
    /// None never runs out.
    limit: Option<Duration>,
    sleep: Option<Pin<Box<Sleep>>>,
    running: bool,
}

impl IdleTimer {
    pub(crate) fn new(limit: Option<Duration>) -> Self {
        Self {
            limit,
            sleep: None,
            running: false,
        }
    }

    /// What was waited for has come.
    pub(crate) fn rest(&mut self) {
        self.running = false;
    }

    /// Starts it, if it does not run; whether it has run out.
    pub(crate) fn poll_elapsed(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(limit) = self.limit else {
            return false;
        };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep(limit)));
        if !core::mem::replace(&mut self.running, true) {
            sleep.as_mut().reset(Instant::now() + limit);
        }
        sleep.as_mut().poll(cx).is_ready()
    }
}

/// Why a body broke off.
#[derive(Debug)]
pub(crate) enum BodyFault {
    /// The peer broke it off, or its framing is wrong.
    Broken(hyper::Error),
    /// No byte came for too long.
    Idle,
    /// More than the limit.
    TooLarge,
}

impl fmt::Display for BodyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(error) => write!(f, "the body broke off: {error}"),
            Self::Idle => f.write_str("no byte of the body came for too long"),
            Self::TooLarge => f.write_str("the body is larger than allowed"),
        }
    }
}

impl std::error::Error for BodyFault {}

/// How far a request's body has come, for the time-out of its answer.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    frames: AtomicU64,
    done: AtomicBool,
}

impl Progress {
    /// The number of pieces sent so far.
    pub(crate) fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    /// Whether all of it is sent.
    pub(crate) fn is_done(&self) -> bool {
        self.done.load(Ordering::Relaxed)
    }
}

/// A request's body on its way to the upstream.
pub(crate) struct RequestBody {
    inner: Option<Incoming>,
    left: u64,
    idle: IdleTimer,
    progress: Arc<Progress>,
}

impl RequestBody {
    pub(crate) fn new(inner: Incoming, max: u64, idle: Option<Duration>) -> Self {
        let progress = Arc::new(Progress::default());
        progress
            .done
            .store(inner.is_end_stream(), Ordering::Relaxed);
        let left = if max == 0 { u64::MAX } else { max };
        Self {
            inner: Some(inner),
            left,
            idle: IdleTimer::new(idle),
            progress,
        }
    }

    pub(crate) fn empty() -> Self {
        let progress = Progress {
            done: AtomicBool::new(true),
            ..Progress::default()
        };
        Self {
            inner: None,
            left: 0,
            idle: IdleTimer::new(None),
            progress: Arc::new(progress),
        }
    }

    pub(crate) fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Counts a piece against the limit.
    fn take(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, BodyFault> {
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        self.left = self.left.checked_sub(length).ok_or(BodyFault::TooLarge)?;
        self.progress.frames.fetch_add(1, Ordering::Relaxed);
        if self.is_end_stream() {
            self.progress.done.store(true, Ordering::Relaxed);
        }
        Ok(frame)
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        let this = &mut *self;
        let Some(inner) = &mut this.inner else {
            return Poll::Ready(None);
        };
        let frame = ready!(poll_timed(inner, &mut this.idle, cx));
        if frame.is_none() {
            this.progress.done.store(true, Ordering::Relaxed);
        }
        Poll::Ready(frame.map(|frame| this.take(frame?)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner
            .as_ref()
            .map_or(SizeHint::with_exact(0), Body::size_hint)
    }
}

fn poll_timed(
    inner: &mut Incoming,
    idle: &mut IdleTimer,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
    match Pin::new(inner).poll_frame(cx) {
        Poll::Ready(frame) => {
            idle.rest();
            Poll::Ready(frame.map(|frame| frame.map_err(BodyFault::Broken)))
        }
        Poll::Pending if idle.poll_elapsed(cx) => Poll::Ready(Some(Err(BodyFault::Idle))),
        Poll::Pending => Poll::Pending,
    }
}

/// An answer's body on its way to the client. At its end the connection to the upstream goes
/// back to the pool; dropped before, that connection is closed.
pub(crate) struct ResponseBody {
    inner: Incoming,
    idle: IdleTimer,
    lease: Option<Lease>,
    _in_flight: Option<InFlight>,
}

impl ResponseBody {
    pub(crate) fn new(
        inner: Incoming,
        idle: Option<Duration>,
        lease: Option<Lease>,
        in_flight: Option<InFlight>,
    ) -> Self {
        let idle = IdleTimer::new(idle);
        let mut body = Self {
            inner,
            idle,
            lease,
            _in_flight: in_flight,
        };
        body.give_back_at_end();
        body
    }

    fn give_back_at_end(&mut self) {
        if self.inner.is_end_stream() {
            self.give_back();
        }
    }

    fn give_back(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.give_back();
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
        let frame = ready!(poll_timed(&mut this.inner, &mut this.idle, cx));
        match &frame {
            None => this.give_back(),
            Some(Ok(_)) => this.give_back_at_end(),
            Some(Err(_)) => this.lease = None,
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

/// The body of any answer.
pub(crate) enum AnswerBody {
    /// From the upstream.
    Proxied(SettleBody<ResponseBody>),
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
            Self::Proxied(body) => Pin::new(body).poll_frame(cx),
            Self::Whole(body) => Pin::new(body)
                .poll_frame(cx)
                .map_err(|never| match never {}),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Proxied(body) => body.is_end_stream(),
            Self::Whole(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Proxied(body) => body.size_hint(),
            Self::Whole(body) => body.size_hint(),
        }
    }
}
