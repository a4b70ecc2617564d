//! Checking credentials in two steps: is one genuine, and does it cover this request?
//!
//! The two steps are two types. [`Proven`] says that preimage and signature hold, which never
//! changes and may be cached; [`Authorized`] says that the caveats allow this request now.

use core::fmt;
use std::sync::OnceLock;

use super::caveat::{Reading, Rights, read};
use super::{Condition, Conditions, Identifier, KeyRing, Macaroon, Policy, RootKey, Service};
use crate::amount::Msat;
use crate::network::Network;
use crate::preimage::{PaymentHash, Preimage};
use crate::time::UnixTime;

/// What to do with a caveat that is not of our vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownCaveats {
    /// Refuse the token.
    Reject,
    /// Skip it, as the specification says (macaroon-spec: "MUST be skipped").
    #[default]
    Skip,
}

/// What a route has to say about capabilities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Capability<'a> {
    /// The route needs this one.
    Named(&'a str),
    /// The route knows none, so a token limited to some cannot be checked here and is refused.
    #[default]
    None,
    /// The upstream checks them itself, as behind Aperture. A token that is limited to no
    /// capability at all is refused here already.
    Upstream,
}

/// What a request asks for, and when.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The service of the route.
    pub service: &'a Service,
    /// Its tier.
    pub tier: u8,
    /// Its capability.
    pub capability: Capability<'a>,
    /// The network that it sells on; a token that names another is refused.
    pub network: Network,
    /// What the token must have cost at least (a dynamic price); `None` honours what was sold.
    /// Needs [`Condition::PriceMsat`] among the required ones: see [`Target::required`].
    pub min_price: Option<Msat>,
    /// Caveats that the token must have (ours: [`Conditions::MINTED`]).
    ///
    /// Name here what the mint behind these keys always writes. A holder can append any caveat,
    /// so a statement of what was *bought* counts only where the mint is known to have made it
    /// first: a price and a policy that are not required here cannot satisfy
    /// [`Target::min_price`], nor allow more than [`Policy::Request`].
    pub required: Conditions,
    /// The setting for foreign caveats.
    pub unknown_caveats: UnknownCaveats,
    /// The current time.
    pub now: UnixTime,
}

/// The reason why a credential does not cover a request. Sorted by what the holder may do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifyError {
    /// Genuine, but its time is over.
    Expired,
    /// Genuine, but lacks a required caveat, a capability, or cost less than the price now.
    Insufficient,
    /// Not ours, another payment's preimage, malformed or widened caveats: the caller learns no
    /// more.
    Invalid,
    /// Genuine, for another service or tier.
    WrongService,
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expired => "the token has expired; buy a new one",
            Self::Insufficient => "the token does not cover this request; buy one that does",
            Self::Invalid => "the token or its preimage is not valid",
            Self::WrongService => "the token is for another service or tier",
        })
    }
}

impl std::error::Error for VerifyError {}

/// A credential whose preimage and signature hold. Worth caching; proves nothing about a route.
///
/// It holds the token without the preimage. A cache must be keyed by the whole credential
/// (ATTACKS T-33), dropped when the keys change, and asked [`Proven::holds`] each time.
#[derive(Clone, Debug)]
pub struct Proven {
    macaroon: Macaroon,
    identifier: Identifier,
    /// The result at the route that was asked for first: most tokens are used at one alone.
    cached: OnceLock<CachedAuthorization>,
}

/// A route that the caveats of a token allow, time and price aside, and the rights that they leave
/// there.
#[derive(Clone, Debug)]
struct CachedAuthorization {
    service: Service,
    tier: u8,
    /// The capability that was needed; `None` where the route named none.
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

/// Proof that a credential opens a route; only verification makes one.
#[derive(Clone, Debug)]
pub struct Authorized {
    identifier: Identifier,
    service: Service,
    price: Option<Msat>,
    policy: Policy,
    valid_until: Option<UnixTime>,
    checked: Conditions,
}

impl Proven {
    /// Checks the preimage against the hash, then the signature under the root key that
    /// `root_key` finds for the token's identifier.
    ///
    /// # Errors
    /// [`VerifyError::Invalid`], whichever of the two fails (ATTACKS T-22).
    pub(crate) fn new(
        macaroon: &Macaroon,
        preimage: &Preimage,
        root_key: impl FnOnce(&Identifier) -> Option<RootKey>,
    ) -> Result<Self, VerifyError> {
        let identifier = macaroon.identifier().map_err(|_| VerifyError::Invalid)?;
        let hash = &identifier.payment_hash;
        // The preimage first: one hash, where the signature takes several.
        if hash.has_public_preimage() || !preimage.proves(hash) {
            return Err(VerifyError::Invalid);
        }
        let root_key = root_key(&identifier).ok_or(VerifyError::Invalid)?;
        if !macaroon.is_signed_by(&root_key) {
            return Err(VerifyError::Invalid);
        }
        Ok(Self {
            macaroon: macaroon.clone(),
            identifier,
            cached: OnceLock::new(),
        })
    }

    /// Whether the key that minted it is still good. The rest of the proof never changes.
    ///
    /// # Errors
    /// [`VerifyError::Expired`] where the key has ended (ATTACKS T-23), [`VerifyError::Invalid`]
    /// where it is not among these.
    pub fn holds(&self, keys: &KeyRing, now: UnixTime) -> Result<(), VerifyError> {
        if !keys.keeps(&self.identifier) {
            return Err(VerifyError::Invalid);
        }
        if keys.has_ended(&self.identifier, now) {
            return Err(VerifyError::Expired);
        }
        Ok(())
    }

    /// When the token ended as it was minted: the first end that it names for a service. To be
    /// believed where the mint always names one; later ones are its holders'.
    #[must_use]
    pub fn minted_end(&self, service: &Service) -> Option<UnixTime> {
        let mut caveats = self.macaroon.caveats();
        let end = caveats.find_map(|caveat| {
            let rest = caveat.strip_prefix(service.as_str().as_bytes())?;
            rest.strip_prefix(b"_valid_until=")
        })?;
        let secs = core::str::from_utf8(end).ok()?.parse().ok()?;
        Some(UnixTime::from_secs(secs))
    }

    /// Checks every caveat against the request. Runs for each request, cached or not.
    ///
    /// Where a token fails in several ways, the first of these is told: [`VerifyError::Invalid`],
    /// [`VerifyError::WrongService`], [`VerifyError::Expired`], [`VerifyError::Insufficient`].
    ///
    /// # Errors
    /// See [`VerifyError`].
    pub fn authorize(&self, target: &Target<'_>) -> Result<Authorized, VerifyError> {
        if let Some(cached) = self.cached.get().filter(|cached| cached.matches(target)) {
            return cached.now(&self.identifier, target);
        }
        let rights = self.rights(target)?;
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
        let authorized = cached.now(&self.identifier, target)?;
        // Only the first route is kept: at a second one the caveats are read again each time.
        let _ = self.cached.set(cached);
        Ok(authorized)
    }

    /// What all caveats together leave at this service.
    fn rights(&self, target: &Target<'_>) -> Result<Rights<'_>, VerifyError> {
        let mut rights = Rights::new(self.identifier.payment_hash);
        for caveat in self.macaroon.caveats() {
            match read(caveat, target.service) {
                Reading::Own(term) => rights.narrow(term).map_err(|_| VerifyError::Invalid)?,
                Reading::Foreign if target.unknown_caveats == UnknownCaveats::Skip => {}
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

    /// The identifier: its key number lets a cache drop the entries of a key that has ended.
    #[must_use]
    pub fn identifier(&self) -> &Identifier {
        &self.identifier
    }
}

impl CachedAuthorization {
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

    /// Returns true if the target asks the same of the caveats; only time and price may differ.
    fn matches(&self, target: &Target<'_>) -> bool {
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

    /// What changes without the caveats: time, and the price.
    fn now(&self, identifier: &Identifier, target: &Target<'_>) -> Result<Authorized, VerifyError> {
        if self.valid_until.is_some_and(|end| target.now >= end) {
            return Err(VerifyError::Expired);
        }
        // A price is known to be the mint's where it is required.
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

fn suffices(rights: &Rights<'_>, target: &Target<'_>) -> bool {
    rights.conditions.contains(target.required)
        && has_capability(rights.capabilities(), target.capability)
}

fn has_capability(allowed: Option<&[&str]>, wanted: Capability<'_>) -> bool {
    let Some(allowed) = allowed else { return true };
    match wanted {
        Capability::Named(name) => allowed.contains(&name),
        Capability::None => false,
        Capability::Upstream => !allowed.is_empty(),
    }
}

/// The policy, where the mint is known to have stated it; otherwise one answer and no more.
fn policy(rights: &Rights<'_>, target: &Target<'_>) -> Policy {
    let trusted = target.required.has(Condition::Policy);
    let bought = rights
        .policy
        .filter(|policy| trusted || policy.is_within(Policy::Request));
    bought.unwrap_or(Policy::Request)
}

impl Authorized {
    /// The identifier: payment hash (the replay key) and token id.
    #[must_use]
    pub fn identifier(&self) -> &Identifier {
        &self.identifier
    }

    /// The payment hash.
    #[must_use]
    pub fn payment_hash(&self) -> PaymentHash {
        self.identifier.payment_hash
    }

    /// The service it was checked for.
    #[must_use]
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// What was paid, if the token says so. To be believed where the target required it.
    #[must_use]
    pub fn price(&self) -> Option<Msat> {
        self.price
    }

    /// What was bought; [`Policy::Request`] where the token does not say, or where the target
    /// did not require it to.
    #[must_use]
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// When the token ends, if it says so.
    #[must_use]
    pub fn valid_until(&self) -> Option<UnixTime> {
        self.valid_until
    }

    /// The conditions that were checked.
    #[must_use]
    pub fn checked(&self) -> Conditions {
        self.checked
    }
}
