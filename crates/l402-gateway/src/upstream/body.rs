//! Bodies of requests on their way to an upstream: limited, timed, and never held.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use l402::Problem;
use l402_server::Blame;

use crate::timer::IdleTimer;

/// Why a body broke off.
#[derive(Debug)]
pub(crate) enum BodyFault {
    /// The peer broke it off, or its framing is wrong.
    Broken(Box<dyn std::error::Error + Send + Sync>),
    /// No byte came for too long.
    Idle,
    /// The gateway stopped, and would wait no longer.
    Stopped,
    /// More than the limit.
    TooLarge,
}

impl fmt::Display for BodyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(error) => write!(f, "the body broke off: {error}"),
            Self::Idle => f.write_str("no byte of the body came for too long"),
            Self::Stopped => f.write_str("the gateway has stopped"),
            Self::TooLarge => f.write_str("the body is larger than allowed"),
        }
    }
}

impl std::error::Error for BodyFault {}

impl BodyFault {
    pub(crate) fn broken(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Broken(Box::new(error))
    }

    /// Returns the problem that is reported to the client whose body it was.
    fn problem(&self) -> Problem {
        match self {
            Self::Broken(_) => Problem::BadRequest,
            Self::Idle | Self::Stopped => Problem::RequestTimeout,
            Self::TooLarge => Problem::BodyTooLarge,
        }
    }
}

/// How far a request's body has come: for the time-out of its answer, and to tell whose fault it
/// is when that answer does not come or breaks off.
#[derive(Default)]
pub(crate) struct Progress {
    frames: AtomicU64,
    done: AtomicBool,
    /// The upstream would take more than the client has sent.
    awaited: AtomicBool,
    fault: OnceLock<Problem>,
    blame: Option<Blame>,
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

    /// What was wrong with it. Whatever became of the exchange, this came first.
    pub(crate) fn fault(&self) -> Option<Problem> {
        self.fault.get().copied()
    }

    /// Notes the fault before the connection to the upstream breaks because of it.
    fn fail(&self, fault: &BodyFault) {
        let _ = self.fault.set(fault.problem());
        self.blame_client();
    }

    /// Nothing came from the upstream for too long, or it broke off. It may have waited for a
    /// client that sends its body drop by drop.
    pub(crate) fn answer_is_broken(&self) {
        if self.awaited.load(Ordering::Relaxed) {
            self.blame_client();
        }
    }

    fn blame_client(&self) {
        if let Some(blame) = &self.blame {
            blame.buyer();
        }
    }
}

/// A request's body on its way to the upstream. Trailers stay behind: they would arrive as
/// headers that nobody has judged.
pub(crate) struct RequestBody {
    inner: Incoming,
    left: u64,
    idle: IdleTimer,
    progress: Arc<Progress>,
}

impl RequestBody {
    /// `blame` hears when it is the client that breaks the exchange off.
    pub(crate) fn new(inner: Incoming, max: u64, idle: Option<Duration>, blame: Blame) -> Self {
        let progress = Progress {
            done: AtomicBool::new(inner.is_end_stream()),
            blame: Some(blame),
            ..Progress::default()
        };
        let left = if max == 0 { u64::MAX } else { max };
        Self {
            inner,
            left,
            idle: IdleTimer::new(idle),
            progress: Arc::new(progress),
        }
    }

    /// Returns how long either side may wait for the other; `None` is for ever.
    pub(crate) fn idle_limit(&self) -> Option<Duration> {
        self.idle.limit()
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

    /// The next piece of data, or the end.
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        loop {
            let frame = Pin::new(&mut self.inner).poll_frame(cx);
            let frame = frame.map(|frame| Some(frame?.map_err(BodyFault::broken)));
            match ready!(or_idle(frame, &mut self.idle, cx)) {
                Some(Ok(frame)) if frame.is_trailers() => {}
                frame => return Poll::Ready(frame.map(|frame| self.take(frame?))),
            }
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        let frame = self.poll_data(cx);
        let progress = &self.progress;
        progress
            .awaited
            .store(frame.is_pending(), Ordering::Relaxed);
        match &frame {
            Poll::Ready(None) => progress.done.store(true, Ordering::Relaxed),
            Poll::Ready(Some(Err(fault))) => progress.fail(fault),
            _ => {}
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Returns what was polled, or [`BodyFault::Idle`] if that is still pending when the timer has run
/// out.
pub(crate) fn or_idle(
    frame: Poll<Option<Result<Frame<Bytes>, BodyFault>>>,
    idle: &mut IdleTimer,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
    if frame.is_ready() {
        idle.reset();
    } else if idle.poll_elapsed(cx) {
        return Poll::Ready(Some(Err(BodyFault::Idle)));
    }
    frame
}
