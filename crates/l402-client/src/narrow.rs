//! A token made narrower, for its holder to hand on. No key is needed, and nobody who gets it can
//! widen it again.

use std::fmt;

use l402::{Condition, Macaroon, MacaroonError, Service, UnixTime};

use crate::coverage::Coverage;

/// The rights that a narrower token keeps. What is `None` or empty stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Narrowing {
    /// The one service that it is good for. Needed if the token names several and something else is
    /// narrowed.
    pub service: Option<String>,
    /// The only capabilities that it has.
    pub capabilities: Vec<String>,
    /// The time at which it ends.
    pub expires: Option<UnixTime>,
}

/// The reason why a token cannot be narrowed in this way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NarrowingError {
    /// A capability has characters that a caveat cannot carry.
    Capability,
    /// The token has too many caveats, or is too long, for one more.
    Full,
    /// Nothing was named to narrow.
    Nothing,
    /// The token is no macaroon of the binary format, or names no service, so that its seller may
    /// skip what is added.
    Opaque,
    /// The token names several services, and none was chosen.
    SeveralServices,
    /// The new token would be good for more than the old one, which servers refuse.
    Wider,
    /// The token is not for this service.
    WrongService,
}

impl fmt::Display for NarrowingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Capability => "a capability has characters that a token cannot carry",
            Self::Full => "the token is full: it cannot carry one more condition",
            Self::Nothing => "nothing is named that the new token shall be limited to",
            Self::Opaque => {
                "the token does not say what it is for, so its seller may skip what is added"
            }
            Self::SeveralServices => "the token is for several services, and none is chosen",
            Self::Wider => "the new token would be good for more than the one that was bought",
            Self::WrongService => "the token is not for this service",
        })
    }
}

impl std::error::Error for NarrowingError {}

impl Narrowing {
    /// Returns the narrower token, in standard base64.
    pub(crate) fn apply(&self, token: &str) -> Result<String, NarrowingError> {
        if self.service.is_none() && self.capabilities.is_empty() && self.expires.is_none() {
            return Err(NarrowingError::Nothing);
        }
        let macaroon = Macaroon::from_base64(token).map_err(|_| NarrowingError::Opaque)?;
        let coverage = Coverage::of(token).ok_or(NarrowingError::Opaque)?;
        let caveats = self.caveats(&coverage)?;
        let narrower = caveats.iter().try_fold(macaroon, |macaroon, caveat| {
            macaroon.with_caveat(caveat.as_bytes())
        });
        let narrower = narrower.map_err(|error: MacaroonError| {
            tracing::debug!(%error, "a caveat does not fit");
            NarrowingError::Full
        })?;
        Ok(narrower.to_base64())
    }

    /// Returns the caveats to append. Each is within what the token says now: a server refuses a
    /// token with a wider one, however narrow the rest of it is.
    fn caveats(&self, coverage: &Coverage) -> Result<Vec<String>, NarrowingError> {
        let service = self.service(coverage)?;
        let mut caveats = Vec::new();
        if self.service.is_some() {
            let tier = coverage.tier(service.as_str());
            let tier = tier.ok_or(NarrowingError::WrongService)?;
            caveats.push(format!("services={service}:{tier}"));
        }
        if !self.capabilities.is_empty() {
            let list = self.capabilities(coverage.capabilities(service.as_str()))?;
            caveats.push(Condition::Capabilities.write(&service, &list));
        }
        if let Some(expires) = self.expires {
            if coverage.valid_until().is_some_and(|end| expires > end) {
                return Err(NarrowingError::Wider);
            }
            caveats.push(Condition::ValidUntil.write(&service, &expires));
        }
        Ok(caveats)
    }

    fn service(&self, coverage: &Coverage) -> Result<Service, NarrowingError> {
        let services = coverage.services();
        let name = match (&self.service, services.as_slice()) {
            (Some(name), _) => name,
            (None, [only]) => only,
            (None, _) => return Err(NarrowingError::SeveralServices),
        };
        let service = name.parse().map_err(|_| NarrowingError::WrongService)?;
        match coverage.tier(name) {
            Some(_) => Ok(service),
            None => Err(NarrowingError::WrongService),
        }
    }

    fn capabilities(&self, bought: Option<&[String]>) -> Result<String, NarrowingError> {
        let is_plain = |name: &String| {
            let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
            !name.is_empty() && name.bytes().all(plain)
        };
        if !self.capabilities.iter().all(is_plain) {
            return Err(NarrowingError::Capability);
        }
        // Without a list the token has all capabilities of its service.
        let is_bought = |name: &String| bought.is_none_or(|bought| bought.contains(name));
        if !self.capabilities.iter().all(is_bought) {
            return Err(NarrowingError::Wider);
        }
        Ok(self.capabilities.join(","))
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr as _;

    use l402::{
        Credential, KeyNumber, KeyRing, MasterKey, Msat, Network, Policy, Preimage, Target, Terms,
        VerifyError, mint, verify,
    };

    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);
    const END: UnixTime = UnixTime::from_secs(1_790_086_400);
    const PREIMAGE: Preimage = Preimage::from_bytes([0x2f; 32]);

    fn keys() -> KeyRing {
        let key = "5b1fd1bf0c29f3fa9a5fcd9bfc0cf0d4ae0b2c1cd2f7e3ac0c6e1a2f9b3c7d58";
        KeyRing::new("shop", KeyNumber(1), MasterKey::from_hex(key).unwrap())
    }

    fn token(capabilities: &[&str]) -> String {
        let terms = Terms {
            service: "quote".parse().unwrap(),
            tier: 1,
            capabilities: capabilities.iter().map(|&name| name.to_owned()).collect(),
            price: Msat::from_sat(10),
            policy: Policy::from_str("time=3600").unwrap(),
            network: Network::Regtest,
            valid_until: END,
            lookup: None,
        };
        let hash = PREIMAGE.payment_hash();
        mint(&keys(), &terms, hash, [7; 30], NOW)
            .unwrap()
            .to_base64()
    }

    /// The verdict of a seller's own verifier at this time and for this capability.
    fn verdict(token: &str, at: UnixTime, capability: &str) -> Result<(), VerifyError> {
        let macaroon = Macaroon::from_base64(token).unwrap();
        let credential = Credential::new(macaroon, PREIMAGE);
        let service: Service = "quote".parse().unwrap();
        let mut target = Target::new(&service, Network::Regtest, at);
        target.tier = 1;
        target.capability = l402::Capability::Named(capability);
        verify(&credential, &keys(), &target).map(drop)
    }

    /// What is handed on works for what it was narrowed to, and for nothing else.
    #[test]
    fn a_narrower_token_is_good_for_less() {
        let soon = UnixTime::from_secs(NOW.secs() + 3600);
        let narrowing = Narrowing {
            service: Some("quote".into()),
            capabilities: vec!["read".into()],
            expires: Some(soon),
        };
        for bought in [&["read", "write"][..], &[]] {
            let whole = token(bought);
            let narrower = narrowing.apply(&whole).unwrap();
            assert_eq!(verdict(&narrower, NOW, "read"), Ok(()));
            assert!(verdict(&narrower, soon, "read").is_err());
            assert!(verdict(&narrower, NOW, "write").is_err());
            assert_eq!(verdict(&whole, soon, "write"), Ok(()));
        }
    }

    #[test]
    fn what_a_server_would_refuse_is_not_made() {
        let none = Narrowing::default();
        let later = UnixTime::from_secs(END.secs() + 1);
        for (narrowing, error) in [
            (none.clone(), NarrowingError::Nothing),
            (
                Narrowing {
                    service: Some("joke".into()),
                    ..none.clone()
                },
                NarrowingError::WrongService,
            ),
            (
                Narrowing {
                    capabilities: vec!["all".into()],
                    ..none.clone()
                },
                NarrowingError::Wider,
            ),
            (
                Narrowing {
                    capabilities: vec!["read,all".into()],
                    ..none.clone()
                },
                NarrowingError::Capability,
            ),
            (
                Narrowing {
                    expires: Some(later),
                    ..none.clone()
                },
                NarrowingError::Wider,
            ),
        ] {
            assert_eq!(narrowing.apply(&token(&["read"])), Err(error));
        }
        let expires = Narrowing {
            expires: Some(NOW),
            ..none
        };
        assert_eq!(expires.apply("opaque"), Err(NarrowingError::Opaque));
    }
}
