//! The end of a connection whose client may still be sending: half-closed, read for a while, and
//! only then closed (RFC 9112, section 9.6).
//!
//! A socket that is closed with unread bytes is reset, and a reset can take the last answer away
//! from a client that has not read it yet: one that writes its whole request before it reads.

use core::mem::MaybeUninit;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// The largest number of bytes that are read after the last answer.
const BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The longest time for that.
const TIME_MAX: Duration = Duration::from_secs(10);

/// The time in which at least [`WINDOW_MIN`] bytes must come. Otherwise the client waits for the
/// close, or means to hold the connection.
const WINDOW: Duration = Duration::from_secs(2);

/// The least number of bytes in each [`WINDOW`].
const WINDOW_MIN: u64 = 16 * 1024;

/// The bytes that are read at once.
const PIECE: usize = 16 * 1024;

/// The reading after the last answer. What is read is dropped.
pub(super) struct Linger {
    /// The number of bytes that may still come.
    left: u64,
    /// True if a request was under way, so that more is to be expected.
    expects_more: bool,
    /// Begun with the first wait.
    clock: Option<Clock>,
}

/// The bounds in time.
struct Clock {
    /// The end of all reading.
    end: Instant,
    /// Goes off at the end of a window.
    window: Pin<Box<Sleep>>,
    /// The number of bytes that could still come when the window began.
    left: u64,
}

impl Linger {
    /// Begins after the sending side was closed. `within_request` is true if the end of a request
    /// has not been read.
    pub(super) fn new(within_request: bool) -> Self {
        Self {
            left: BYTES_MAX,
            expects_more: within_request,
            clock: None,
        }
    }

    /// Reads until the client closes, breaks off, or has used up its bytes or its time.
    pub(super) fn poll<R: AsyncRead + Unpin>(
        &mut self,
        from: &mut R,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        let mut space = [MaybeUninit::uninit(); PIECE];
        loop {
            let mut piece = ReadBuf::uninit(&mut space);
            match Pin::new(&mut *from).poll_read(cx, &mut piece) {
                Poll::Ready(Ok(())) if !piece.filled().is_empty() => {
                    let read = piece.filled().len() as u64;
                    self.left = self.left.saturating_sub(read);
                    // A pipelined request that nobody answers is followed by more, too.
                    self.expects_more = true;
                    if self.left == 0 {
                        return Poll::Ready(());
                    }
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => break,
            }
        }
        if !self.expects_more || self.is_late(cx) {
            return Poll::Ready(());
        }
        Poll::Pending
    }

    /// Returns true if the client is too slow or its time is up. Otherwise the task is woken at the
    /// end of the window.
    fn is_late(&mut self, cx: &mut Context<'_>) -> bool {
        let (now, left) = (Instant::now(), self.left);
        let clock = self.clock.get_or_insert_with(|| Clock {
            end: now + TIME_MAX,
            window: Box::pin(sleep_until(now + WINDOW)),
            left,
        });
        while clock.window.as_mut().poll(cx).is_ready() {
            if now >= clock.end || clock.left - left < WINDOW_MIN {
                return true;
            }
            clock.left = left;
            clock.window.as_mut().reset(clock.end.min(now + WINDOW));
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use core::future::poll_fn;

    use tokio::io::{AsyncWriteExt as _, duplex};

    use super::*;

    /// Lets a client send pieces with pauses of so many milliseconds, and returns the time after
    /// which the reading has ended.
    async fn lasts(within_request: bool, piece: usize, pause: u64, pieces: usize) -> Duration {
        let (mut client, mut server) = duplex(64 * 1024);
        let sending = tokio::spawn(async move {
            for _ in 0..pieces {
                if client.write_all(&vec![0; piece]).await.is_err() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
            client
        });
        // The first piece is there.
        tokio::task::yield_now().await;
        let begun = Instant::now();
        let mut linger = Linger::new(within_request);
        poll_fn(|cx| linger.poll(&mut server, cx)).await;
        sending.abort();
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_at_once_if_nothing_more_is_expected() {
        assert_eq!(lasts(false, 0, 100_000, 1).await, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_sends_nothing_or_little_has_one_window() {
        let about_a_window = WINDOW..WINDOW + Duration::from_millis(100);
        for (within_request, piece, pieces) in [(true, 0, 1), (true, 1, 1000), (false, 1, 1000)] {
            let time = lasts(within_request, piece, 5000 / pieces as u64, pieces).await;
            assert!(about_a_window.contains(&time), "{piece}: {time:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_sends_for_ever_has_so_much_time_and_so_many_bytes() {
        let slow = lasts(true, 32 * 1024, 1000, 1000).await;
        assert!((TIME_MAX..TIME_MAX + WINDOW).contains(&slow), "{slow:?}");
        let fast = lasts(true, 1024 * 1024, 1, 1000).await;
        assert!(fast < Duration::from_secs(1), "{fast:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn ten_megabytes_are_read_to_their_end() {
        let (mut client, mut server) = duplex(64 * 1024);
        let sending = tokio::spawn(async move { client.write_all(&vec![0; 10_000_000]).await });
        let mut linger = Linger::new(true);
        poll_fn(|cx| linger.poll(&mut server, cx)).await;
        sending.await.unwrap().unwrap();
    }
}
