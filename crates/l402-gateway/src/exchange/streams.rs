//! The streams of HTTP/2: each in a task of its own, counted by caller, and given up if its client
//! takes nothing.

use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::task::{Context, Poll};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use hyper::rt::Executor;

use super::turn;
use crate::share::CallerCounts;
use crate::timer::IdleTimer;

/// Runs the streams of a connection of HTTP/2, each in a task of its own, and counts them.
///
/// A stream whose client takes nothing for `limit` is given up: it is reset, and its answer is
/// dropped, as if the client had left (ATTACKS D-05).
#[derive(Clone)]
pub(crate) struct Streams {
    pub(crate) limit: Duration,
    pub(crate) open: OpenStreams,
}

/// The number of open streams of one caller, over all its connections.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenStreams(Arc<AtomicU32>);

impl OpenStreams {
    /// Returns true if more than `limit` are open. A limit of 0 means any number.
    pub(crate) fn are_more_than(&self, limit: u32) -> bool {
        limit != 0 && self.0.load(Ordering::Relaxed) > limit
    }

    /// Counts one more.
    pub(super) fn enter(&self) -> OpenStream {
        OpenStream::enter(self)
    }
}

/// The open streams of all callers in the process. A caller without a connection takes no memory.
#[derive(Debug, Default)]
pub(crate) struct StreamCounts(CallerCounts);

impl StreamCounts {
    /// Returns the count of the caller at an address, for one of its connections. Every connection of
    /// the caller has the same.
    pub(crate) fn of(&self, peer: IpAddr) -> OpenStreams {
        OpenStreams(self.0.of(peer))
    }
}

impl<F> Executor<F> for Streams
where
    F: Future + Send + 'static,
{
    fn execute(&self, stream: F) {
        let place = OpenStream::enter(&self.open);
        let mut timer = IdleTimer::new(Some(self.limit));
        tokio::spawn(turn::noted(async move {
            let _place = place;
            let mut stream = pin!(stream);
            poll_fn(|cx| poll_stream(stream.as_mut(), &mut timer, cx)).await;
        }));
    }
}

/// Ready when the stream has ended, or is to be given up. It is then dropped with its task, and
/// hyper resets what it drops.
fn poll_stream<F: Future>(
    stream: Pin<&mut F>,
    timer: &mut IdleTimer,
    cx: &mut Context<'_>,
) -> Poll<()> {
    if stream.poll(cx).is_ready() {
        return Poll::Ready(());
    }
    match turn::waits_since(true) {
        Some(since) if timer.poll_elapsed_since(since, cx) => Poll::Ready(()),
        _ => Poll::Pending,
    }
}

/// The place of one stream in the count, free again when it is dropped.
#[derive(Debug)]
pub(crate) struct OpenStream(Arc<AtomicU32>);

impl OpenStream {
    fn enter(open: &OpenStreams) -> Self {
        open.0.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(&open.0))
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // FAULTS S2: streams are bounded for a caller, not for a connection, and not for an address of
    // IPv6, of which a caller has many.
    #[test]
    fn the_connections_of_a_caller_share_one_count() {
        let (counts, peer) = (StreamCounts::default(), [10, 0, 0, 1].into());
        let (one, two) = (counts.of(peer), counts.of(peer));
        let held = [&one, &one, &two].map(OpenStream::enter);
        assert!(two.are_more_than(2) && !two.are_more_than(3) && !two.are_more_than(0));
        assert!(!counts.of([10, 0, 0, 2].into()).are_more_than(1));
        drop(held);
        assert!(!one.are_more_than(1));
        drop((one, two));
        let network = |address: &str| counts.of(address.parse().unwrap());
        let _held = OpenStream::enter(&network("2001:db8::1"));
        let _other = OpenStream::enter(&network("2001:db8:0:1::1"));
        let same = network("2001:db8::2");
        let _also = OpenStream::enter(&same);
        assert!(same.are_more_than(1) && !same.are_more_than(2));
        for last in 0..100 {
            drop(counts.of([10, 0, 1, last].into()));
        }
        assert!(counts.0.len() < 10);
    }
}
