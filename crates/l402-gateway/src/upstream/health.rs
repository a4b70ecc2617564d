//! Is an upstream there? Nobody should be sold an answer that cannot be given.
//!
//! Two failures in a row make an upstream suspect. Then the gateway connects to it itself, at most
//! once a second and only if somebody asks, and believes what it finds:
//!
//! ```text
//!              2 failures in a row           an attempt fails
//!        up ─────────────────────▶ suspect ──────────────────▶ down
//!      ▲                              │                          │
//!      └──── a request is answered, or an attempt succeeds ──────┘
//! ```
//!
//! A connection that is refused or comes to nothing in time is such an attempt itself. One that is
//! reset before an answer is not: a buyer may have found a request that makes the upstream do so, and
//! must not take it away from all others. A server that answers with an error is there.
//!
//! Checks of the gateway's own (`[health]`, off by default) count apart: an upstream that fails them
//! is down, whatever else it does, and comes back by passing them alone.

use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::{Instant, timeout};

use super::connect::Upstream;
use super::findings::{PATIENCE, UpstreamStatus};
use super::http1::{NoResponse, WriteFault};
use super::pool::SendError;
use super::wire::Stream;
use crate::config::HealthSettings;
use crate::notice::Notice;

/// The time that a connection must stay open. What forwards connections to a server that is down,
/// such as Docker's proxy, accepts them and closes them at once.
const STAYS_OPEN: Duration = Duration::from_millis(50);

/// The state of an upstream, for operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UpstreamState {
    pub(crate) status: UpstreamStatus,
    /// The time for which the upstream has had this status.
    pub(crate) since: Duration,
    /// The reason of the last failure, also if the upstream has come back since. Holds no secret.
    pub(crate) last_error: Option<String>,
    /// The requests that it serves at present, tunnels included.
    pub(crate) in_flight: u32,
}

/// The answer to the question if an upstream is there, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    There,
    Down,
    /// The caller is to find out, by [`Upstream::is_reached`].
    ToBeTried,
}

impl Upstream {
    /// Returns the status as it is known now.
    pub(crate) fn status(&self) -> UpstreamStatus {
        self.health.status()
    }

    /// Returns the state as it is known now.
    pub(crate) fn state(&self) -> UpstreamState {
        let findings = self.health.findings();
        UpstreamState {
            status: self.health.status(),
            since: findings.since.elapsed(),
            last_error: findings.last_error.clone(),
            in_flight: self.load.count(),
        }
    }

    /// Returns if the upstream is there. A free request may as well find out itself, unless the
    /// upstream was found to be down.
    pub(super) fn presence(&self, is_sold: bool) -> Presence {
        match self.health.status() {
            UpstreamStatus::Up => Presence::There,
            UpstreamStatus::Suspect if !is_sold => Presence::There,
            UpstreamStatus::Suspect | UpstreamStatus::Down => {
                match self.health.begin(Instant::now()) {
                    Err(true) => Presence::Down,
                    Err(false) => Presence::There,
                    Ok(()) => Presence::ToBeTried,
                }
            }
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
        if self.health.attempt_failed(Instant::now(), &why) {
            self.tell_down(&why);
        } else if !self.health.has_failed_often() {
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
        match attempt {
            Some(why) if self.health.attempt_failed(Instant::now(), why) => self.tell_down(why),
            Some(_) => {}
            None => self.health.request_failed(Instant::now(), error),
        }
    }

    /// Connects, and looks if the connection stays open. Returns true if the upstream is there.
    pub(super) async fn is_reached(&self) -> bool {
        self.attempt().await.is_ok()
    }

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
                if self.health.attempt_failed(Instant::now(), why) {
                    self.tell_down(why);
                }
            }
        }
        found
    }

    /// Notes the result of a check.
    pub(super) fn checked(&self, result: &io::Result<()>, settings: &HealthSettings) {
        let now = Instant::now();
        match result {
            Ok(()) if self.health.check_passed(now, settings) => self.tell_up(),
            Ok(()) => {}
            Err(why) if is_own(why) => {}
            Err(why) => {
                if self.health.check_failed(now, why, settings) {
                    self.tell_down(why);
                }
            }
        }
    }

    fn is_there(&self) {
        if self.health.recovered(Instant::now()) {
            self.tell_up();
        }
    }

    fn tell_up(&self) {
        tracing::warn!(upstream = %self, "the upstream is there again");
        let upstream = self.to_string();
        self.health.notices.tell(&Notice::UpstreamUp { upstream });
    }

    fn tell_down(&self, why: &io::Error) {
        let until = match self.health.findings().checks.failing {
            true => "passes its checks",
            false => "accepts connections",
        };
        tracing::warn!(
            upstream = %self, %why,
            "the upstream is down: nothing is sold of it until it {until}"
        );
        let (upstream, why) = (self.to_string(), why.to_string());
        self.health
            .notices
            .tell(&Notice::UpstreamDown { upstream, why });
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
    use l402_server::Route;

    use super::*;
    use crate::config::RouteConfig;
    use crate::notice::Notices;

    #[tokio::test]
    async fn what_the_log_says_is_told_to_listeners() {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.bind(([127, 0, 0, 1], 0).into()).expect("a port");
        let address = socket.local_addr().expect("an address");
        let url = format!("http://{address}").parse().expect("a URL");
        let route = RouteConfig::new(Route::free("/"), url);
        let notices = Notices::default();
        let mut told = notices.listen();
        let patience = Duration::from_secs(5);
        let upstream = Upstream::new(&route.upstream, &route, patience, &notices);
        let upstream = upstream.expect("an upstream");
        upstream.check().await;
        let state = upstream.state();
        let why = state.last_error.expect("a reason");
        let down = Notice::UpstreamDown {
            upstream: format!("http://{address}"),
            why,
        };
        assert_eq!(told.try_recv(), Ok(down));
        assert_eq!((state.status, state.in_flight), (UpstreamStatus::Down, 0));
        let _listener = socket.listen(1).expect("a listener");
        assert!(upstream.is_reached().await);
        let up = Notice::UpstreamUp {
            upstream: format!("http://{address}"),
        };
        assert_eq!(told.try_recv(), Ok(up));
        assert!(told.try_recv().is_err(), "each once");
        assert_eq!(upstream.status(), UpstreamStatus::Up);
    }
}
