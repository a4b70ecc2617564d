//! A purchase that was paid and never answered, presented once more by its name.

use std::sync::Arc;

use l402::PaymentHash;

use super::buyer::Buyer;
use super::kept::Used;
use super::present::not_served;
use crate::http::Hop;
use crate::journal::{Purchase, Scope, State};
use crate::{Error, Refused, ReplayError, ReplayedAnswer, Request, Response};

impl Buyer {
    /// Returns the newest kept answer to this very request that one payment bought.
    pub(crate) async fn replay(
        &self,
        hash: PaymentHash,
        request: Request,
    ) -> Result<Option<ReplayedAnswer>, ReplayError> {
        let hop = Hop::first(request, &self.spool).await;
        let hop = hop.map_err(ReplayError::Journal)?;
        // By the same name as the one that it was kept under.
        let named = hop.sent_by(self.http.way_out()).name().await;
        let (name, journal) = (named.map_err(ReplayError::Journal)?, self.journal.clone());
        let budget = self.usable_budget().cloned();
        let found = tokio::task::spawn_blocking(move || {
            let is_own = |row: &Purchase| budget.is_none_or(|budget| row.budget == budget);
            journal.replay_if((&hash, Some(&name)), is_own)
        });
        found.await.unwrap_or_else(|error| {
            let detail = error.to_string();
            Err(ReplayError::File { detail })
        })
    }

    /// Presents one purchase for the request that it was made for. Pays nothing: there is no way from
    /// here to a wallet.
    pub(crate) async fn resume(
        self: &Arc<Self>,
        hash: PaymentHash,
        request: Request,
    ) -> Result<Option<Response>, Error> {
        let hop = Hop::first(request, &self.spool).await?;
        let paid = self.journal.run(move |store| store.paid(&hash)).await?;
        let fingerprint = hop.fingerprint().await?;
        let is_open = self
            .journal
            .token(&hash)?
            .is_some_and(|token| token.is_presented && token.state == State::Paid);
        // For another request it would be used up by something that nobody bought.
        let place = Scope::of(&hop.url, hop.host());
        let paid = paid
            .filter(|paid| self.may_use(paid.row()))
            .filter(|paid| is_open && paid.row().scope == place && paid.row().is_for(&fingerprint));
        let Some(paid) = paid else {
            return Ok(None);
        };
        if !self.may_carry(&hop) {
            let detail = "the credential would go over a wire that others can read";
            return Err(Error::refused(Refused::InsecureOrigin, detail));
        }
        // A server that reads the caller's own `Authorization` alone would refuse what it cannot see, and
        // that counts against the purchase.
        if hop.has_no_place() && !paid.row().is_ours() {
            let detail = "the request has an Authorization of its own, and nobody knows if the server \
                          reads a credential beside it";
            return Err(Error::refused(Refused::AuthorizationTaken, detail));
        }
        let Some(kept) = self.hold(paid).await? else {
            return Ok(None);
        };
        match self.use_again(&hop, kept).await? {
            Used::Answer(answer) => Ok(Some(answer.to(hop).kept_while_read().await)),
            Used::NotCovered | Used::No => {
                let reason = "the server does not take what was paid for";
                Err(not_served(hash, Some(402), reason.to_owned(), true))
            }
        }
    }
}
