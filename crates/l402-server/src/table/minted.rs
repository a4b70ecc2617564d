//! The question if a token was revoked.

use std::sync::Arc;

use l402::{Authorized, Condition, GenuineToken, Policy, Proven, Service, Terms, UnixTime};

use super::{MAX_INVOICE_EXPIRY, Snapshot};
use crate::revoked::Revoked;

impl Snapshot {
    /// Refuses what is revoked, now and later. Without it nothing is. Of a snapshot that takes another
    /// one's place, the set has to be the same.
    #[must_use]
    pub fn with_revoked(mut self, revoked: Arc<Revoked>) -> Self {
        self.revoked = revoked;
        self
    }

    /// Returns what is revoked.
    #[must_use]
    pub fn revoked(&self) -> &Arc<Revoked> {
        &self.revoked
    }

    /// Returns true if a token that is minted now would be refused: nothing in it shows that it was
    /// minted after a revocation by time. Nobody may be asked to pay for it.
    pub(crate) fn has_revoked_in_advance(&self, terms: &Terms) -> bool {
        let minted = || earliest(terms.valid_until, terms.policy);
        let key = self.keys().current();
        self.revoked.covers_minted(&terms.service, key, minted)
    }

    /// Returns true if a token was revoked that is genuine and good for the request otherwise.
    pub(crate) fn has_revoked(&self, proven: &Proven, authorized: &Authorized) -> bool {
        let service = authorized.service();
        let minted = || {
            let has_end = authorized.checked().has(Condition::ValidUntil);
            earliest_mint(proven.token(), service).filter(|_| has_end)
        };
        self.revoked.covers(proven.identifier(), service, || {
            minted().unwrap_or(UnixTime::from_secs(0))
        })
    }
}

impl Snapshot {
    /// Returns true if a token of our own mint was revoked, of which nothing else was checked.
    pub(crate) fn has_revoked_token(&self, token: &GenuineToken, service: &Service) -> bool {
        let minted = || earliest_mint(token, service).unwrap_or(UnixTime::from_secs(0));
        self.revoked.covers(token.identifier(), service, minted)
    }
}

/// Returns the earliest time at which a token can have been minted: its first end, less the time that
/// was bought and the longest time to pay. The first ones are the mint's own, so a holder cannot move
/// the time by a caveat. `None` if the token names no end or no policy.
fn earliest_mint(token: &GenuineToken, service: &Service) -> Option<UnixTime> {
    Some(earliest(
        token.minted_end(service)?,
        token.minted_policy(service)?,
    ))
}

fn earliest(end: UnixTime, policy: Policy) -> UnixTime {
    let longest = policy.lifetime().saturating_add(MAX_INVOICE_EXPIRY);
    UnixTime::from_secs(end.secs().saturating_sub(longest.as_secs()))
}
