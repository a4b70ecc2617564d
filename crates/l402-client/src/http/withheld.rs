//! A second way to an answer that was lost because the connection broke while a body was being sent.
//!
//! A server may answer before it has read the whole request, and close. Then the next write fails,
//! and the answer, which may have come before, cannot be read any more: hyper gives the connection
//! up at the first failed write, though a client should look for an answer first (RFC 9112, section
//! 9.5). So the head of the request goes out once more, with the length of the body and without a
//! byte of it. A server that has decided by the head alone answers again. No server can take it for
//! the request: it stays incomplete.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use http::header::EXPECT;
use http_body::{Body, Frame, SizeHint};

use super::connection::NoResponse;

/// The longest wait for an answer to a head alone. A server that answers so early does it at once.
pub(super) const WAIT: Duration = Duration::from_secs(3);

/// A body of this length that never comes.
struct Withheld(u64);

impl Body for Withheld {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        // Nobody has to be woken: the request ends with its answer, or is dropped.
        Poll::Pending
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0)
    }
}

/// Returns the request without its body, whose length in bytes is announced.
pub(super) fn withhold(mut request: reqwest::Request, length: u64) -> reqwest::Request {
    // The word for it: the body comes if the server asks for it (RFC 9110, section 10.1.1).
    request
        .headers_mut()
        .insert(EXPECT, HeaderValue::from_static("100-continue"));
    *request.body_mut() = Some(reqwest::Body::wrap(Withheld(length)));
    request
}

impl NoResponse {
    /// Returns true if the connection was broken by the server, so that its answer may be lost.
    pub(super) fn is_broken_off(&self) -> bool {
        matches!(self, Self::BrokenOff(_))
    }
}

/// Returns true if a connection that was open broke.
pub(super) fn is_broken_off(error: &reqwest::Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let io = inner.downcast_ref::<std::io::Error>();
        if io
            .is_some_and(|io| matches!(io.kind(), BrokenPipe | ConnectionAborted | ConnectionReset))
        {
            return !error.is_connect();
        }
        cause = inner.source();
    }
    false
}
