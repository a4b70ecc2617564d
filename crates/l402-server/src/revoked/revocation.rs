//! A revocation: what it ends, and when it was made.

use l402::{KeyNumber, PaymentHash, Service, TokenId, UnixTime};

/// What a revocation ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Revoke {
    /// Every token that was minted before a time. If a token does not show that it was minted later,
    /// it has ended too.
    Minted {
        /// The time.
        before: UnixTime,
        /// Only tokens of this service; `None` for those of all services.
        service: Option<Service>,
        /// Tokens of this key number and higher ones were minted later for sure. `None` if no number
        /// has begun since.
        spares: Option<KeyNumber>,
    },
    /// Every token of a payment.
    Payment(PaymentHash),
    /// One token, and all that its holder has made of it.
    Token(TokenId),
}

/// One entry of the list of revocations.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Revocation {
    /// What has ended.
    pub what: Revoke,
    /// The time of the revocation.
    pub revoked: UnixTime,
    /// The time at which every token that it ends has ended anyway, if that is known. The revocation
    /// may be forgotten afterwards.
    pub ends: Option<UnixTime>,
}

impl Revocation {
    /// Makes an entry that is never forgotten.
    #[must_use]
    pub const fn new(what: Revoke, revoked: UnixTime) -> Self {
        Self {
            what,
            revoked,
            ends: None,
        }
    }

    /// Sets the time at which every token that it ends has ended anyway.
    #[must_use]
    pub const fn with_end(mut self, ends: UnixTime) -> Self {
        self.ends = Some(ends);
        self
    }
}
