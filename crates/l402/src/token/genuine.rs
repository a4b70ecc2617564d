//! A token whose signature is valid, and the word of a node that its payment has settled.

use super::verify::{Proven, VerifyError, unknown_key};
use super::{Identifier, KeyRing, Macaroon, Policy, Service};
use crate::amount::Msat;
use crate::preimage::PaymentHash;
use crate::time::UnixTime;

/// A token whose signature is valid. Says what was sold, and nothing of a payment: every 402 hands one
/// out.
///
/// ```
/// use l402::{
///     GenuineToken, KeyNumber, KeyRing, MasterKey, Msat, Network, PaymentHash, Policy, SettledPayment,
///     Terms, UnixTime, VerifyError, mint,
/// };
///
/// # let key = "5b1fd1bf0c29f3fa9a5fcd9bfc0cf0d4ae0b2c1cd2f7e3ac0c6e1a2f9b3c7d58";
/// # let keys = KeyRing::new("docs", KeyNumber(1), MasterKey::from_hex(key)?);
/// let now = UnixTime::from_secs(1_790_000_000);
/// # let terms = Terms {
/// #     service: "joke".parse()?, tier: 0, capabilities: Vec::new(), price: Msat::from_sat(50),
/// #     policy: Policy::Request, network: Network::Regtest,
/// #     valid_until: UnixTime::from_secs(1_790_086_400), lookup: None,
/// # };
/// let hash = PaymentHash::from_bytes([3; 32]);
/// let token = mint(&keys, &terms, hash, [7; 30], now)?;
/// let genuine = GenuineToken::of(&token, &keys, now)?;
/// assert_eq!(genuine.minted_price(&terms.service), Some(Msat::from_sat(50)));
///
/// // Once the node has called this payment settled, and no other.
/// let other = SettledPayment::as_the_node_said(PaymentHash::from_bytes([4; 32]));
/// assert_eq!(genuine.clone().paid_by(&other).err(), Some(VerifyError::Invalid));
/// let settled = SettledPayment::as_the_node_said(hash);
/// assert!(genuine.paid_by(&settled).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct GenuineToken {
    macaroon: Macaroon,
    identifier: Identifier,
}

/// The word of the caller that a node has called a payment *settled*, for the price of its token or more.
///
/// It takes the place of a preimage, so it opens what the payment bought. Whoever makes one vouches for
/// it: the node of the seller itself has said *settled*, not *held* and not *open*, or a text says so that the
/// seller alone can have written.
#[derive(Clone, Copy, Debug)]
pub struct SettledPayment(PaymentHash);

impl SettledPayment {
    /// Vouches that the seller's own node has called this payment settled, for its price or more.
    #[must_use]
    pub const fn as_the_node_said(payment: PaymentHash) -> Self {
        Self(payment)
    }
}

impl GenuineToken {
    /// Checks the signature of a token, and that its key is in use.
    ///
    /// # Errors
    /// [`VerifyError::Invalid`] if the token was not minted with these keys, [`VerifyError::Expired`] if
    /// it was and its key has ended, [`VerifyError::KeyMissing`] if its key exists and is not here.
    pub fn of(macaroon: &Macaroon, keys: &KeyRing, now: UnixTime) -> Result<Self, VerifyError> {
        let identifier = macaroon.identifier().map_err(|_| VerifyError::Invalid)?;
        let root_key = keys
            .kept_root_key(&identifier)
            .ok_or_else(|| unknown_key(keys, &identifier, now))?;
        // Our mint refuses such a hash. Who holds the key could have minted one by other means, and a node
        // may take anybody's payment of it.
        if identifier.payment_hash.has_public_preimage() || !macaroon.is_signed_by(&root_key) {
            return Err(VerifyError::Invalid);
        }
        let token = Self::new(macaroon.clone(), identifier);
        token.holds(keys, now)?;
        Ok(token)
    }

    pub(super) fn new(macaroon: Macaroon, identifier: Identifier) -> Self {
        Self {
            macaroon,
            identifier,
        }
    }

    /// Takes the word of a node in place of a preimage.
    ///
    /// # Errors
    /// [`VerifyError::Invalid`] if the payment is that of another token.
    pub fn paid_by(self, payment: &SettledPayment) -> Result<Proven, VerifyError> {
        if payment.0 == self.identifier.payment_hash {
            Ok(Proven::of(self))
        } else {
            Err(VerifyError::Invalid)
        }
    }

    /// Checks that the master key of the token is still in use.
    pub(super) fn holds(&self, keys: &KeyRing, now: UnixTime) -> Result<(), VerifyError> {
        if !keys.keeps(&self.identifier) {
            return Err(unknown_key(keys, &self.identifier, now));
        }
        if keys.has_ended(&self.identifier, now) {
            return Err(VerifyError::Expired);
        }
        Ok(())
    }

    /// Returns the macaroon.
    #[must_use]
    pub fn macaroon(&self) -> &Macaroon {
        &self.macaroon
    }

    /// Returns the identifier, which holds payment hash and token id.
    #[must_use]
    pub fn identifier(&self) -> &Identifier {
        &self.identifier
    }

    /// Returns the service that the token was minted for: the first that it names. Reliable only if
    /// the mint always names one first. `None` if the first caveat names none.
    #[must_use]
    pub fn minted_service(&self) -> Option<Service> {
        let caveat = self.macaroon.caveats().next()?;
        let named = core::str::from_utf8(caveat.strip_prefix(b"services=")?).ok()?;
        let (name, _tier) = named.split_once(':')?;
        name.parse().ok()
    }

    /// Returns the end with which the token was minted: the first end that it names for a service.
    /// Reliable only if the mint always writes one: any end after the first may come from a holder.
    #[must_use]
    pub fn minted_end(&self, service: &Service) -> Option<UnixTime> {
        self.minted(service, b"_valid_until=")
            .map(UnixTime::from_secs)
    }

    /// Returns the price at which the token was sold: the first price that it names for a service.
    /// [`Authorized::price`](super::Authorized::price) may be lower, since a holder may append a lower
    /// one. Reliable only if the mint always writes one.
    #[must_use]
    pub fn minted_price(&self, service: &Service) -> Option<Msat> {
        self.minted(service, b"_price_msat=").map(Msat::new)
    }

    /// Returns the policy with which the token was sold: the first one that it names for a service.
    /// [`Authorized::policy`](super::Authorized::policy) may be narrower, since a holder may append one.
    /// Reliable only if the mint always writes one. `None` also if it is malformed.
    #[must_use]
    pub fn minted_policy(&self, service: &Service) -> Option<Policy> {
        self.minted_text(service, b"_policy=")?.parse().ok()
    }

    /// Returns the node's reference of the invoice, as the mint wrote it: only in its place right
    /// after the first caveat. A holder appends caveats behind all of the mint's, which are more than
    /// one, and so cannot name somebody else who says that the token is paid for.
    #[must_use]
    pub fn minted_lookup(&self, service: &Service) -> Option<&str> {
        let caveat = self.macaroon.caveats().nth(1)?;
        let rest = caveat.strip_prefix(service.as_str().as_bytes())?;
        core::str::from_utf8(rest.strip_prefix(b"_lookup=")?).ok()
    }

    /// Returns the first number that a service has under this name.
    fn minted(&self, service: &Service, name: &[u8]) -> Option<u64> {
        self.minted_text(service, name)?.parse().ok()
    }

    /// Returns the first value that a service has under this name.
    fn minted_text(&self, service: &Service, name: &[u8]) -> Option<&str> {
        // Not read from `Rights`, which keep the last value; the first one is the mint's.
        let mut caveats = self.macaroon.caveats();
        let value = caveats.find_map(|caveat| {
            let rest = caveat.strip_prefix(service.as_str().as_bytes())?;
            rest.strip_prefix(name)
        })?;
        core::str::from_utf8(value).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Network;
    use crate::token::{KeyNumber, MasterKey, Terms, hmac_sha256, mint};

    const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

    fn ring(number: u16, seed: u8) -> KeyRing {
        let key = MasterKey::from_bytes(&hmac_sha256(b"genuine", &[&[seed]])).unwrap();
        KeyRing::new("shop", KeyNumber(number), key)
    }

    fn token(ring: &KeyRing) -> Macaroon {
        let terms = Terms {
            service: "joke".parse().unwrap(),
            tier: 0,
            capabilities: Vec::new(),
            price: Msat::from_sat(50),
            policy: Policy::Request,
            network: Network::Regtest,
            valid_until: UnixTime::from_secs(1_790_086_400),
            lookup: None,
        };
        mint(ring, &terms, PaymentHash::from_bytes([3; 32]), [7; 30], NOW).unwrap()
    }

    /// ATTACKS T-36.
    #[test]
    fn nothing_but_a_token_of_these_keys_is_genuine() {
        let ring_of_it = ring(1, 1);
        let token = token(&ring_of_it);
        assert!(GenuineToken::of(&token, &ring_of_it, NOW).is_ok());
        let error = |ring: &KeyRing| GenuineToken::of(&token, ring, NOW).err();
        assert_eq!(error(&ring(1, 2)), Some(VerifyError::Invalid));
        let bytes = token.to_bytes();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            // The location is no part of what is signed.
            let is_signed = |token: &Macaroon| token.location().is_empty();
            let Some(changed) = Macaroon::from_bytes(&changed).ok().filter(is_signed) else {
                continue;
            };
            let genuine = GenuineToken::of(&changed, &ring_of_it, NOW);
            assert_eq!(genuine.err(), Some(VerifyError::Invalid), "byte {at}");
        }
    }

    #[test]
    fn a_key_that_has_ended_or_is_missing_is_told() {
        let token = token(&ring(1, 1));
        let key = || MasterKey::from_bytes(&hmac_sha256(b"genuine", &[&[1]])).unwrap();
        let ended = ring(2, 2).with_old(KeyNumber(1), key(), NOW);
        let missing = ring(2, 2).with_missing(KeyNumber(1), UnixTime::from_secs(u64::MAX));
        let error = |ring: &KeyRing| GenuineToken::of(&token, ring, NOW).err();
        assert_eq!(error(&ended), Some(VerifyError::Expired));
        assert_eq!(error(&missing), Some(VerifyError::KeyMissing));
    }

    #[test]
    fn the_word_on_one_payment_is_none_on_another() {
        let ring = ring(1, 1);
        let genuine = GenuineToken::of(&token(&ring), &ring, NOW).unwrap();
        for byte in 0..32 {
            let mut other = [3; 32];
            other[byte] ^= 1;
            let other = SettledPayment::as_the_node_said(PaymentHash::from_bytes(other));
            assert!(genuine.clone().paid_by(&other).is_err());
        }
        let settled = SettledPayment::as_the_node_said(PaymentHash::from_bytes([3; 32]));
        let proven = genuine.paid_by(&settled).unwrap();
        assert!(proven.holds(&ring, NOW).is_ok());
        let service = proven.minted_service().unwrap();
        assert_eq!(proven.minted_price(&service), Some(Msat::from_sat(50)));
    }
}
