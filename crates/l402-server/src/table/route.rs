//! Routes, and the terms on which each is sold.

use std::time::Duration;

use l402::{Msat, Network, Policy, Service, Terms, UnixTime};

/// When a use is spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Charge {
    /// The request itself: any answer of the service behind spends the use, also one that fails,
    /// and so does a buyer who leaves while it is worked on.
    ///
    /// Never charged is an answer that the host itself has to make because the service behind
    /// cannot be reached, breaks off or takes too long (502, 504; in a tower stack, an error of
    /// the service). A request that cannot be forwarded whole, because its body breaks off, is
    /// too large or too slow, gives the use back [`BUYER_RELEASES`] times a payment.
    ///
    /// [`BUYER_RELEASES`]: crate::ledger::BUYER_RELEASES
    Request,
    /// An answer of 2xx or 3xx that was delivered to its end: paid means served.
    #[default]
    Success,
}

/// Who may pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody: an explicit decision, never a default.
    Free,
    /// Whoever paid.
    Priced(Priced),
}

/// What a priced route sells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Priced {
    /// The unit of authorisation.
    pub service: Service,
    /// Tier, 0 by default.
    pub tier: u8,
    /// The capability that this route needs; none by default.
    pub capability: Option<String>,
    /// The price, above zero.
    pub price: Msat,
    /// What one payment buys.
    pub policy: Policy,
    /// When a use is spent.
    pub charge: Charge,
    /// How long an invoice can be paid, whole seconds, at most a week. 600 s by default.
    pub invoice_expiry: Duration,
    /// What the payer reads in the wallet, at most 639 bytes; by default the service's name.
    pub memo: String,
}

/// A pattern of paths and what applies there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The pattern: `/joke`, `/user/{id}`, `/files/{*rest}`. The most specific wins. Braces stand
    /// for one segment or part of it, `{*rest}` for one segment or more: `/files/` itself is
    /// another pattern. Written as the canonical path has it.
    pub path: String,
    /// Methods; empty means all. A route for GET takes HEAD, too.
    pub methods: Vec<http::Method>,
    /// Who may pass.
    pub access: Access,
    /// Whether gRPC is spoken here: refusals are told to gRPC callers in its way, and their uses
    /// are spent by `grpc-status`. Elsewhere an answer is read as any other.
    pub grpc: bool,
    /// Origins that may read answers from a browser (CORS); empty means none.
    pub cors_origins: Vec<String>,
    /// What foreign caveats do.
    pub unknown_caveats: l402::UnknownCaveats,
}

impl Route {
    /// A free route for all methods.
    #[must_use]
    pub fn free(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            methods: Vec::new(),
            access: Access::Free,
            grpc: false,
            cors_origins: Vec::new(),
            unknown_caveats: l402::UnknownCaveats::Skip,
        }
    }

    /// A priced route for all methods, policy `request`.
    #[must_use]
    pub fn priced(path: &str, service: Service, price: Msat) -> Self {
        let memo = service.as_str().to_owned();
        let priced = Priced {
            service,
            tier: 0,
            capability: None,
            price,
            policy: Policy::Request,
            charge: Charge::Success,
            invoice_expiry: Duration::from_secs(600),
            memo,
        };
        Self {
            access: Access::Priced(priced),
            ..Self::free(path)
        }
    }

    /// With another policy; a free route stays free.
    #[must_use]
    pub fn with_policy(mut self, policy: Policy) -> Self {
        if let Access::Priced(priced) = &mut self.access {
            priced.policy = policy;
        }
        self
    }

    /// Only these methods.
    #[must_use]
    pub fn with_methods(mut self, methods: &[http::Method]) -> Self {
        self.methods = methods.to_vec();
        self
    }

    /// What is sold here; `None` where nothing is.
    #[must_use]
    pub fn sold(&self) -> Option<&Priced> {
        match &self.access {
            Access::Free => None,
            Access::Priced(priced) => Some(priced),
        }
    }

    pub(crate) fn is_priced(&self) -> bool {
        self.sold().is_some()
    }

    /// The origin as this route lists it, where it does. Only that text goes into a header.
    pub(crate) fn cors_origin(&self, origin: Option<&str>) -> Option<&str> {
        self.cors_origins
            .iter()
            .map(String::as_str)
            .find(|allowed| Some(*allowed) == origin)
    }
}

impl Priced {
    /// What a token bought here says. `invoice_expires` is the last moment to pay.
    pub(crate) fn terms(&self, network: Network, invoice_expires: UnixTime) -> Terms {
        Terms {
            service: self.service.clone(),
            tier: self.tier,
            capabilities: self.capability.clone().into_iter().collect(),
            price: self.price,
            policy: self.policy,
            network,
            valid_until: invoice_expires.saturating_add(self.policy.lifetime()),
        }
    }
}
