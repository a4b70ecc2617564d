//! The body of an answer that leaves the layer.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;

use crate::answer::SettleBody;

pin_project_lite::pin_project! {
    /// The body of an answer: the service's own, or the document of a refusal.
    #[derive(Debug)]
    pub struct PaywallBody<R> {
        #[pin]
        kind: Kind<R>,
    }
}

pin_project_lite::pin_project! {
    #[project = KindProjection]
    #[derive(Debug)]
    enum Kind<R> {
        Refused { #[pin] body: Full<Bytes> },
        Served { #[pin] body: SettleBody<R> },
    }
}

impl<R> PaywallBody<R> {
    pub(super) fn refused(body: Full<Bytes>) -> Self {
        Self {
            kind: Kind::Refused { body },
        }
    }

    pub(super) fn served(body: SettleBody<R>) -> Self {
        Self {
            kind: Kind::Served { body },
        }
    }
}

impl<R: Body<Data = Bytes> + Unpin> Body for PaywallBody<R> {
    type Data = Bytes;
    type Error = R::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, R::Error>>> {
        match self.project().kind.project() {
            KindProjection::Served { body } => body.poll_frame(cx),
            KindProjection::Refused { body } => body
                .poll_frame(cx)
                // A body in memory cannot fail.
                .map(|frame| frame.map(|frame| frame.map_err(|never| match never {}))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Refused { body } => body.is_end_stream(),
            Kind::Served { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Refused { body } => body.size_hint(),
            Kind::Served { body } => body.size_hint(),
        }
    }
}
