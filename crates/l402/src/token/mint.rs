//! Minting of tokens.

use core::fmt;

use super::caveat::{Reading, is_capability, read};
use super::{Condition, Identifier, KeyRing, Macaroon, Policy, Service, TokenId};
use crate::amount::Msat;
use crate::network::Network;
use crate::preimage::PaymentHash;
use crate::time::UnixTime;

/// The location of every token minted here. The name of the protocol, not an address, since
/// location is not signed.
const LOCATION: &str = "l402";

/// The terms of a sale, which become the caveats of the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The service that the token is for.
    pub service: Service,
    /// The tier of the service; 0 is the base tier.
    pub tier: u8,
    /// The capabilities, each `[a-z0-9_-]+`. An empty list writes no caveat, so it limits nothing.
    pub capabilities: Vec<String>,
    /// The amount of the invoice. Not zero, since a free request needs no token.
    pub price: Msat,
    /// The number of answers, or the time, that one payment buys.
    pub policy: Policy,
    /// The network of the invoice.
    pub network: Network,
    /// The end of the token. Every token has one.
    pub valid_until: UnixTime,
    /// The node's own reference of the invoice, if its state can be asked for by nothing else:
    /// visible ASCII. Buyers can read it.
    pub lookup: Option<String>,
}

/// The reason why no token was minted. Always a fault of the seller, never of a buyer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MintError {
    /// A capability holds a character that could end its caveat early (ATTACKS T-10).
    Capability,
    /// The end of the token is not in the future.
    Ended,
    /// The key that mints has ended, see [`KeyRing::with_end`].
    KeyEnded,
    /// The preimage of the payment hash is known without paying (ATTACKS P-02).
    KnownHash,
    /// The terms do not fit into the size of a token.
    TooLarge,
    /// A price, policy or end that no caveat can state: zero, or more than 16 digits. Or a reference
    /// that is not visible ASCII.
    Value,
}

impl fmt::Display for MintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Capability => "a capability has characters other than a-z, 0-9, _ and -",
            Self::Ended => "valid_until is not in the future",
            Self::KeyEnded => "the key that mints has ended, and there is no other",
            Self::KnownHash => "the preimage of the payment hash is known; make a new invoice",
            Self::TooLarge => "the terms are too long for a token; name fewer capabilities",
            Self::Value => {
                "the price, policy, valid_until or lookup is zero, empty or too large for a caveat"
            }
        })
    }
}

impl std::error::Error for MintError {}

/// Mints a token for a payment, with the current key of the ring. `randomness` must be fresh.
///
/// Writes the caveats services, lookup, capabilities, valid_until, price_msat, policy and network, in
/// this order, and the location `l402`. Each caveat is first read as the verifier reads it, so that no
/// token is sold that would be refused (ATTACKS T-11).
///
/// ```
/// use l402::{
///     KeyNumber, KeyRing, MasterKey, Msat, Network, Policy, Preimage, Terms, UnixTime, mint,
/// };
///
/// # let key = "5b1fd1bf0c29f3fa9a5fcd9bfc0cf0d4ae0b2c1cd2f7e3ac0c6e1a2f9b3c7d58";
/// # let keys = KeyRing::new("my-api", KeyNumber(1), MasterKey::from_hex(key)?);
/// let terms = Terms {
///     service: "weather".parse()?,
///     tier: 0,
///     capabilities: vec![],
///     price: Msat::from_sat(50),
///     policy: "uses=10".parse()?,
///     network: Network::Regtest,
///     valid_until: UnixTime::from_secs(1_790_086_400),
///     lookup: None,
/// };
/// let hash = Preimage::from_bytes([0x2f; 32]).payment_hash();
/// let token = mint(&keys, &terms, hash, [7; 30], UnixTime::from_secs(1_790_000_000))?;
///
/// // A holder narrows the token with a further caveat. No key is needed.
/// let narrower = token.clone().with_caveat(b"weather_policy=uses=3")?;
/// assert_eq!(narrower.caveats().len(), token.caveats().len() + 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// See [`MintError`].
pub fn mint(
    keys: &KeyRing,
    terms: &Terms,
    payment_hash: PaymentHash,
    randomness: [u8; 30],
    now: UnixTime,
) -> Result<Macaroon, MintError> {
    // With a public preimage anyone could use the token without paying.
    if payment_hash.has_public_preimage() {
        return Err(MintError::KnownHash);
    }
    if now >= terms.valid_until {
        return Err(MintError::Ended);
    }
    // Reading the caveat back would not find this: the reader accepts names of other software too,
    // and a comma would make two capabilities of one.
    if !terms
        .capabilities
        .iter()
        .all(|capability| is_capability(capability))
    {
        return Err(MintError::Capability);
    }
    let token_id = TokenId::new(keys.current(), randomness);
    let identifier = Identifier {
        payment_hash,
        token_id,
    };
    if keys.has_ended(&identifier, now) {
        return Err(MintError::KeyEnded);
    }
    let root_key = keys.minting_key(&identifier);
    let token = Macaroon::new(&root_key, LOCATION, &identifier.to_bytes());
    caveats(terms)
        .iter()
        .try_fold(token, |token, caveat| append(token, caveat, &terms.service))
}

/// Returns the caveats that state what was bought.
fn caveats(terms: &Terms) -> Vec<String> {
    let service = &terms.service;
    let capabilities = terms.capabilities.join(",");
    let mut caveats = vec![format!("services={service}:{}", terms.tier)];
    // Second, where no holder can put one: the service that it names says if the token is paid for.
    if let Some(reference) = &terms.lookup {
        caveats.push(Condition::Lookup.write(service, reference));
    }
    // An empty list would deny everything, so a token without limits has no such caveat.
    if !terms.capabilities.is_empty() {
        caveats.push(Condition::Capabilities.write(service, &capabilities));
    }
    caveats.extend([
        Condition::ValidUntil.write(service, &terms.valid_until),
        Condition::PriceMsat.write(service, &terms.price.msat()),
        Condition::Policy.write(service, &terms.policy),
        Condition::Network.write(service, &terms.network),
    ]);
    caveats
}

/// Appends a caveat if the verifier reads it as one of this service.
fn append(token: Macaroon, caveat: &str, service: &Service) -> Result<Macaroon, MintError> {
    match read(caveat.as_bytes(), service) {
        Reading::Own(_) => token
            .with_caveat(caveat.as_bytes())
            .map_err(|_| MintError::TooLarge),
        // Zero, or more than 16 digits: the verifier calls such a value malformed.
        _ => Err(MintError::Value),
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::preimage::Preimage;
    use crate::token::{KeyNumber, MasterKey, Proven};

    fn ring() -> KeyRing {
        let key = crate::token::hmac_sha256(b"mint tests", &[]);
        KeyRing::new("shop", KeyNumber(7), MasterKey::from_bytes(&key).unwrap())
    }

    fn terms() -> Terms {
        Terms {
            service: "api".parse().unwrap(),
            tier: 2,
            capabilities: vec!["read".into(), "write_all".into()],
            price: Msat::from_sat(50),
            policy: Policy::Request,
            network: Network::Regtest,
            valid_until: UnixTime::from_secs(2000),
            lookup: None,
        }
    }

    fn minted(terms: &Terms) -> Result<Macaroon, MintError> {
        mint(
            &ring(),
            terms,
            PaymentHash::from_bytes([5; 32]),
            [9; 30],
            UnixTime::from_secs(1000),
        )
    }

    #[test]
    fn the_token_says_what_was_bought() {
        let token = minted(&terms()).unwrap();
        let caveats: Vec<_> = token
            .caveats()
            .map(|c| core::str::from_utf8(c).unwrap())
            .collect();
        assert_eq!(
            caveats,
            [
                "services=api:2",
                "api_capabilities=read,write_all",
                "api_valid_until=2000",
                "api_price_msat=50000",
                "api_policy=request",
                "api_network=regtest",
            ]
        );
        assert_eq!(token.location(), b"l402");
        let identifier = token.identifier().unwrap();
        assert_eq!(identifier.payment_hash, PaymentHash::from_bytes([5; 32]));
        assert_eq!(identifier.token_id.key_number(), KeyNumber(7));
        let plain = minted(&Terms {
            capabilities: vec![],
            ..terms()
        })
        .unwrap();
        assert_eq!(plain.caveats().len(), 5);
    }

    /// A key that was retired elsewhere, where no other is here.
    #[test]
    fn an_ended_key_mints_nothing_and_what_it_has_minted_has_ended() {
        let (before, end) = (UnixTime::from_secs(1000), UnixTime::from_secs(1500));
        let ring = ring().with_end(end);
        let hash = PaymentHash::from_bytes([5; 32]);
        let minted = |now| mint(&ring, &terms(), hash, [9; 30], now);
        let identifier = minted(before).unwrap().identifier().unwrap();
        assert!(ring.root_key(&identifier, before).is_some());
        assert_eq!(minted(end), Err(MintError::KeyEnded));
        assert!(ring.root_key(&identifier, end).is_none() && ring.has_ended(&identifier, end));
    }

    /// ATTACKS P-06: a holder who names another one to ask is not heard.
    #[test]
    fn the_reference_of_the_invoice_is_the_mints_alone() {
        let service = "api".parse().unwrap();
        let preimage = Preimage::from_bytes([5; 32]);
        let minted = |lookup: Option<&str>| {
            let lookup = lookup.map(str::to_owned);
            let terms = Terms { lookup, ..terms() };
            let hash = preimage.payment_hash();
            mint(&ring(), &terms, hash, [9; 30], UnixTime::from_secs(1000))
        };
        let key = |token: &Macaroon| ring().minting_key(&token.identifier().unwrap());
        let proven = |token: &Macaroon| Proven::new(token, &preimage, |_| Ok(key(token))).unwrap();
        let token = minted(Some("https://a.example/v?id=1")).unwrap();
        let is = |token: &Macaroon| proven(token).minted_lookup(&service).map(str::to_owned);
        assert_eq!(is(&token).as_deref(), Some("https://a.example/v?id=1"));
        let foe: &[u8] = b"api_lookup=https://foe.example/";
        let appended = token.with_caveat(foe).unwrap();
        assert_eq!(is(&appended).as_deref(), Some("https://a.example/v?id=1"));
        let without = minted(None).unwrap();
        assert_eq!(is(&without), None);
        assert_eq!(is(&without.with_caveat(foe).unwrap()), None);
        let other = minted(Some("x")).unwrap();
        assert_eq!(proven(&other).minted_lookup(&"b".parse().unwrap()), None);
        for bad in ["", "a b", "é", "a\n"] {
            assert_eq!(minted(Some(bad)), Err(MintError::Value), "{bad:?}");
        }
        assert_eq!(minted(Some(&"a".repeat(4096))), Err(MintError::TooLarge));
    }

    /// ATTACKS T-10, T-11, P-02, P-11.
    #[test]
    fn refuses_terms_that_a_token_cannot_carry() {
        let capability = |c: &str| Terms {
            capabilities: vec![c.into()],
            ..terms()
        };
        for bad in ["", "a,b", "a=b", "A", "a b", "a:b", "a\r\n", "é"] {
            assert_eq!(
                minted(&capability(bad)),
                Err(MintError::Capability),
                "{bad:?}"
            );
        }
        assert_eq!(
            minted(&capability(&"a".repeat(4096))),
            Err(MintError::TooLarge)
        );
        for time in [0, 1_000_000_000] {
            let policy = Policy::Time(Duration::from_secs(time));
            assert_eq!(minted(&Terms { policy, ..terms() }), Err(MintError::Value));
        }
        assert_eq!(
            minted(&Terms {
                price: Msat::ZERO,
                ..terms()
            }),
            Err(MintError::Value)
        );
        let end = |secs| Terms {
            valid_until: UnixTime::from_secs(secs),
            ..terms()
        };
        assert_eq!(minted(&end(u64::MAX)), Err(MintError::Value));
        assert_eq!(minted(&end(1000)), Err(MintError::Ended));
        assert!(minted(&end(1001)).is_ok());
        let zeros = Preimage::from_bytes([0; 32]).payment_hash();
        for known in [PaymentHash::from_bytes([0; 32]), zeros] {
            let token = mint(&ring(), &terms(), known, [9; 30], UnixTime::from_secs(1000));
            assert_eq!(token, Err(MintError::KnownHash));
        }
    }
}
