//! The body of an answer that leaves the layer.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;

use super::served::Served;

pin_project_lite::pin_project! {
    /// The body of an answer: the service's own, or the document of a refusal. Its error is that of
    /// the service's body, or says that the client took nothing for too long.
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
        Served { #[pin] body: Served<R> },
    }
}

impl<R> PaywallBody<R> {
    pub(super) fn refused(body: Full<Bytes>) -> Self {
        Self {
            kind: Kind::Refused { body },
        }
    }

    pub(super) fn served(body: Served<R>) -> Self {
        Self {
            kind: Kind::Served { body },
        }
    }
}

impl<R: Body<Data = Bytes> + Unpin> Body for PaywallBody<R>
where
    R::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
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
