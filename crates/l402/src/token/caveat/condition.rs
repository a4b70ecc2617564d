//! The conditions of our caveat vocabulary, and sets of them.

use crate::token::Service;

/// A condition of our published caveat vocabulary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Condition {
    /// `<service>_capabilities=a,b` (also `capabilities=`).
    Capabilities,
    /// `<service>_lookup=<reference>`: states nothing about rights. The node's own reference of the
    /// invoice, by which the seller asks if it is paid.
    Lookup,
    /// `<service>_network=regtest`.
    Network,
    /// `payment_hash=<64 hex>`.
    PaymentHash,
    /// `<service>_policy=request`.
    Policy,
    /// `preimage=<64 hex>`.
    Preimage,
    /// `<service>_price_msat=50000`.
    PriceMsat,
    /// `services=name:tier,…` (also `service=`).
    Services,
    /// `<service>_valid_until=<unix seconds>` (also `expiry=`).
    ValidUntil,
}

impl Condition {
    /// All conditions, in alphabetical order.
    pub const ALL: [Self; 9] = [
        Self::Capabilities,
        Self::Lookup,
        Self::Network,
        Self::PaymentHash,
        Self::Policy,
        Self::Preimage,
        Self::PriceMsat,
        Self::Services,
        Self::ValidUntil,
    ];

    /// Returns the condition with this name if it is one without a service before it.
    pub(super) fn of_token(name: &[u8]) -> Option<Self> {
        match name {
            b"capabilities" => Some(Self::Capabilities),
            b"expiry" => Some(Self::ValidUntil),
            b"payment_hash" => Some(Self::PaymentHash),
            b"preimage" => Some(Self::Preimage),
            b"service" | b"services" => Some(Self::Services),
            _ => None,
        }
    }

    /// Returns the condition with this name after `<service>_`.
    pub(super) fn of_service(name: &[u8]) -> Option<Self> {
        [
            Self::Capabilities,
            Self::Lookup,
            Self::Network,
            Self::Policy,
            Self::PriceMsat,
            Self::ValidUntil,
        ]
        .into_iter()
        .find(|condition| condition.name().as_bytes() == name)
    }

    /// Returns the name on the wire, without the service that may precede it.
    const fn name(self) -> &'static str {
        match self {
            Self::Capabilities => "capabilities",
            Self::Lookup => "lookup",
            Self::Network => "network",
            Self::PaymentHash => "payment_hash",
            Self::Policy => "policy",
            Self::Preimage => "preimage",
            Self::PriceMsat => "price_msat",
            Self::Services => "services",
            Self::ValidUntil => "valid_until",
        }
    }

    /// Returns the bit of this condition in a set.
    const fn bit(self) -> u16 {
        1 << self as u16
    }

    /// Returns the text of a caveat about one service: `quote_valid_until=1790000000`. The value must
    /// be in the form that this condition has; a token with any other is refused.
    #[must_use]
    pub fn write(self, service: &Service, value: &dyn core::fmt::Display) -> String {
        format!("{service}_{}={value}", self.name())
    }
}

/// A set of [`Condition`]s: those that a verification checked, or that a route requires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conditions(u16);

impl Conditions {
    /// The empty set.
    pub const NONE: Self = Self(0);
    /// The conditions that our own mint always writes: services, valid_until, price_msat, policy,
    /// network.
    pub const MINTED: Self = Self::NONE
        .with(Condition::Network)
        .with(Condition::Policy)
        .with(Condition::PriceMsat)
        .with(Condition::Services)
        .with(Condition::ValidUntil);

    /// Returns the set with one more condition.
    #[must_use]
    pub const fn with(self, condition: Condition) -> Self {
        Self(self.0 | condition.bit())
    }

    /// Returns true if the set contains all of `other`.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns true if the set contains this condition.
    #[must_use]
    pub const fn has(self, condition: Condition) -> bool {
        self.contains(Self::NONE.with(condition))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in() {
        for condition in Condition::ALL {
            assert!(!Conditions::NONE.has(condition));
            assert!(Conditions::NONE.with(condition).has(condition));
            let others = Condition::ALL
                .into_iter()
                .filter(|other| *other != condition);
            assert!(
                !others
                    .fold(Conditions::NONE, Conditions::with)
                    .has(condition)
            );
        }
        assert!(Conditions::MINTED.contains(Conditions::NONE));
        assert!(!Conditions::NONE.contains(Conditions::MINTED));
        assert!(!Conditions::MINTED.has(Condition::Capabilities));
    }
}
