//! Purchases of earlier calls whose credentials may still be good.

use http::StatusCode;
use l402::{PaymentHash, Problem};

use super::buyer::Buyer;
use super::present::{Presented, may_be_stale, not_served};
use super::verdict::{Refusal, RefusalKind};
use crate::http::Hop;
use crate::journal::{Claim, Paid, Scope, State};
use crate::{Error, Event, Response};

/// The most stored tokens that one call tries before it buys. If all of them were paid and none was
/// ever served, it buys nothing.
pub(super) const TOKENS_TRIED_MAX: usize = 3;

/// A purchase that this call may present.
pub(super) struct KeptPurchase {
    pub(crate) paid: Paid,
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
        let budget = self.usable_budget().cloned();
        let usable = self
            .journal
            .run(move |store| store.usable(&scope, budget.as_ref(), now))
            .await?;
        for paid in usable {
            // Beside the caller's own `Authorization`, a credential goes only where it is read: to a
            // server that made its token as ours do, or that has said so.
            let has_place = paid.row().is_ours() || !hop.has_no_place();
            if tried.contains(&paid.row().payment_hash) || !has_place {
                continue;
            }
            // A server may bind a charge to its request, and its use is gone once it was refused.
            if paid.row().is_charge() && !paid.row().is_for(&hop.fingerprint().await?) {
                continue;
            }
            if let Some(kept) = self.hold(paid).await? {
                return Ok(Some(kept));
            }
        }
        Ok(None)
    }

    /// Claims a purchase that was never served. A token for one answer needs the claim; any other
    /// may be presented beside the holder of the claim.
    pub(super) async fn hold(&self, paid: Paid) -> Result<Option<KeptPurchase>, Error> {
        if paid.row().state != State::Paid {
            return Ok(Some(KeptPurchase { paid, claim: None }));
        }
        let hash = paid.row().payment_hash;
        let claim = self.journal.locks().claim(&hash)?;
        if claim.is_none() && paid.row().is_single_use() {
            return Ok(None);
        }
        // It may have been served between the reading and the claim.
        let fresh = self.journal.run(move |store| store.paid(&hash)).await?;
        let is_over = |p: &Paid| p.row().state != State::Paid && p.row().is_single_use();
        Ok(fresh
            .filter(|paid| !is_over(paid))
            .map(|paid| KeptPurchase { paid, claim }))
    }

    /// Presents an earlier purchase, and puts its token away if it has worked before and is refused
    /// now.
    pub(super) async fn use_again(&self, hop: &Hop, kept: KeptPurchase) -> Result<Used, Error> {
        let hash = kept.paid.row().payment_hash;
        if kept.claim.is_some() {
            self.notify(&Event::Resuming(hash));
        }
        let unserved = kept.claim.is_some() && kept.paid.row().state == State::Paid;
        // A token that was accepted before has no payment to wait for.
        let presented = if unserved {
            self.present_until_settled(hop, &kept.paid).await
        } else {
            self.present(hop, &kept.paid).await
        };
        let refusal = match self.or_without(hop, presented).await? {
            Presented::Answer(answer) => {
                let answer = self.bought(answer, hop, kept, true);
                return Ok(Used::Answer(Box::new(answer)));
            }
            Presented::Failed { status, reason } => {
                return Err(not_served(hash, status, reason, true));
            }
            Presented::Free(answer) => {
                return Ok(Used::Answer(Box::new(Response::free(answer))));
            }
            Presented::Refused(refusal) => refusal,
        };
        if refusal.kind == RefusalKind::NotCovered {
            if !unserved {
                return Ok(Used::No);
            }
            // It may be so, for another request than the one that it was bought for.
            if !kept.paid.row().is_for(&hop.fingerprint().await?) {
                return Ok(Used::NotCovered);
            }
        }
        self.refused_again(kept, &refusal).await
    }

    /// Replaces an answer of 403 or 410 that may be about a stale token. The same request is asked
    /// once without the token: 402 says that the token was no good, and what is free is the answer.
    async fn or_without(&self, hop: &Hop, presented: Presented) -> Result<Presented, Error> {
        let answer = match presented {
            Presented::Answer(answer) if may_be_stale(&answer) => answer,
            other => return Ok(other),
        };
        let without = self.http.ask(hop).await?;
        Ok(match without.status() {
            StatusCode::PAYMENT_REQUIRED => {
                Presented::Refused(Refusal::unexplained(answer.status()))
            }
            status if status.is_success() => Presented::Free(without),
            _ => Presented::Answer(answer),
        })
    }

    /// Acts on a refusal of an earlier purchase, by what the journal says of it now.
    async fn refused_again(&self, kept: KeptPurchase, refusal: &Refusal) -> Result<Used, Error> {
        let hash = kept.paid.row().payment_hash;
        let fresh = self.journal.run(move |store| store.paid(&hash)).await?;
        let fresh = fresh.as_ref().map(Paid::row);
        match fresh.map(|row| (row.state, row.refusals)) {
            // Money went for nothing: that is reported, and not covered up by buying again. A refusal
            // without a reason is believed once it repeats.
            Some((State::Paid, 0))
                if kept.claim.is_some() && refusal.kind == RefusalKind::Unexplained =>
            {
                Err(self.refused_once(kept.paid, refusal).await)
            }
            Some((State::Paid, _)) if kept.claim.is_some() => {
                let reason = refusal.reason();
                if refusal.code == Problem::Consumed.code() {
                    return Err(self.used_up_before(kept.paid, refusal.status, reason).await);
                }
                Err(self.turned_away(kept.paid, refusal.status, reason).await)
            }
            // Somebody else is having its first answer at this moment.
            Some((State::Paid, _)) => Ok(Used::No),
            _ => {
                self.journal
                    .run(move |store| store.evict(kept.paid))
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
