//! Work that goes on by itself if the call that has begun it can wait no longer.

use std::sync::Arc;
use std::time::Duration;

use l402::PaymentHash;

use super::agent::Purse;
use super::progress::CallProgress;

/// The most calls that are under way at the same time.
pub(super) const CALLS_MAX: usize = 64;

/// The longest that a call waits for a place, if its patience is no longer.
const PLACE_MAX: Duration = Duration::from_secs(20);

/// The longest that a call waits while nothing is paid.
const UNPAID_MAX: Duration = Duration::from_secs(120);

/// The end of work that was waited for.
#[derive(Debug)]
pub(crate) enum Waited<T> {
    Done(T),
    /// The payment has begun, and goes on.
    Pending(PaymentHash),
    /// It took too long, and nothing was paid.
    TooLong,
    /// The program is about to end, or the work has panicked.
    Broken,
}

/// Gives a call up when nobody waits for it any more, also if its future is dropped.
struct Leaving<'a>(&'a CallProgress);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.give_up();
    }
}

impl Purse {
    /// Does work in a task of its own, and waits for it: `patience` from the beginning of a payment on.
    pub(crate) async fn wait_for<T: Send + 'static>(
        &self,
        progress: &Arc<CallProgress>,
        patience: Duration,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Waited<T> {
        let place = Arc::clone(&self.running).acquire_owned();
        // All places may be taken by calls whose servers are slow, and this one has paid nothing yet.
        let place = match tokio::time::timeout(PLACE_MAX.max(patience), place).await {
            Ok(Ok(place)) => place,
            Ok(Err(_)) => return Waited::Broken,
            Err(_) => return Waited::TooLong,
        };
        let leaving = Leaving(progress);
        let mut task = tokio::spawn(async move {
            let done = work.await;
            drop(place);
            done
        });
        let too_long = async {
            let hash = progress.paying().await;
            tokio::time::sleep(patience).await;
            hash
        };
        let waited = tokio::select! {
            done = &mut task => done.map_or(Waited::Broken, Waited::Done),
            hash = too_long => Waited::Pending(hash),
            () = tokio::time::sleep(UNPAID_MAX.max(patience)) => {
                if progress.give_up() {
                    Waited::TooLong
                } else {
                    let hash = progress.paying().await;
                    Waited::Pending(hash)
                }
            }
        };
        drop(leaving);
        waited
    }
}
