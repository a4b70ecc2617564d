//! Bodies of requests on their way to an upstream: limited in size, timed, and passed on as they
//! come.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use l402::Problem;
use l402_server::Blame;

use super::client_body::ClientBody;
use crate::timer::IdleTimer;

/// The reason why a body broke off.
#[derive(Debug)]
pub(crate) enum BodyFault {
    /// The peer broke it off, or its framing is wrong.
    Broken(Box<dyn std::error::Error + Send + Sync>),
    /// No byte came for too long.
    Idle,
    /// The lease of the ledger has ended, so that nothing more may be served.
    Lapsed,
    /// Fewer bytes came than the least rate allows.
    Slow,
    /// The deadline of the gateway's stop has passed.
    Stopped,
    /// More bytes came than the limit allows.
    TooLarge,
}

impl fmt::Display for BodyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(error) => write!(f, "the body broke off: {error}"),
            Self::Idle => f.write_str("no byte of the body came for too long"),
            Self::Lapsed => f.write_str("the ledger was lost"),
            Self::Slow => f.write_str("the body came too slowly"),
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
            Self::Idle | Self::Slow | Self::Stopped => Problem::RequestTimeout,
            Self::Lapsed => Problem::StoreUnavailable,
            Self::TooLarge => Problem::BodyTooLarge,
        }
    }
}

/// The progress of a request's body. The time-out of the answer depends on it, and so does the
/// question of whose fault it is if that answer does not come or breaks off.
///
/// Shared by the request's body and the answer's: both may be under way at the same time.
#[derive(Default)]
pub(crate) struct Progress {
    frames: AtomicU64,
    done: AtomicBool,
    /// Set while the upstream waits for a piece that the client has not sent.
    awaited: AtomicBool,
    /// The first fault of the body, if any.
    fault: OnceLock<Problem>,
    blame: Option<Blame>,
}

impl Progress {
    /// Returns the number of pieces that the client has sent so far.
    pub(crate) fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    /// Returns true if the client has sent all of it.
    pub(crate) fn is_done(&self) -> bool {
        self.done.load(Ordering::Relaxed)
    }

    /// Returns the fault of the body, if any. It came before any failure of the exchange, and is
    /// the cause of it.
    pub(crate) fn fault(&self) -> Option<Problem> {
        self.fault.get().copied()
    }

    /// Notes the fault before the connection to the upstream breaks because of it.
    fn fail(&self, fault: &BodyFault) {
        // A second fault is dropped: the first one broke the exchange.
        let _ = self.fault.set(fault.problem());
        self.blame_client();
    }

    /// Blames the client for a broken answer if the upstream was waiting for the request's body. A
    /// client that sends drop by drop could otherwise have every answer break off, and pay for
    /// none.
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

/// The limits of a request's body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimits {
    /// The longest body in bytes; 0 for any length.
    pub(crate) max: u64,
    /// The longest time without a piece of it, `None` for no limit of time at all.
    pub(crate) idle: Option<Duration>,
    /// The least number of bytes a second, over each time of waiting as long as `idle`; 0 for any
    /// rate.
    pub(crate) min_per_sec: u32,
}

/// The rate of a body, over windows of the time in which the client is waited for. While the
/// upstream takes no more, the client may wait, too.
struct Rate {
    /// The least number of bytes in a window.
    min: u64,
    window: Duration,
    waited: Duration,
    bytes: u64,
}

impl Rate {
    fn new(min_per_sec: u32, window: Duration) -> Self {
        Self {
            min: u64::from(min_per_sec).saturating_mul(window.as_secs()),
            window,
            waited: Duration::ZERO,
            bytes: 0,
        }
    }

    /// Counts a piece that was waited for, and returns true if it ends a window with too few bytes.
    fn is_too_slow(&mut self, waited: Duration, bytes: u64) -> bool {
        self.bytes = self.bytes.saturating_add(bytes);
        self.waited = self.waited.saturating_add(waited);
        if self.waited < self.window {
            return false;
        }
        let is_slow = self.bytes < self.min;
        (self.waited, self.bytes) = (Duration::ZERO, 0);
        is_slow
    }
}

/// A request's body on its way to the upstream. Trailers are dropped: upstreams may take them for
/// headers, and nothing has checked them.
pub(crate) struct RequestBody {
    inner: ClientBody,
    /// The number of bytes that may still come.
    left: u64,
    idle: IdleTimer,
    rate: Rate,
    progress: Arc<Progress>,
}

impl RequestBody {
    /// Wraps a body. `blame` is told if the client breaks the exchange off.
    pub(crate) fn new(inner: ClientBody, limits: BodyLimits, blame: Blame) -> Self {
        let BodyLimits {
            max,
            idle,
            min_per_sec,
        } = limits;
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
            rate: Rate::new(min_per_sec, idle.unwrap_or(Duration::MAX)),
            progress: Arc::new(progress),
        }
    }

    /// Returns the longest time that either side may wait for the other, `None` for no limit.
    pub(crate) fn idle_limit(&self) -> Option<Duration> {
        self.idle.limit()
    }

    /// Returns the progress of this body, for the side that reads the answer.
    pub(crate) fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Counts a piece against the limit.
    fn take(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, BodyFault> {
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        self.left = self.left.checked_sub(length).ok_or(BodyFault::TooLarge)?;
        self.progress.frames.fetch_add(1, Ordering::Relaxed);
        // A body of declared length is not polled again after its last byte, so its end is noted
        // here.
        if self.is_end_stream() {
            self.progress.done.store(true, Ordering::Relaxed);
        }
        Ok(frame)
    }

    /// Returns true if the body has come too slowly up to this piece. The last one is not judged: the
    /// client has sent everything.
    fn is_too_slow(&mut self, frame: &Frame<Bytes>) -> bool {
        let waited = self.idle.waited();
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        self.rate.is_too_slow(waited, length) && !self.inner.is_end_stream()
    }

    /// Polls for the next piece of data, or the end. Skips trailers.
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        loop {
            let frame = Pin::new(&mut self.inner).poll_frame(cx);
            let frame = frame.map(|frame| Some(frame?.map_err(BodyFault::broken)));
            if let Poll::Ready(Some(Ok(frame))) = &frame
                && self.is_too_slow(frame)
            {
                return Poll::Ready(Some(Err(BodyFault::Slow)));
            }
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
        // Set at each poll, so that an answer that breaks while this is pending is put down to the
        // client.
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

#[cfg(test)]
mod tests {
    use super::*;

    // FAULTS S11: a body that comes drop by drop is given up. Also one that begins with a burst; not
    // one whose waits are short, or that is paused by the upstream, for which nothing is counted.
    #[test]
    fn a_rate_is_measured_over_windows_of_waiting() {
        let secs = Duration::from_secs;
        let too_slow = |pieces: &[(u64, u64)]| {
            let mut rate = Rate::new(240, secs(30));
            let mut slow = pieces
                .iter()
                .map(|(wait, bytes)| rate.is_too_slow(secs(*wait), *bytes));
            slow.any(|slow| slow)
        };
        assert!(too_slow(&[(29, 1), (29, 1)]));
        assert!(too_slow(&[
            (0, 1_000_000),
            (29, 1),
            (29, 1),
            (29, 1),
            (29, 1)
        ]));
        assert!(too_slow(&[(1, 239); 30]));
        assert!(!too_slow(&[(1, 240); 3000]));
        assert!(!too_slow(&[(0, 1); 3000]));
        assert!(!too_slow(&[(29, 1)]));
        let mut any = Rate::new(0, secs(30));
        assert!(!any.is_too_slow(secs(3000), 1));
    }
}
