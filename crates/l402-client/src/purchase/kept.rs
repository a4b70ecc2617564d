//! Purchases of earlier calls whose credentials may still be good.

use l402::PaymentHash;

use super::buyer::Buyer;
use super::present::{Presented, not_served};
use crate::http::Hop;
use crate::journal::{Claim, Purchase, Scope, State};
use crate::{Error, Event, Response};

/// The most stored tokens that one call tries before it buys. If all of them were paid and none was
/// ever served, it buys nothing.
pub(super) const TOKENS_TRIED_MAX: usize = 3;

/// A purchase that this call may present.
pub(super) struct KeptPurchase {
    pub(crate) purchase: Purchase,
    pub(crate) claim: Option<Claim>,
}

/// The outcome of presenting an earlier purchase.
pub(super) enum Used {
    Answer(Box<Response>),
    /// The purchase is paid and was never served, and the server says that its token is good for
    /// another request.
    NotCovered,
    /// The purchase is of no use here, and nothing is lost.
    No,
}

impl Buyer {
    /// Returns the first stored purchase of the scope that nobody else is using.
    pub(super) async fn find_usable(
        &self,
        hop: &Hop,
        scope: &Scope,
        tried: &[PaymentHash],
    ) -> Result<Option<KeptPurchase>, Error> {
        // A credential goes neither to where a redirect led nor over a wire that others can read.
        if hop.foreign || !self.may_carry(hop) || tried.len() >= TOKENS_TRIED_MAX {
            return Ok(None);
        }
        let (scope, now) = (scope.clone(), self.clock.wall());
        let usable = self
            .journal
            .run(move |store| store.usable(&scope, now))
            .await?;
        for purchase in usable {
            if tried.contains(&purchase.payment_hash) {
                continue;
            }
            if let Some(kept) = self.hold(purchase).await? {
                return Ok(Some(kept));
            }
        }
        Ok(None)
    }

    /// Claims a purchase that was never served. A token for one answer is presented under its claim
    /// only; any other token may be presented by several calls at once.
    async fn hold(&self, purchase: Purchase) -> Result<Option<KeptPurchase>, Error> {
        // Served, and still kept: good for more answers, so there is nothing to claim.
        if purchase.state != State::Paid {
            return Ok(Some(KeptPurchase {
                purchase,
                claim: None,
            }));
        }
        let claim = self.journal.locks().claim(&purchase.payment_hash)?;
        if claim.is_none() && purchase.is_single_use() {
            return Ok(None);
        }
        // It may have been served between the reading and the claim.
        let hash = purchase.payment_hash;
        let purchase = self.journal.run(move |store| store.purchase(&hash)).await?;
        let single_use_is_over = |p: &Purchase| {
            p.state != State::Paid && (p.is_single_use() || p.state != State::Served)
        };
        Ok(purchase
            .filter(|p| !single_use_is_over(p))
            .map(|purchase| KeptPurchase { purchase, claim }))
    }

    /// Presents an earlier purchase, and puts its token away if it has worked before and is refused
    /// now.
    pub(super) async fn use_again(&self, hop: &Hop, kept: KeptPurchase) -> Result<Used, Error> {
        let hash = kept.purchase.payment_hash;
        if kept.claim.is_some() {
            self.notify(&Event::Resuming(hash));
        }
        let unserved = kept.claim.is_some() && kept.purchase.state == State::Paid;
        let (status, code) = match self.present(hop, &kept.purchase).await {
            Presented::Answer(answer) => {
                let answer = self.bought(answer, kept, true);
                return Ok(Used::Answer(Box::new(answer)));
            }
            Presented::Failed { status, reason } => {
                return Err(not_served(hash, status, reason, true));
            }
            Presented::TurnedAway {
                not_covered: true, ..
            } if !unserved => return Ok(Used::No),
            // True perhaps, if it was bought for another request than this one.
            Presented::TurnedAway {
                not_covered: true, ..
            } if !kept.purchase.is_for(&hop.fingerprint()) => return Ok(Used::NotCovered),
            Presented::TurnedAway { status, code, .. } => (status, code),
        };
        let now = self.clock.wall();
        let fresh = self.journal.run(move |store| store.purchase(&hash)).await?;
        match fresh.map(|purchase| purchase.state) {
            // Money went for nothing: that is reported, and not covered up by buying again.
            Some(State::Paid) if kept.claim.is_some() => {
                Err(self.turned_away(hash, status, code).await)
            }
            // Somebody else is having its first answer at this moment.
            Some(State::Paid) => Ok(Used::No),
            _ => {
                self.journal
                    .run(move |store| store.evict(&hash, now))
                    .await?;
                Ok(Used::No)
            }
        }
    }
}

/// Returns the error that stops buying at a path of which several purchases were never served.
pub(super) fn none_covers(last: PaymentHash) -> Error {
    let reason = format!(
        "{TOKENS_TRIED_MAX} purchases of this path are paid and were never served, and the server \
         says that each is for something else; no more is bought here before one of them is served"
    );
    not_served(last, Some(402), reason, true)
}
