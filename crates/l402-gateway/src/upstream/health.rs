//! Is an upstream there? Nobody should be sold an answer that cannot be given.
//!
//! Two failures in a row make an upstream suspect. Then the gateway connects to it itself, at most
//! once a second and only if somebody asks, and believes what it finds:
//!
//! ```text
//!              2 failures in a row           an attempt fails
//!   trusted ─────────────────────▶ suspect ──────────────────▶ down
//!      ▲                              │                          │
//!      └──── a request is answered, or an attempt succeeds ──────┘
//! ```
//!
//! A connection that is refused or comes to nothing in time is such an attempt itself. One that is
//! reset before an answer is not: a buyer may have found a request that makes the upstream do so, and
//! must not take it away from all others. A server that answers with an error is there.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::{Instant, timeout};

use super::connect::Upstream;
use super::http1::{NoResponse, WriteFault};
use super::pool::SendError;
use super::wire::Stream;
use crate::warning::Warnings;

/// The number of failures in a row that make an upstream suspect.
const PATIENCE: u32 = 2;

/// The time between two attempts of the gateway's own.
const PAUSE: Duration = Duration::from_secs(1);

/// The time that a connection must stay open. What forwards connections to a server that is down,
/// such as Docker's proxy, accepts them and closes them at once.
const STAYS_OPEN: Duration = Duration::from_millis(50);

/// The failures of one upstream, for the whole process.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// The failures in a row. Read for each request, and so kept outside of the lock.
    failures: AtomicU32,
    last: Mutex<LastAttempt>,
    warnings: Warnings,
}

/// The last attempt to connect that says something about the upstream.
#[derive(Debug, Default)]
struct LastAttempt {
    begun: Option<Instant>,
    failed: bool,
    /// True if the log says that the upstream is down.
    told: bool,
}

impl Health {
    fn is_suspect(&self) -> bool {
        self.failures.load(Ordering::Relaxed) >= PATIENCE
    }

    /// Begins an attempt, if the last one was long enough ago.
    ///
    /// # Errors
    /// It is too early. The upstream is down if the error is true.
    fn begin(&self, now: Instant) -> Result<(), bool> {
        let mut last = self.last();
        if last.begun.is_some_and(|begun| now - begun < PAUSE) {
            return Err(last.failed);
        }
        last.begun = Some(now);
        Ok(())
    }

    /// Notes an attempt that failed. Returns true if that is to be told, at most once a second.
    fn attempt_failed(&self, now: Instant) -> bool {
        let mut last = self.last();
        last.begun = Some(now);
        last.failed = true;
        let tell = self.is_suspect() && self.warnings.failure(now).is_some();
        last.told |= tell;
        tell
    }

    /// Forgets all failures. Returns true if the log says that the upstream is down.
    fn recovered(&self) -> bool {
        let mut last = self.last();
        self.failures.store(0, Ordering::Relaxed);
        last.failed = false;
        core::mem::take(&mut last.told)
    }

    fn last(&self) -> MutexGuard<'_, LastAttempt> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Upstream {
    /// Returns false if the upstream is known to be down. May connect to it to find out, for a free
    /// request only if it was found to be down: such a request may as well find out itself.
    pub(crate) async fn is_available(&self, is_sold: bool) -> bool {
        // Boxed because it is seldom needed: the future of every request would hold space for it.
        !self.health.is_suspect() || Box::pin(self.ask_again(is_sold)).await
    }

    async fn ask_again(&self, is_sold: bool) -> bool {
        if !is_sold && !self.health.last().failed {
            return true;
        }
        match self.health.begin(Instant::now()) {
            Err(down) => !down,
            Ok(()) => self.attempt().await.is_ok(),
        }
    }

    /// Looks at the start if the upstream is there, and warns if it is not. One that refuses counts
    /// as down.
    pub(crate) async fn check(&self) {
        let Err(why) = self.attempt().await else {
            return;
        };
        let enough = match why.kind() {
            io::ErrorKind::ConnectionRefused => PATIENCE,
            _ => 1,
        };
        self.health.failures.fetch_max(enough, Ordering::Relaxed);
        if self.health.attempt_failed(Instant::now()) {
            self.warn_of_down(&why);
        } else if !self.health.is_suspect() {
            tracing::warn!(upstream = %self, %why, "the upstream cannot be reached");
        }
    }

    /// Notes that a request was answered, with whatever status.
    pub(crate) fn answered(&self) {
        // The usual case: nothing to forget, and nothing to write.
        if self.health.failures.load(Ordering::Relaxed) != 0 {
            self.is_there();
        }
    }

    /// Notes that a request had no answer, through no fault of its sender.
    pub(crate) fn failed(&self, error: &SendError) {
        let attempt = match error {
            SendError::Connect(error) if is_own(error) => return,
            SendError::Connect(error) => Some(error),
            SendError::Http2(_)
            | SendError::Http1(
                NoResponse::Closed(_)
                | NoResponse::Cut
                | NoResponse::Write(WriteFault::Connection(_)),
            ) => None,
            // It is slow, or has said something.
            SendError::Busy | SendError::Http1(_) | SendError::Timeout => return,
        };
        self.health.failures.fetch_add(1, Ordering::Relaxed);
        if let Some(why) = attempt
            && self.health.attempt_failed(Instant::now())
        {
            self.warn_of_down(why);
        }
    }

    /// Connects, and looks if the connection stays open.
    async fn attempt(&self) -> io::Result<()> {
        let found = match self.connect().await {
            Ok(Stream::Plain(mut stream)) => stays_open(&mut stream).await,
            Ok(Stream::Tls(mut stream)) => stays_open(&mut stream).await,
            Err(error) => Err(error),
        };
        match &found {
            Ok(()) => self.is_there(),
            // A lack of this process' own says nothing about the upstream.
            Err(why) if is_own(why) => return Ok(()),
            Err(why) => {
                if self.health.attempt_failed(Instant::now()) {
                    self.warn_of_down(why);
                }
            }
        }
        found
    }

    fn is_there(&self) {
        if self.health.recovered() {
            tracing::warn!(upstream = %self, "the upstream is there again");
        }
    }

    fn warn_of_down(&self, why: &io::Error) {
        tracing::warn!(
            upstream = %self, %why,
            "the upstream is down: nothing is sold until it accepts connections"
        );
    }
}

/// Returns true if a connection failed for a lack of this process or its machine.
fn is_own(error: &io::Error) -> bool {
    use io::ErrorKind::{AddrNotAvailable, OutOfMemory};
    l402_host::is_out_of_descriptors(error)
        || matches!(error.kind(), AddrNotAvailable | OutOfMemory)
}

async fn stays_open(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
    match timeout(STAYS_OPEN, stream.read(&mut [0])).await {
        Ok(Ok(0)) => Err(io::Error::other("it closes connections at once")),
        Ok(read) => read.map(drop),
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_attempt_a_second_and_its_result_holds_as_long() {
        let (health, start) = (Health::default(), Instant::now());
        let at = |millis| start + Duration::from_millis(millis);
        assert!(!health.is_suspect());
        health.failures.fetch_add(2, Ordering::Relaxed);
        assert!(health.is_suspect());
        assert_eq!(health.begin(at(0)), Ok(()));
        assert_eq!(health.begin(at(999)), Err(false), "not found to be down");
        assert!(health.attempt_failed(at(1000)), "told");
        assert_eq!(health.begin(at(1999)), Err(true));
        assert_eq!(health.begin(at(2000)), Ok(()));
        assert!(health.recovered(), "told");
        assert!(!health.is_suspect() && !health.recovered());
    }
}
