//! The orderly end of a backend's background work.

use core::fmt;

use l402_host::BoxFuture;

/// The background work of an opened backend. The default has none, as with the sandbox and lnd.
///
/// Dropping it ends nothing in order: call [`Lifecycle::shutdown`] when the last use of the node
/// is over.
#[derive(Default)]
pub struct Lifecycle(Option<BoxFuture<'static, ()>>);

impl Lifecycle {
    /// Returns a lifecycle whose background work is ended by completing `end`.
    #[must_use]
    pub fn ending_with(end: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(Some(Box::pin(end)))
    }

    /// Returns true if a node, or work for one, runs in this process until [`Lifecycle::shutdown`].
    #[must_use]
    pub const fn runs_here(&self) -> bool {
        self.0.is_some()
    }

    /// Ends the background work, and returns when it has ended.
    pub async fn shutdown(self) {
        if let Some(end) = self.0 {
            end.await;
        }
    }
}

impl fmt::Debug for Lifecycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lifecycle").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[tokio::test]
    async fn shutdown_waits_for_the_end() {
        let ended = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&ended);
        let lifecycle = Lifecycle::ending_with(async move { end.store(true, Ordering::SeqCst) });
        assert!(!ended.load(Ordering::SeqCst));
        lifecycle.shutdown().await;
        assert!(ended.load(Ordering::SeqCst));
        Lifecycle::default().shutdown().await;
    }
}
