//! The rights that all caveats so far leave: their running intersection.

use super::Conditions;
use super::reading::Term;
use crate::amount::Msat;
use crate::network::Network;
use crate::preimage::PaymentHash;
use crate::time::UnixTime;
use crate::token::Policy;

/// The error for a caveat that grants more than earlier ones left, or contradicts the token itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Widened;

/// The rights of a token at one service. Starts as everything; each caveat may only narrow it.
#[derive(Debug)]
pub(crate) struct Rights<'a> {
    payment_hash: PaymentHash,
    services: Services<'a>,
    capabilities: Option<Vec<&'a str>>,
    network: Option<Network>,
    pub(crate) policy: Option<Policy>,
    pub(crate) price: Option<Msat>,
    pub(crate) valid_until: Option<UnixTime>,
    /// The conditions read so far.
    pub(crate) conditions: Conditions,
}

/// The services that a token names.
#[derive(Debug)]
enum Services<'a> {
    /// No caveat names a service, so all are allowed.
    Any,
    /// All tiers of one service.
    Named(&'a str),
    /// These services, at these tiers.
    Pairs(Vec<(&'a str, u8)>),
}

impl<'a> Rights<'a> {
    /// Returns all rights, for a token of this payment.
    pub(crate) const fn new(payment_hash: PaymentHash) -> Self {
        Self {
            payment_hash,
            services: Services::Any,
            capabilities: None,
            network: None,
            policy: None,
            price: None,
            valid_until: None,
            conditions: Conditions::NONE,
        }
    }

    /// Applies one more caveat.
    ///
    /// A preimage caveat is compared by its hash with the payment hash of the token. So two
    /// different preimages cannot both be accepted, nor one that differs from the credential's
    /// (ATTACKS T-20).
    pub(crate) fn narrow(&mut self, term: Term<'a>) -> Result<(), Widened> {
        self.conditions = self.conditions.with(term.condition());
        match term {
            Term::Capabilities(list) => self.narrow_capabilities(list),
            Term::Lookup => Ok(()),
            Term::Network(network) => narrow(&mut self.network, network, |new, old| new == old),
            Term::PaymentHash(hash) => within(hash == self.payment_hash),
            Term::Policy(policy) => {
                narrow(&mut self.policy, policy, |new, old| new.is_within(*old))
            }
            Term::Preimage(preimage) => within(preimage.proves(&self.payment_hash)),
            Term::PriceMsat(price) => narrow(&mut self.price, price, |new, old| new <= old),
            Term::Service(name) => self.narrow_to_service(name),
            Term::Services(pairs) => self.narrow_services(pairs),
            Term::ValidUntil(end) => narrow(&mut self.valid_until, end, |new, old| new <= old),
        }
    }

    /// Narrows the capabilities to a subset.
    fn narrow_capabilities(&mut self, list: Vec<&'a str>) -> Result<(), Widened> {
        narrow(&mut self.capabilities, list, |new, old| {
            new.iter().all(|item| old.contains(item))
        })
    }

    /// Narrows the services to a list of services with tiers.
    fn narrow_services(&mut self, pairs: Vec<(&'a str, u8)>) -> Result<(), Widened> {
        within(match &self.services {
            Services::Any => true,
            Services::Named(name) => pairs.iter().all(|(other, _)| other == name),
            Services::Pairs(old) => pairs.iter().all(|pair| old.contains(pair)),
        })?;
        self.services = Services::Pairs(pairs);
        Ok(())
    }

    /// Narrows the services to one, at the tiers that are left.
    fn narrow_to_service(&mut self, name: &'a str) -> Result<(), Widened> {
        match &mut self.services {
            Services::Any => {
                self.services = Services::Named(name);
                Ok(())
            }
            Services::Named(old) => within(*old == name),
            Services::Pairs(pairs) => {
                pairs.retain(|(other, _)| *other == name);
                // If no tier of this service was left, naming it would widen the token.
                within(!pairs.is_empty())
            }
        }
    }

    /// Returns true if this service at this tier is allowed.
    pub(crate) fn opens(&self, service: &str, tier: u8) -> bool {
        match &self.services {
            Services::Any => true,
            Services::Named(name) => *name == service,
            Services::Pairs(pairs) => pairs.contains(&(service, tier)),
        }
    }

    /// Returns the capabilities that are allowed, or `None` if no caveat limits them.
    pub(crate) fn capabilities(&self) -> Option<&[&'a str]> {
        self.capabilities.as_deref()
    }

    /// Returns true if the token may be used on this network.
    pub(crate) fn is_for(&self, network: Network) -> bool {
        self.network.is_none_or(|own| own == network)
    }
}

/// Replaces the running value by a new one that must be within it.
fn narrow<T>(
    running: &mut Option<T>,
    new: T,
    is_within: impl FnOnce(&T, &T) -> bool,
) -> Result<(), Widened> {
    within(running.as_ref().is_none_or(|old| is_within(&new, old)))?;
    *running = Some(new);
    Ok(())
}

fn within(holds: bool) -> Result<(), Widened> {
    if holds { Ok(()) } else { Err(Widened) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preimage::Preimage;
    use crate::token::Service;
    use crate::token::caveat::{Reading, read};

    /// Returns the rights that the caveats leave, or `None` if one widens.
    fn rights(caveats: &[&'static str]) -> Option<Rights<'static>> {
        let service: Service = "api".parse().unwrap();
        let mut rights = Rights::new(Preimage::from_bytes([7; 32]).payment_hash());
        for caveat in caveats {
            let Reading::Own(term) = read(caveat.as_bytes(), &service) else {
                panic!("not of the vocabulary: {caveat}")
            };
            rights.narrow(term).ok()?;
        }
        Some(rights)
    }

    /// ATTACKS T-06 (a), (b), (f).
    #[test]
    fn refuses_growth_even_when_a_later_caveat_takes_it_back() {
        for caveats in [
            ["services=api:0", "services=api:0,b:0", "services=api:0"],
            ["services=api:0", "services=api:1", "services=api:0"],
            ["service=api", "service=b", "service=api"],
            ["service=api", "services=api:0,b:0", "service=api"],
            ["services=api:0", "service=b", "service=api"],
            ["services=", "services=api:0", "services="],
            ["services=", "service=api", "services="],
            ["expiry=1000", "api_valid_until=1001", "expiry=1000"],
            ["api_valid_until=1000", "expiry=1001", "api_valid_until=999"],
            ["api_capabilities=a", "capabilities=a,b", "capabilities=a"],
            ["capabilities=", "api_capabilities=a", "capabilities="],
            ["api_price_msat=5", "api_price_msat=6", "api_price_msat=5"],
            [
                "api_policy=request",
                "api_policy=uses=2",
                "api_policy=request",
            ],
            [
                "api_policy=uses=5",
                "api_policy=time=5",
                "api_policy=uses=5",
            ],
            [
                "api_network=regtest",
                "api_network=mainnet",
                "api_network=regtest",
            ],
        ] {
            let [narrow, wide, _] = caveats;
            assert!(
                rights(&[narrow]).is_some() && rights(&[wide]).is_some(),
                "{caveats:?}"
            );
            assert!(rights(&[narrow, wide]).is_none(), "{caveats:?}");
            assert!(rights(&caveats).is_none(), "{caveats:?}");
        }
    }

    #[test]
    fn leaves_what_all_caveats_share() {
        let left = rights(&[
            "services=api:0,api:1,b:0",
            "service=api",
            "services=api:1",
            "api_capabilities=a,b",
            "capabilities=b",
            "api_valid_until=1000",
            "expiry=900",
            "api_price_msat=7",
            "api_policy=uses=5",
            "api_policy=uses=4",
        ])
        .unwrap();
        assert!(left.opens("api", 1) && !left.opens("api", 0) && !left.opens("b", 0));
        assert_eq!(left.capabilities(), Some(["b"].as_slice()));
        assert_eq!(left.valid_until, Some(UnixTime::from_secs(900)));
        assert_eq!(
            left.policy.map(|policy| policy.to_string()).as_deref(),
            Some("uses=4")
        );
        assert!(left.is_for(Network::Regtest));
    }

    /// ATTACKS T-06 (c).
    #[test]
    fn an_empty_list_denies_all() {
        let left = rights(&["services=", "capabilities="]).unwrap();
        assert!(!left.opens("api", 0) && left.capabilities() == Some(&[]));
    }

    /// ATTACKS T-20.
    #[test]
    fn only_the_preimage_and_hash_of_the_token_itself_may_be_named() {
        let seven = "preimage=0707070707070707070707070707070707070707070707070707070707070707";
        let eight = "preimage=0808080808080808080808080808080808080808080808080808080808080808";
        let other = "payment_hash=0808080808080808080808080808080808080808080808080808080808080808";
        assert!(rights(&[seven, seven]).is_some());
        for caveats in [&[eight][..], &[seven, eight], &[other]] {
            assert!(rights(caveats).is_none());
        }
    }
}
