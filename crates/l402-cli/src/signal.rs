//! The signals that ask the program to stop.

use crate::error::CliError;
use crate::text::output;

/// The listener for Ctrl-C and, on Unix, SIGTERM. Made before the program says that it serves, so that
/// a script can stop it from then on.
pub(crate) struct Stop(Signals);

impl Stop {
    /// Starts to listen.
    ///
    /// # Errors
    /// If the process cannot listen for signals.
    pub(crate) fn listen() -> Result<Self, CliError> {
        Signals::listen().map(Self)
    }

    /// Waits for the first signal. A second one from then on ends the process at once.
    pub(crate) async fn requested(mut self) {
        self.0.next().await;
        // Requests in flight may take their time; a second Ctrl-C says that nobody wants to wait.
        tokio::spawn(async move {
            self.0.next().await;
            output::tell("stopping at once");
            // As shells report an end by Ctrl-C.
            std::process::exit(130);
        });
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> Result<Self, CliError> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| {
            signal(kind)
                .map_err(|error| CliError::internal(format!("cannot listen for signals: {error}")))
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    #[expect(clippy::unnecessary_wraps, reason = "the same shape as on unix")]
    fn listen() -> Result<Self, CliError> {
        Ok(Self)
    }

    async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}
