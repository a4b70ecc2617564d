//! Credentials that were bought at other paths of the same origin, tried before anything is paid.

use http::StatusCode;
use l402::UnixTime;

use super::buyer::Buyer;
use super::present::{Presented, may_be_stale, not_served};
use super::verdict::RefusalKind;
use crate::coverage::Coverage;
use crate::http::Hop;
use crate::journal::{ACCEPTED_ENOUGH, Paid, Scope, State};
use crate::offer::Offer;
use crate::receipt::UseReport;
use crate::{CredentialScheme, Error, Event, Response};

/// The most credentials of other paths that one call tries.
const TRIES_MAX: usize = 2;

impl Buyer {
    /// Tries what was bought at other paths of the origin and covers what `offer` sells. Pays
    /// nothing; `None` if there is none or none is accepted.
    pub(super) async fn use_of_other_paths(
        &self,
        hop: &Hop,
        scope: &Scope,
        offer: &Offer,
    ) -> Result<Option<Response>, Error> {
        // A server that asks for `Payment` alone is shown no token of L402.
        let is_charge = offer.scheme == CredentialScheme::Payment;
        if hop.foreign || is_charge || !self.may_carry(hop) {
            return Ok(None);
        }
        let (place, now) = (scope.clone(), self.clock.wall());
        let budget = self.usable_budget().cloned();
        let owned = self
            .journal
            .run(move |store| store.of_other_paths(&place, budget.as_ref(), now))
            .await?;
        let asked = Coverage::of(&offer.token);
        let mut tries = 0;
        for paid in owned {
            if tries >= TRIES_MAX {
                break;
            }
            if !is_good_for(&paid, scope, asked.as_ref(), now) {
                continue;
            }
            // What an opaque token is for is a guess, and another program may stand behind this path.
            let is_guess = asked.is_none();
            let Some(kept) = self.hold(paid).await? else {
                continue;
            };
            // In flight: somebody else is having its first answer.
            if kept.claim.is_none() && kept.paid.row().state == State::Paid {
                continue;
            }
            tries += 1;
            let hash = kept.paid.row().payment_hash;
            match self.present(hop, &kept.paid).await {
                Presented::Answer(answer) if is_guess && is_bad_request(&answer) => {}
                Presented::Failed {
                    status: Some(500), ..
                } if is_guess => {}
                Presented::Answer(answer) if !may_be_stale(&answer) => {
                    if kept.claim.is_some() {
                        self.notify(&Event::Resuming(hash));
                    }
                    return Ok(Some(self.bought(answer, hop, kept, true)));
                }
                // The server takes the token, and fails at something else.
                Presented::Failed { status, reason } => {
                    return Err(not_served(hash, status, reason, true));
                }
                Presented::Refused(refusal) if refusal.kind == RefusalKind::Final => {
                    self.put_away(kept.paid).await?;
                }
                // It stays good for what it was bought for.
                _ => {}
            }
        }
        Ok(None)
    }

    /// Stops presenting a token that has worked before. One that never did is left to the path that
    /// it was bought for, where its refusal is reported.
    async fn put_away(&self, paid: Paid) -> Result<(), Error> {
        if paid.row().state != State::Served {
            return Ok(());
        }
        self.journal.run(move |store| store.evict(paid)).await
    }
}

/// Returns true if an answer may mean that the server cannot read the token. With 500 it may be so,
/// too. Any other status is about the request, or ends by itself, and buying would pay twice.
fn is_bad_request(answer: &reqwest::Response) -> bool {
    answer.status() == StatusCode::BAD_REQUEST && UseReport::of(answer.headers()).is_none()
}

/// Returns true if a purchase of another path may be good for `scope`, where the server now sells
/// `asked`, `None` if its token is opaque.
fn is_good_for(paid: &Paid, scope: &Scope, asked: Option<&Coverage>, now: UnixTime) -> bool {
    let row = paid.row();
    if row.is_charge() {
        return false;
    }
    match (Coverage::of(row.token()), asked) {
        (Some(mine), Some(asked)) => mine.covers(asked, now),
        (None, None) => {
            let folder = row.folder.as_deref();
            row.accepted >= ACCEPTED_ENOUGH
                && folder.is_some_and(|folder| scope.path.starts_with(folder))
        }
        // One server with two kinds of tokens: nothing says that they mean the same.
        _ => false,
    }
}
