//! The body of an upstream's answer, over either version of HTTP.

use core::pin::Pin;
use core::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::body::BodyFault;
use super::http1::Http1Body;
use super::wire::Wire;

/// The number of bytes that hyper takes in ahead on a stream of HTTP/2, its window. Pieces that were
/// in it already do not show that the upstream goes on.
const WINDOW: u64 = 2 * 1024 * 1024;

/// The body of an upstream's answer, over HTTP/1.1 or HTTP/2.
pub(crate) enum UpstreamBody {
    Http1(Http1Body),
    /// The body, and the number of bytes that it has given.
    Http2(Incoming, u64),
}

impl UpstreamBody {
    /// Returns a body without a byte and without a connection.
    pub(crate) fn empty() -> Self {
        Self::Http1(Http1Body::empty())
    }

    /// Returns true if the upstream has answered before the end of the request, and reads no more
    /// of it.
    pub(crate) fn ends_request(&self) -> bool {
        matches!(self, Self::Http1(body) if body.ends_request())
    }

    pub(super) fn http2(body: Incoming) -> Self {
        Self::Http2(body, 0)
    }

    /// Returns the number of bytes that the upstream has sent for certain. It grows with each read
    /// of HTTP/1.1, and with each window of HTTP/2.
    pub(crate) fn received(&self) -> u64 {
        match self {
            Self::Http1(body) => body.received(),
            Self::Http2(_, given) => given - given % WINDOW,
        }
    }

    /// Returns true if the connection can become a tunnel: it is HTTP/1.1, and the whole request
    /// has been sent.
    pub(crate) fn may_be_tunnel(&self) -> bool {
        matches!(self, Self::Http1(body) if body.may_be_tunnel())
    }

    /// Returns the connection itself after an answer 101, and the bytes that were read from it
    /// already.
    pub(crate) fn into_tunnel(self) -> Option<(Wire, Bytes)> {
        match self {
            Self::Http1(body) => body.into_tunnel(),
            Self::Http2(..) => None,
        }
    }
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        match self.get_mut() {
            Self::Http1(body) => body.poll_piece(cx).map(|piece| {
                let frame = piece?.map(Frame::data).map_err(BodyFault::broken);
                Some(frame)
            }),
            Self::Http2(body, given) => {
                let frame = Pin::new(body).poll_frame(cx);
                if let Poll::Ready(Some(Ok(frame))) = &frame {
                    *given += frame.data_ref().map_or(0, |data| data.len() as u64);
                }
                frame.map(|frame| Some(frame?.map_err(BodyFault::broken)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Http1(body) => body.is_end(),
            Self::Http2(body, _) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Http1(body) => body.size_hint(),
            Self::Http2(body, _) => body.size_hint(),
        }
    }
}
