//! A body that settles a use at its end.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};

use super::{Watch, strip};
use crate::ledger::Settle;

/// A body that passes `B` through and settles a use: its end commits, its error or drop releases.
/// An upstream's own payment challenges are removed from trailers, as from headers.
#[derive(Debug)]
pub struct SettleBody<B> {
    inner: B,
    watch: Option<Watch>,
}

impl<B> SettleBody<B> {
    pub(crate) fn new(inner: B, watch: Option<Watch>) -> Self {
        Self { inner, watch }
    }

    /// Settles the use, if there is a verdict and it is the first one.
    fn settle(&mut self, settle: Option<Settle>) {
        if let Some(settle) = settle
            && let Some(watch) = self.watch.take()
        {
            watch.settle(settle);
        }
    }
}

impl<B: Body + Unpin> Body for SettleBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = &mut *self;
        let mut frame = ready!(Pin::new(&mut this.inner).poll_frame(cx));
        let ended = this.inner.is_end_stream();
        // Judged before the frame is handed on: the server may never poll again after the last one.
        let settle = match (&mut frame, &mut this.watch) {
            (Some(Ok(frame)), Some(watch)) => watch.after_frame(frame, ended),
            (Some(Err(_)), Some(watch)) => Some(watch.broken()),
            (None, Some(watch)) => Some(watch.end()),
            _ => None,
        };
        this.settle(settle);
        if let Some(Ok(frame)) = &mut frame
            && let Some(trailers) = frame.trailers_mut()
        {
            strip(trailers);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
