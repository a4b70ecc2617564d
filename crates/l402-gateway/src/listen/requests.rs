//! The requests of one connection of HTTP/2: is it idle?

use core::pin::Pin;
use core::task::{Context, Poll};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use http_body::{Body, Frame, SizeHint};
use tokio::time::sleep;

use crate::exchange::StreamPlace;

/// The requests of one connection, so far and at present.
#[derive(Debug, Default)]
pub(super) struct Requests {
    begun: AtomicU64,
    open: AtomicU32,
}

/// A request that is open until this is dropped.
#[derive(Debug)]
pub(super) struct OpenRequest(Arc<Requests>);

impl Requests {
    /// Counts a request that begins.
    pub(super) fn begin(self: &Arc<Self>) -> OpenRequest {
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed);
        OpenRequest(Arc::clone(self))
    }

    /// Returns once no request has been open for `limit`, or for twice as long: it looks once in
    /// that time, so that requests need no clock. Other frames than theirs change nothing.
    pub(super) async fn idle(&self, limit: Duration) {
        loop {
            let before = self.begun.load(Ordering::Relaxed);
            let was_open = self.open.load(Ordering::Relaxed) > 0;
            sleep(limit).await;
            let changed = self.begun.load(Ordering::Relaxed) != before;
            if !was_open && !changed {
                return;
            }
        }
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The body of an answer, with the request that is open until its end.
#[derive(Debug)]
pub(super) struct TrackedBody<B> {
    body: B,
    _request: OpenRequest,
    _place: Option<StreamPlace>,
}

impl<B> TrackedBody<B> {
    /// Wraps a body. `place` is the one of its stream in the count of a client behind a proxy.
    pub(super) fn new(body: B, request: OpenRequest, place: Option<StreamPlace>) -> Self {
        Self {
            body,
            _request: request,
            _place: place,
        }
    }
}

impl<B: Body + Unpin> Body for TrackedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_idle_once_no_request_was_open_for_the_limit() {
        let limit = Duration::from_secs(10);
        let (requests, start) = (Arc::new(Requests::default()), Instant::now());
        let held = Arc::clone(&requests);
        tokio::spawn(async move {
            for seconds in [5, 25, 1] {
                let request = held.begin();
                sleep(Duration::from_secs(seconds)).await;
                drop(request);
                sleep(Duration::from_secs(4)).await;
            }
        });
        requests.idle(limit).await;
        let idle = start.elapsed() - Duration::from_secs(5 + 4 + 25 + 4 + 1);
        assert!(idle >= limit && idle <= 2 * limit, "{idle:?}");
        let start = Instant::now();
        Requests::default().idle(limit).await;
        assert_eq!(start.elapsed(), limit);
    }
}
