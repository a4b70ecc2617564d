//! The body of an upstream's answer, whichever version of HTTP it came by.

use core::pin::Pin;
use core::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::body::BodyFault;
use super::http1::Http1Body;
use super::wire::Wire;

/// The body of an upstream's answer.
pub(crate) enum UpstreamBody {
    Http1(Http1Body),
    Http2(Incoming),
}

impl UpstreamBody {
    /// Whether its connection can become a tunnel: its request is sent.
    pub(crate) fn may_be_tunnel(&self) -> bool {
        matches!(self, Self::Http1(body) if body.may_be_tunnel())
    }

    /// The connection itself, and what was read from it already, where the answer has been 101.
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
