//! The body of an upstream's answer, over either version of HTTP.

use core::pin::Pin;
use core::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::body::BodyFault;
use super::http1::Http1Body;
use super::wire::Wire;

/// The body of an upstream's answer, over HTTP/1.1 or HTTP/2.
pub(crate) enum UpstreamBody {
    Http1(Http1Body),
    Http2(Incoming),
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
            Self::Http2(_) => None,
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
            Self::Http2(body) => Pin::new(body)
                .poll_frame(cx)
                .map(|frame| Some(frame?.map_err(BodyFault::broken))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Http1(body) => body.is_end(),
            Self::Http2(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Http1(body) => body.size_hint(),
            Self::Http2(body) => body.size_hint(),
        }
    }
}
