//! The body of an answer of the service, which is given up if its buyer takes nothing.
//!
//! A server polls a body when it can send more. While a client takes nothing, nobody polls, so the
//! deadline runs in a task of its own.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};

use crate::answer::SettleBody;

type BoxError = Box<dyn Error + Send + Sync>;

/// A body of the service, with the deadline for its buyer.
pub(super) struct Served<R> {
    shared: Arc<Mutex<Shared<R>>>,
    /// The task of the deadline, until the body has ended.
    watcher: Option<AbortHandle>,
}

struct Shared<R> {
    /// `None` once it was given up.
    body: Option<SettleBody<R>>,
    /// The moment since which a piece, or the head, waits for the buyer.
    handed_over: Option<Instant>,
    /// The moment since which the service is waited for, after the buyer has stalled.
    waiting: Option<Instant>,
    passed: u64,
}

/// The error of a body that was given up, because its buyer took nothing of it for too long.
#[derive(Debug)]
struct GivenUp;

impl fmt::Display for GivenUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client took nothing of the answer for too long")
    }
}

impl Error for GivenUp {}

/// The error of a body that was broken off, because the lease of the ledger has ended.
#[derive(Debug)]
struct Lapsed;

impl fmt::Display for Lapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the ledger was lost while the answer was sent")
    }
}

impl Error for Lapsed {}

impl<R: Send + 'static> Served<R> {
    /// Wraps a body that is given up if its buyer takes nothing for `limit`.
    pub(super) fn new(body: SettleBody<R>, limit: Duration) -> Self
    where
        SettleBody<R>: Body,
    {
        let ended = body.is_end_stream();
        let shared = Arc::new(Mutex::new(Shared {
            body: Some(body),
            handed_over: Some(Instant::now()),
            waiting: None,
            passed: 0,
        }));
        // Without a runtime there is nothing that could run the deadline, and the body goes without.
        let runtime = Handle::try_current().ok().filter(|_| !ended);
        let watcher = runtime.map(|runtime| {
            // Weak, so that the task does not keep a body alive that the server has dropped.
            let watching = watch(Arc::downgrade(&shared), limit);
            runtime.spawn(watching).abort_handle()
        });
        Self { shared, watcher }
    }
}

impl<R> Served<R> {
    fn lock(&self) -> MutexGuard<'_, Shared<R>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end_watch(&mut self) {
        if let Some(watcher) = self.watcher.take() {
            watcher.abort();
        }
    }
}

/// Waits until the buyer has taken nothing for `limit`, then drops the body as if the buyer had
/// left.
async fn watch<R>(shared: Weak<Mutex<Shared<R>>>, limit: Duration) {
    let mut wait = limit;
    loop {
        sleep(wait).await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        // While the service is waited for, its own time-outs count.
        let held = shared.handed_over.map_or(Duration::ZERO, |at| at.elapsed());
        if held >= limit {
            shared.body = None;
            return;
        }
        wait = limit - held;
    }
}

impl<R: Body<Data = Bytes> + Unpin> Shared<R>
where
    R::Error: Into<BoxError>,
{
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(Some(Err(GivenUp.into())));
        };
        if body.poll_lapsed(cx).is_ready() {
            self.body = None;
            return Poll::Ready(Some(Err(Lapsed.into())));
        }
        // Before the service is asked: if it breaks off now, the stall may be the cause.
        if let Some(at) = self.handed_over.take() {
            body.held_up(at.elapsed());
        }
        let frame = Pin::new(&mut *body).poll_frame(cx);
        if frame.is_pending() && body.is_stalled() {
            self.waiting.get_or_insert_with(Instant::now);
        }
        let frame = ready!(frame);
        if let Some(Ok(frame)) = &frame {
            if let Some(since) = self.waiting.take() {
                body.waited(since.elapsed());
            }
            self.passed += frame.data_ref().map_or(0, |data| data.len() as u64);
            body.received(self.passed);
            self.handed_over = Some(Instant::now());
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_some_and(Body::is_end_stream)
    }
}

impl<R: Body<Data = Bytes> + Unpin> Body for Served<R>
where
    R::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let mut shared = self.lock();
        let frame = ready!(shared.poll_frame(cx));
        let more = matches!(&frame, Some(Ok(_))) && !shared.is_end_stream();
        drop(shared);
        if !more {
            self.end_watch();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.lock().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let shared = self.lock();
        let body = shared.body.as_ref();
        body.map_or_else(SizeHint::default, Body::size_hint)
    }
}

impl<R> Drop for Served<R> {
    fn drop(&mut self) {
        self.end_watch();
    }
}

impl<R> fmt::Debug for Served<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Served").finish_non_exhaustive()
    }
}
