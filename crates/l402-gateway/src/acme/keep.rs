//! The time of each order.

use std::sync::Arc;
use std::time::Duration;

use l402::UnixTime;
use l402_host::Clock;

use super::order::Orders;
use super::store::{Kept, Store};
use crate::listen::Issued;

/// The pause after the first failure. It doubles up to the longest one: authorities count failures,
/// and allow five in an hour.
const PAUSE: Duration = Duration::from_secs(120);
const PAUSE_MAX: Duration = Duration::from_secs(3600);

/// The longest time without a look at the clock, which may be set.
const LOOK: Duration = Duration::from_secs(3600);

/// Keeps one certificate, and renews it.
#[derive(Debug)]
pub(crate) struct Keeper {
    store: Store,
    orders: Orders,
    kept: Option<Kept>,
}

impl Keeper {
    pub(super) fn new(store: Store, orders: Orders) -> Self {
        let kept = store.certificate();
        Self {
            store,
            orders,
            kept,
        }
    }

    /// Serves the certificate that is stored, if there is one.
    pub(crate) fn show(&self, issued: &Issued) {
        if let Some(kept) = &self.kept {
            issued.set_certificate(Arc::clone(&kept.certified));
        }
    }

    /// Orders a certificate if there is none, and renews it in time. Never returns.
    pub(crate) async fn run(mut self, issued: Arc<Issued>, clock: Arc<dyn Clock>) {
        loop {
            self.wait(&*clock).await;
            // Another gateway of this home may have renewed it.
            let stored = self.store.certificate();
            match stored.filter(|stored| is_good(stored, &*clock)) {
                Some(stored) => self.take(stored, &issued),
                None => self.order(&issued, &*clock).await,
            }
        }
    }

    /// Orders until there is a certificate whose time is not over.
    async fn order(&mut self, issued: &Issued, clock: &dyn Clock) {
        let domains = self.orders.domains().join(", ");
        tracing::info!(domains, "a certificate is ordered");
        let mut pause = PAUSE;
        loop {
            match self.orders.order(&self.store, issued).await {
                Ok(kept) => {
                    let until = UnixTime::from_secs(kept.ends).to_rfc3339();
                    tracing::info!(domains, until, "a certificate was issued");
                    let is_good = is_good(&kept, clock);
                    self.take(kept, issued);
                    if is_good {
                        return;
                    }
                    // One order after another would use up what the authority allows.
                    tracing::error!("it is to be renewed at once: the clock here is not right");
                }
                Err(error) => self.warn(&error, pause),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    fn take(&mut self, kept: Kept, issued: &Issued) {
        self.kept = Some(kept);
        self.show(issued);
    }

    /// Waits until a certificate is to be ordered.
    async fn wait(&self, clock: &dyn Clock) {
        let Some(renewal) = self.kept.as_ref().map(Kept::renewal) else {
            return;
        };
        loop {
            let left = renewal.saturating_sub(clock.wall().secs());
            if left == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_secs(left).min(LOOK)).await;
        }
    }

    fn warn(&self, error: &str, pause: Duration) {
        let again_secs = pause.as_secs();
        let until = self.kept.as_ref().map(|kept| kept.ends);
        match until.map(|until| UnixTime::from_secs(until).to_rfc3339()) {
            None => tracing::error!(error, again_secs, "no certificate was issued"),
            Some(until) => {
                tracing::warn!(error, again_secs, until, "the certificate was not renewed");
            }
        }
    }
}

/// Returns true if a certificate is not to be renewed yet.
fn is_good(kept: &Kept, clock: &dyn Clock) -> bool {
    kept.renewal() > clock.wall().secs()
}
