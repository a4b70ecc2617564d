//! A body that settles a use at its end.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body::{Body, Frame, SizeHint};

use super::{Watch, strip};
use crate::ledger::Settle;

/// A body that passes `B` through and settles a use: its end commits, its error or drop releases.
///
/// An error is the upstream's failure, unless the buyer has stalled before it. This body cannot see
/// how long the buyer was waited for, nor what was read from the upstream. Its host tells it by
/// [`SettleBody::held_up`], [`SettleBody::received`] and [`SettleBody::waited`]. An upstream's own payment challenges are removed from trailers, as from headers.
#[derive(Debug)]
pub struct SettleBody<B> {
    inner: B,
    watch: Option<Watch>,
}

impl<B> SettleBody<B> {
    pub(crate) fn new(inner: B, watch: Option<Watch>) -> Self {
        Self { inner, watch }
    }

    /// Returns true until the use is settled. After that nothing has to be told.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.watch.is_some()
    }

    /// Tells that the buyer did not take what was ready for so long. From one second on between two
    /// reads of the upstream, a break is the buyer's failure.
    pub fn held_up(&mut self, time: Duration) {
        if let Some(watch) = &mut self.watch {
            watch.stall_mut().held_up(time);
        }
    }

    /// Tells that so many bytes have been read from the upstream since the answer began. More than
    /// before means that the upstream goes on.
    pub fn received(&mut self, bytes: u64) {
        if let Some(watch) = &mut self.watch {
            watch.stall_mut().received(bytes);
        }
    }

    /// Tells that a byte came for which the upstream was waited for so long. Only needed while
    /// [`SettleBody::is_stalled`].
    pub fn waited(&mut self, time: Duration) {
        if let Some(watch) = &mut self.watch {
            watch.stall_mut().waited(time);
        }
    }

    /// Returns true if a break now would be the buyer's failure, because the buyer has stalled.
    #[must_use]
    pub fn is_stalled(&self) -> bool {
        let watch = self.watch.as_ref();
        watch.is_some_and(|watch| watch.stall().is_buyers())
    }

    /// Returns ready if the use may no longer be served, because the lease of the ledger has ended: it is
    /// given back then, and the host must break the answer off with an error. To be called before each
    /// poll for a frame; wakes the task at the end of the lease. Without a lease it is never ready.
    pub fn poll_lapsed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(watch) = &mut self.watch else {
            return Poll::Pending;
        };
        ready!(watch.poll_lapsed(cx));
        self.settle(Some(Settle::ReleaseUpstream));
        Poll::Ready(())
    }

    /// Returns the body that is watched.
    #[must_use]
    pub fn get_ref(&self) -> &B {
        &self.inner
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
