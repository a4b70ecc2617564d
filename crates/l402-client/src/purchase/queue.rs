//! The wait for the right to buy.

use std::pin::pin;
use std::time::Duration;

use super::buyer::Buyer;
use crate::journal::{Flight, Scope};
use crate::{Error, Event};

/// How long a call waits for another purchase before it says so.
const QUIET: Duration = Duration::from_secs(1);

impl Buyer {
    /// The right to buy in a scope, within the patience that the caller has.
    pub(super) async fn flight(&self, scope: &Scope) -> Result<Flight, Error> {
        let mut turn = pin!(self.journal.locks().flight(scope));
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
