//! The body of a client's request as it comes in, and what becomes of its rest if it is answered
//! before its end.
//!
//! The rest of a body that nobody reads ends its connection of HTTP/1.1, or has its stream of HTTP/2
//! reset. Either can take the answer away from a client that is still sending. So a short rest is
//! read and dropped first. A longer one of HTTP/1.1 is left to the end of the connection, which
//! reads on for a while (`listen/linger.rs`).

use core::pin::Pin;
use core::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Version, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

/// The longest body over HTTP/1.1 whose rest is read, in bytes, so that its connection can be used
/// again.
const HTTP1_REST: u64 = 64 * 1024;

/// The number of bytes that are read over HTTP/2 before the stream is reset.
const HTTP2_REST: u64 = 512 * 1024;

/// The longest time that the rest is waited for.
const REST_TIME: Duration = Duration::from_secs(2);

/// The time between the last byte that is read over HTTP/2 and the reset. Without a larger window
/// the client stops sending and reads its answer; curl before 8.0 loses an answer whose end and
/// reset come together.
const PAUSE: Duration = Duration::from_millis(500);

/// The body of a client's request. A rest that is not read when this is dropped is taken in, if it
/// is short.
pub(crate) struct ClientBody {
    /// Taken out by the drop.
    body: Option<Incoming>,
    /// The most of the rest that is taken in, in bytes.
    rest_max: u64,
    is_http1: bool,
}

impl ClientBody {
    /// Wraps the body of a request with this head.
    pub(crate) fn new(head: &Parts, body: Incoming) -> Self {
        Self {
            rest_max: rest_max(head, &body),
            body: Some(body),
            is_http1: head.version <= Version::HTTP_11,
        }
    }

    /// Returns true if an answer before the end of this body ends its connection.
    pub(crate) fn ends_connection(&self) -> bool {
        self.is_http1 && self.rest_max == 0 && !self.is_end_stream()
    }
}

/// Returns the most that is read of the rest of a body, in bytes.
fn rest_max(head: &Parts, body: &Incoming) -> u64 {
    if body.is_end_stream() {
        return 0;
    }
    if head.version > Version::HTTP_11 {
        return HTTP2_REST;
    }
    // Reading it would tell a client that waits for 100 to send it.
    let waits = head.headers.contains_key(header::EXPECT);
    let is_short = |length: &u64| !waits && *length <= HTTP1_REST;
    body.size_hint().exact().filter(is_short).unwrap_or(0)
}

impl Body for ClientBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(SizeHint::default, Body::size_hint)
    }
}

impl Drop for ClientBody {
    fn drop(&mut self) {
        if self.rest_max == 0 || self.is_end_stream() {
            return;
        }
        // At the end of a worker there is no runtime any more, and no connection either.
        if let (Some(body), Ok(runtime)) = (self.body.take(), Handle::try_current()) {
            runtime.spawn(timeout(REST_TIME, take_in(body, self.rest_max)));
        }
    }
}

/// Reads a body to its end, and drops what it reads. If more than `max` bytes come, it stops reading
/// for a moment before the rest is refused.
async fn take_in(mut body: Incoming, max: u64) {
    let mut left = max;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        match left.checked_sub(length) {
            Some(rest) => left = rest,
            None => return sleep(PAUSE).await,
        }
    }
}
