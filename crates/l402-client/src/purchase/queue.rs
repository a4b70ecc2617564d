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

/// The longest that a challenge waits for its turn: 20 s. Many invoices last ten minutes, few less
/// than one.
const FRESH: Duration = Duration::from_secs(20);

/// The most questions that one client asks ahead of the queue at the same time. Each may bring a
/// challenge that nobody pays, and holds a connection.
pub(crate) const AHEAD_MAX: usize = 64;

impl Buyer {
    /// Asks without a credential beside somebody who has the right to buy, where nothing was ever
    /// bought: a page that costs nothing is then had at once, however many ask for it. Returns `None`
    /// for any other scope. What may be bought is decided in the queue, and not by this answer.
    pub(super) async fn ask_ahead(
        &self,
        hop: &Hop,
        scope: &Scope,
    ) -> Result<Option<reqwest::Response>, Error> {
        let _place = self.ahead.acquire().await;
        let wanted = scope.clone();
        // After the wait for a place: somebody may have bought here meanwhile.
        let known = self.journal.run(move |store| store.knows(&wanted)).await?;
        if known {
            return Ok(None);
        }
        Ok(Some(self.http.ask(hop).await?))
    }

    /// Waits for the right to buy in a scope, at most for `patience`. Of what was asked `ahead`, a
    /// challenge stays good, if it is not old; anything else was an answer to the time before.
    pub(super) async fn flight(
        &self,
        scope: &Scope,
        ahead: &mut Option<reqwest::Response>,
    ) -> Result<Flight, Error> {
        let begin = self.clock.monotonic();
        let flight = self.turn(scope).await?;
        let waited = self.clock.monotonic().saturating_sub(begin);
        ahead.take_if(|it| it.status() != StatusCode::PAYMENT_REQUIRED || waited > FRESH);
        Ok(flight)
    }

    pub(super) async fn turn(&self, scope: &Scope) -> Result<Flight, Error> {
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
