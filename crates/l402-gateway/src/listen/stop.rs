//! The signal that the gateway stops.

use std::time::Duration;

use tokio::sync::watch;

/// The receiving side of the signal. It is sent once, with the time that requests in flight may
/// take.
#[derive(Clone)]
pub(crate) struct StopSignal(pub(crate) watch::Receiver<Option<Duration>>);

impl StopSignal {
    /// Waits for the signal, and returns how long requests in flight may take. If the gateway was
    /// dropped without a signal, that is no time at all.
    pub(crate) async fn notified(&mut self) -> Duration {
        let deadline = self.0.wait_for(Option::is_some).await;
        deadline
            .ok()
            .and_then(|deadline| *deadline)
            .unwrap_or_default()
    }
}
