//! The signals that the program listens for: stop, and read the configuration again.

use crate::error::CliError;
use crate::text::output;

/// Listens for Ctrl-C and, where there is such a thing, SIGTERM. Made before the program says that
/// it serves, so that its caller can stop it from then on.
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
    #[cfg(feature = "buy")]
    pub(crate) async fn requested(self) {
        self.requested_or(core::future::pending()).await;
    }

    /// Waits for the first signal, or for something else that asks for the end. A signal from then on ends
    /// the process at once.
    pub(crate) async fn requested_or(mut self, other: impl Future<Output = ()>) {
        tokio::select! {
            _ = self.0.next() => {}
            () = other => {}
        }
        // Requests in flight may take their time; a second Ctrl-C says that nobody wants to wait.
        tokio::spawn(async move {
            self.0.next().await;
            output::tell("stopping at once");
            // As shells report an end by Ctrl-C.
            std::process::exit(130);
        });
    }
}

/// The signal that asked for the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StopSignal {
    /// Ctrl-C.
    Interrupt,
    /// SIGTERM, where there is such a thing.
    #[cfg_attr(not(unix), expect(dead_code, reason = "only unix has it"))]
    Terminate,
}

/// Listens for the signals of [`Stop`], for a command that ends at the first.
#[cfg(any(feature = "buy", feature = "sell"))]
pub(crate) struct Interrupt(Signals);

#[cfg(any(feature = "buy", feature = "sell"))]
impl Interrupt {
    /// Starts to listen.
    ///
    /// # Errors
    /// If the process cannot listen for signals.
    pub(crate) fn listen() -> Result<Self, CliError> {
        Signals::listen().map(Self)
    }

    /// Waits for the first signal.
    pub(crate) async fn caught(&mut self) -> StopSignal {
        self.0.next().await
    }
}

/// Listens for SIGHUP, if the platform has it. From then on it no longer ends the process.
#[cfg(feature = "sell")]
pub(crate) struct Hangup {
    #[cfg(unix)]
    signal: tokio::signal::unix::Signal,
}

#[cfg(feature = "sell")]
impl Hangup {
    /// # Errors
    /// If the process cannot listen for signals.
    #[cfg(unix)]
    pub(crate) fn listen() -> Result<Self, CliError> {
        let signal = listen(tokio::signal::unix::SignalKind::hangup())?;
        Ok(Self { signal })
    }

    #[cfg(not(unix))]
    #[expect(clippy::unnecessary_wraps, reason = "the same shape as on unix")]
    pub(crate) fn listen() -> Result<Self, CliError> {
        Ok(Self {})
    }

    /// Waits for the next signal; of several that come in between, one is told. Never ends if the
    /// platform has none.
    pub(crate) async fn next(&mut self) {
        #[cfg(unix)]
        if self.signal.recv().await.is_some() {
            return;
        }
        core::future::pending().await
    }
}

#[cfg(unix)]
fn listen(kind: tokio::signal::unix::SignalKind) -> Result<tokio::signal::unix::Signal, CliError> {
    tokio::signal::unix::signal(kind)
        .map_err(|error| CliError::internal(format!("cannot listen for signals: {error}")))
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> Result<Self, CliError> {
        use tokio::signal::unix::SignalKind;
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> StopSignal {
        tokio::select! {
            _ = self.interrupt.recv() => StopSignal::Interrupt,
            _ = self.terminate.recv() => StopSignal::Terminate,
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

    async fn next(&mut self) -> StopSignal {
        let _ = tokio::signal::ctrl_c().await;
        StopSignal::Interrupt
    }
}
