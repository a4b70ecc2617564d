//! The wait for the right to buy.

use std::pin::pin;
use std::time::Duration;

use super::buyer::Buyer;
use crate::journal::{Flight, Scope};
use crate::{Error, Event};

/// The time that a call waits for another purchase before it tells the caller: 1 s.
const QUIET: Duration = Duration::from_secs(1);

impl Buyer {
    /// Waits for the right to buy in a scope, at most for `patience`.
    pub(super) async fn flight(&self, scope: &Scope) -> Result<Flight, Error> {
        let mut turn = pin!(self.journal.locks().flight(scope));
        // Most waits end within a second, and an event for each of them would only be noise. The future
        // is timed by reference, so that its place in the queue outlives the first time-out.
        let quiet = QUIET.min(self.patience);
        if let Ok(flight) = tokio::time::timeout(quiet, &mut turn).await {
            return flight;
        }
        self.notify(&Event::Queued);
        let flight = tokio::time::timeout(self.patience.saturating_sub(quiet), turn).await;
        flight.unwrap_or(Err(Error::Busy {
            waited: self.patience,
        }))
    }
}
