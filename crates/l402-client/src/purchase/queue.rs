//! The wait for the right to buy, and the first question, which needs no such right.

use std::pin::pin;
use std::time::Duration;

use http::StatusCode;

use super::buyer::Buyer;
use crate::http::Hop;
use crate::journal::{Flight, Scope};
use crate::{Error, Event};

/// The time that a call waits for another purchase before it tells the caller: 1 s.
const QUIET: Duration = Duration::from_secs(1);

/// The most questions that one client asks ahead of the queue at the same time. Each may bring a
/// challenge that nobody pays, and holds a connection.
pub(crate) const AHEAD_MAX: usize = 64;

impl Buyer {
    /// Asks without a credential before anybody queues, where nothing was ever bought: a page that
    /// costs nothing is then had at once, however many ask for it. Returns `None` for any other
    /// scope. The answer says nothing about what may be bought: that is decided in the queue.
    pub(super) async fn ask_ahead(
        &self,
        hop: &Hop,
        scope: &Scope,
    ) -> Result<Option<reqwest::Response>, Error> {
        let _place = self.ahead.acquire().await;
        let wanted = scope.clone();
        // After the wait for a place: somebody may have bought here meanwhile.
        let knows = move |store: &mut crate::journal::step::Store| store.knows(&wanted);
        if self.journal.run(knows).await? {
            return Ok(None);
        }
        Ok(Some(self.http.ask(hop).await?))
    }

    /// Waits for the right to buy in a scope, at most for `patience`. If somebody else had it, the
    /// answer that was had `ahead` is of before that purchase, and is dropped.
    pub(super) async fn flight(
        &self,
        scope: &Scope,
        ahead: &mut Option<reqwest::Response>,
    ) -> Result<Flight, Error> {
        if let Some(flight) = self.journal.locks().try_flight(scope)? {
            return Ok(flight);
        }
        *ahead = None;
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

/// Returns true if an answer that was had ahead of the queue is the answer of the call. A 402 is
/// bought in the queue. A 429 may be due to the others who asked ahead: one of them may buy what
/// serves all, so it is asked again behind them.
pub(super) fn is_final(status: StatusCode) -> bool {
    !matches!(
        status,
        StatusCode::PAYMENT_REQUIRED | StatusCode::TOO_MANY_REQUESTS
    )
}
