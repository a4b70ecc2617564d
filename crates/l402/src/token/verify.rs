//! Verification of credentials in two steps: is the credential genuine, and does it cover this
//! request?
//!
//! Each step returns a type that proves it. [`Proven`] says that preimage and signature are valid,
//! which never changes and may be cached. [`Authorized`] says that the caveats allow this request
//! now.
//!
//! ```text
//! Credential ── prove ──▶ Proven ── authorize ──▶ Authorized
//!                │           │          │
//!                ▼           │          ▼
//!        Invalid, Expired    │     Invalid, WrongService, Expired, Insufficient
//!                ▲           ▼
//!                └──────── holds          for each request, if the proof comes from a cache
//! ```

use core::fmt;
use std::sync::OnceLock;

use super::caveat::{Reading, Rights, read};
use super::{
    Condition, Conditions, GenuineToken, Identifier, KeyRing, Macaroon, Policy, RootKey, Service,
};
use crate::amount::Msat;
use crate::network::Network;
use crate::preimage::{PaymentHash, Preimage};
use crate::time::UnixTime;

/// The treatment of a caveat whose condition is not in our vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownCaveats {
    /// Refuse the token.
    Reject,
    /// Skip it, as macaroon-spec demands ("MUST be skipped"). The default.
    #[default]
    Skip,
}

/// The capability that a route needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Capability<'a> {
    /// The route needs this capability.
    Named(&'a str),
    /// The route knows no capabilities. It cannot check a token that is limited to some, and
    /// refuses it.
    #[default]
    None,
    /// The upstream checks capabilities itself, as behind Aperture. A token that is limited to the
    /// empty list is refused nevertheless.
    Upstream,
}

/// A request as verification sees it: the route, the settings of the route, and the time.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Target<'a> {
    /// The service of the route.
    pub service: &'a Service,
    /// The tier of the route.
    pub tier: u8,
    /// The capability that the route needs.
    pub capability: Capability<'a>,
    /// The network on which the route sells. A token that names another network is refused.
    pub network: Network,
    /// The least that the token must have cost, for dynamic prices; `None` accepts any price. Needs
    /// [`Condition::PriceMsat`] in [`Target::required`].
    pub min_price: Option<Msat>,
    /// The caveats that the token must have: for our own mint [`Conditions::MINTED`].
    ///
    /// Name the caveats that the mint of these keys always writes. A holder can append any caveat
    /// that is missing, so a caveat proves what was *bought* only if the mint always writes it. A
    /// price that is not required here does not count for [`Target::min_price`], and a policy that
    /// is not required allows at most [`Policy::Request`].
    pub required: Conditions,
    /// The treatment of foreign caveats.
    pub unknown_caveats: UnknownCaveats,
    /// The current time.
    pub now: UnixTime,
}

impl<'a> Target<'a> {
    /// Makes the target of a route at tier 0 that needs no capability, takes tokens of any price
    /// that our own mint has made, and skips foreign caveats.
    #[must_use]
    pub const fn new(service: &'a Service, network: Network, now: UnixTime) -> Self {
        Self {
            service,
            tier: 0,
            capability: Capability::None,
            network,
            min_price: None,
            required: Conditions::MINTED,
            unknown_caveats: UnknownCaveats::Skip,
            now,
        }
    }
}

/// The reason why a credential does not cover a request. Sorted by what the holder may do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifyError {
    /// The token is genuine and has ended.
    Expired,
    /// The token is genuine, and lacks a required caveat or a capability, or cost less than the
    /// price now.
    Insufficient,
    /// The token is not ours, the preimage is of another payment, or caveats are malformed or
    /// widen. The caller is not told which.
    Invalid,
    /// The key that would have minted the token exists and is not here: the token may be genuine.
    KeyMissing,
    /// The token is genuine and is for another service or tier.
    WrongService,
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expired => "the token has expired; buy a new one",
            Self::Insufficient => "the token does not cover this request; buy one that does",
            Self::Invalid => "the token or its preimage is not valid",
            Self::KeyMissing => {
                "the token cannot be checked here now; try again with the same token"
            }
            Self::WrongService => "the token is for another service or tier",
        })
    }
}

impl std::error::Error for VerifyError {}

/// A credential whose payment and signature are valid. Proves nothing about a route.
///
/// A preimage proves the payment, or the word of the node that was paid: see [`SettledPayment`](super::SettledPayment).
/// Holds the token without the preimage. May be cached under three rules: the key of the cache is
/// the whole credential (ATTACKS T-33), entries are dropped when the keys change, and
/// [`Proven::holds`] is called for each request.
#[derive(Clone, Debug)]
pub struct Proven {
    token: GenuineToken,
    /// The result at the first route. Most tokens are used at one route only.
    cached: OnceLock<CachedAuthorization>,
}

/// The result of `authorize` for one route. Time and price are checked again each time.
#[derive(Clone, Debug)]
struct CachedAuthorization {
    service: Service,
    tier: u8,
    /// The capability that was needed; `None` if the route named none.
    capability: Option<Box<str>>,
    upstream_checks: bool,
    network: Network,
    required: Conditions,
    unknown_caveats: UnknownCaveats,
    price: Option<Msat>,
    policy: Policy,
    valid_until: Option<UnixTime>,
    checked: Conditions,
}

/// Proof that a credential covers a request. Only verification makes one.
#[derive(Clone, Debug)]
pub struct Authorized {
    identifier: Identifier,
    service: Service,
    price: Option<Msat>,
    policy: Policy,
    valid_until: Option<UnixTime>,
    checked: Conditions,
}

/// The error of a token whose key is not in the ring.
pub(crate) fn unknown_key(keys: &KeyRing, identifier: &Identifier, now: UnixTime) -> VerifyError {
    if keys.lacks(identifier, now) {
        VerifyError::KeyMissing
    } else {
        VerifyError::Invalid
    }
}

impl Proven {
    /// Checks the preimage against the payment hash, then the signature under the root key that
    /// `root_key` returns for the identifier.
    ///
    /// # Errors
    /// [`VerifyError::Invalid`] if either check fails, without saying which (ATTACKS T-22), and the
    /// error of `root_key`, which is called once the preimage is right.
    pub(crate) fn new(
        macaroon: &Macaroon,
        preimage: &Preimage,
        root_key: impl FnOnce(&Identifier) -> Result<RootKey, VerifyError>,
    ) -> Result<Self, VerifyError> {
        let identifier = macaroon.identifier().map_err(|_| VerifyError::Invalid)?;
        let hash = &identifier.payment_hash;
        // The preimage comes first because it is cheap to check: one hash, against one for each
        // caveat. `mint` refuses hashes with a public preimage too, but other software may have
        // minted the token.
        if hash.has_public_preimage() || !preimage.proves(hash) {
            return Err(VerifyError::Invalid);
        }
        let root_key = root_key(&identifier)?;
        if !macaroon.is_signed_by(&root_key) {
            return Err(VerifyError::Invalid);
        }
        Ok(Self::of(GenuineToken::new(macaroon.clone(), identifier)))
    }

    /// Makes the proof of a token whose payment was proven.
    pub(super) fn of(token: GenuineToken) -> Self {
        Self {
            token,
            cached: OnceLock::new(),
        }
    }

    /// Checks that the master key of the token is still in use. The rest of the proof never
    /// changes.
    ///
    /// # Errors
    /// [`VerifyError::Expired`] if the key has ended (ATTACKS T-23), [`VerifyError::Invalid`] if it
    /// is not in the ring, [`VerifyError::KeyMissing`] if it ought to be.
    pub fn holds(&self, keys: &KeyRing, now: UnixTime) -> Result<(), VerifyError> {
        self.token.holds(keys, now)
    }

    /// Returns the token, with what its mint wrote into it.
    #[must_use]
    pub fn token(&self) -> &GenuineToken {
        &self.token
    }

    /// Returns the service that the token was minted for: see [`GenuineToken::minted_service`].
    #[must_use]
    pub fn minted_service(&self) -> Option<Service> {
        self.token.minted_service()
    }

    /// Returns the end with which the token was minted: see [`GenuineToken::minted_end`].
    #[must_use]
    pub fn minted_end(&self, service: &Service) -> Option<UnixTime> {
        self.token.minted_end(service)
    }

    /// Returns the price at which the token was sold: see [`GenuineToken::minted_price`].
    #[must_use]
    pub fn minted_price(&self, service: &Service) -> Option<Msat> {
        self.token.minted_price(service)
    }

    /// Returns the policy with which the token was sold: see [`GenuineToken::minted_policy`].
    #[must_use]
    pub fn minted_policy(&self, service: &Service) -> Option<Policy> {
        self.token.minted_policy(service)
    }

    /// Returns the node's reference of the invoice: see [`GenuineToken::minted_lookup`].
    #[must_use]
    pub fn minted_lookup(&self, service: &Service) -> Option<&str> {
        self.token.minted_lookup(service)
    }

    /// Checks every caveat against the request. Must run for each request, even if the proof is
    /// cached.
    ///
    /// If a token fails in several ways, the error is the first of [`VerifyError::Invalid`],
    /// [`VerifyError::WrongService`], [`VerifyError::Expired`] and [`VerifyError::Insufficient`].
    ///
    /// # Errors
    /// See [`VerifyError`].
    pub fn authorize(&self, target: &Target<'_>) -> Result<Authorized, VerifyError> {
        if let Some(cached) = self.cached.get().filter(|cached| cached.matches(target)) {
            return cached.check_time_and_price(self.identifier(), target);
        }
        let rights = self.rights(target)?;
        // The order of the checks is the order of the errors. It must not depend on time: a token
        // at another service gets the same answer before and after its end.
        if !rights.opens(target.service.as_str(), target.tier) {
            return Err(VerifyError::WrongService);
        }
        if rights.valid_until.is_some_and(|end| target.now >= end) {
            return Err(VerifyError::Expired);
        }
        if !suffices(&rights, target) {
            return Err(VerifyError::Insufficient);
        }
        let cached = CachedAuthorization::new(&rights, target);
        let authorized = cached.check_time_and_price(self.identifier(), target)?;
        // Only the first route is cached. At other routes the caveats are read for each request.
        let _ = self.cached.set(cached);
        Ok(authorized)
    }

    /// Returns the rights that all caveats together leave at the service of the target.
    fn rights(&self, target: &Target<'_>) -> Result<Rights<'_>, VerifyError> {
        let mut rights = Rights::new(self.identifier().payment_hash);
        for caveat in self.token.macaroon().caveats() {
            match read(caveat, target.service) {
                Reading::Own(term) => rights.narrow(term).map_err(|_| VerifyError::Invalid)?,
                Reading::Foreign if target.unknown_caveats == UnknownCaveats::Skip => {}
                // Constraints of another service are checked there, not here.
                Reading::OtherService => {}
                Reading::Foreign | Reading::Malformed => return Err(VerifyError::Invalid),
            }
        }
        if rights.is_for(target.network) {
            Ok(rights)
        } else {
            Err(VerifyError::Invalid)
        }
    }

    /// Returns the identifier. By its key number a cache can drop the entries of an ended key.
    #[must_use]
    pub fn identifier(&self) -> &Identifier {
        self.token.identifier()
    }
}

impl CachedAuthorization {
    /// Keeps what the target asked and what the caveats left.
    fn new(rights: &Rights<'_>, target: &Target<'_>) -> Self {
        Self {
            service: target.service.clone(),
            tier: target.tier,
            capability: match target.capability {
                Capability::Named(name) => Some(name.into()),
                Capability::None | Capability::Upstream => None,
            },
            upstream_checks: matches!(target.capability, Capability::Upstream),
            network: target.network,
            required: target.required,
            unknown_caveats: target.unknown_caveats,
            price: rights.price,
            policy: policy(rights, target),
            valid_until: rights.valid_until,
            checked: rights.conditions,
        }
    }

    /// Returns true if the target asks the same of the caveats. Time and price may differ.
    fn matches(&self, target: &Target<'_>) -> bool {
        // Every field of `Target` but time and price is compared. If one were left out, a token
        // accepted on one route would be accepted on another.
        let capability = match target.capability {
            Capability::Named(name) => self.capability.as_deref() == Some(name),
            Capability::None => self.capability.is_none() && !self.upstream_checks,
            Capability::Upstream => self.upstream_checks,
        };
        capability
            && self.service == *target.service
            && self.tier == target.tier
            && self.network == target.network
            && self.required == target.required
            && self.unknown_caveats == target.unknown_caveats
    }

    /// Checks time and price, which differ from request to request.
    fn check_time_and_price(
        &self,
        identifier: &Identifier,
        target: &Target<'_>,
    ) -> Result<Authorized, VerifyError> {
        if self.valid_until.is_some_and(|end| target.now >= end) {
            return Err(VerifyError::Expired);
        }
        // A price counts only if it is required: otherwise the holder may have appended it.
        let price = self
            .price
            .filter(|_| self.required.has(Condition::PriceMsat));
        if target.min_price.is_some_and(|min| price < Some(min)) {
            return Err(VerifyError::Insufficient);
        }
        Ok(Authorized {
            identifier: *identifier,
            service: self.service.clone(),
            price: self.price,
            policy: self.policy,
            valid_until: self.valid_until,
            checked: self.checked,
        })
    }
}

/// Returns true if the required caveats and the capability are there.
fn suffices(rights: &Rights<'_>, target: &Target<'_>) -> bool {
    rights.conditions.contains(target.required)
        && has_capability(rights.capabilities(), target.capability)
}

/// Returns true if the capabilities of the token, `None` for no limit, include the wanted one.
fn has_capability(allowed: Option<&[&str]>, wanted: Capability<'_>) -> bool {
    let Some(allowed) = allowed else { return true };
    match wanted {
        Capability::Named(name) => allowed.contains(&name),
        // The route cannot enforce the limit, so it refuses.
        Capability::None => false,
        Capability::Upstream => !allowed.is_empty(),
    }
}

/// Returns the policy if it is required, and otherwise at most one answer: the holder may have
/// appended it.
fn policy(rights: &Rights<'_>, target: &Target<'_>) -> Policy {
    let trusted = target.required.has(Condition::Policy);
    let bought = rights
        .policy
        .filter(|policy| trusted || policy.is_within(Policy::Request));
    bought.unwrap_or(Policy::Request)
}

impl Authorized {
    /// Returns the identifier, which holds payment hash and token id.
    #[must_use]
    pub fn identifier(&self) -> &Identifier {
        &self.identifier
    }

    /// Returns the payment hash, by which uses are counted.
    #[must_use]
    pub fn payment_hash(&self) -> PaymentHash {
        self.identifier.payment_hash
    }

    /// Returns the service of the request.
    #[must_use]
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// Returns the price that the token states, if any. Reliable only if the target required it.
    #[must_use]
    pub fn price(&self) -> Option<Msat> {
        self.price
    }

    /// Returns the policy that was bought, or [`Policy::Request`] if the token states none or the
    /// target did not require one.
    #[must_use]
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// Returns the end of the token, if it states one.
    #[must_use]
    pub fn valid_until(&self) -> Option<UnixTime> {
        self.valid_until
    }

    /// Returns the conditions that were checked.
    #[must_use]
    pub fn checked(&self) -> Conditions {
        self.checked
    }
}
