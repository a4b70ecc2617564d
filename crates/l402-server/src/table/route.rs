//! Routes, and the terms on which each is sold.

use std::num::NonZeroU32;
use std::time::Duration;

use l402::{Msat, Network, Policy, Service, Terms, UnixTime};

use super::pattern::Pattern;
use super::snapshot::MAX_INVOICE_EXPIRY;
use crate::request::below;

/// The most that the node's clock may be ahead of ours.
const SKEW: Duration = Duration::from_secs(600);

/// The event that spends a use. By default [`Charge::Success`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Charge {
    /// The request itself. Every answer of the service spends the use, also one that fails, and so
    /// does a buyer who leaves before the answer.
    ///
    /// An answer that the host makes because the service cannot be reached, breaks off or takes
    /// too long is never charged (502, 504; in a tower stack, an error of the service). A request
    /// that cannot be forwarded, because its body breaks off, is too large or too slow, gives the
    /// use back [`BUYER_RELEASES`] times a payment.
    ///
    /// [`BUYER_RELEASES`]: crate::ledger::BUYER_RELEASES
    Request,
    /// An answer of 2xx or 3xx that was delivered to its end. A 304, and a redirect that leads on at
    /// the same origin, count like a 4xx.
    #[default]
    Success,
}

/// The condition for passing a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Free for everybody: an explicit decision, never a default.
    Free,
    /// Sold: a request needs a credential.
    Priced(Priced),
}

/// The goods and the terms of a priced route.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Priced {
    /// The service that a token is for. Routes with the same service share tokens, and so must have
    /// the same terms.
    pub service: Service,
    /// The tier of the service, 0 by default.
    pub tier: u8,
    /// The capability that a token needs here, none by default.
    pub capability: Option<String>,
    /// The price of one payment: above zero, at most 1,000,000 sat.
    pub price: Msat,
    /// The goods of one payment: one answer, a number of them, or a time. One answer by default.
    pub policy: Policy,
    /// The event that spends a use.
    pub charge: Charge,
    /// The time in which an invoice can be paid, in whole seconds, at most a week. 600 s by
    /// default.
    pub invoice_expiry: Duration,
    /// The text that the payer's wallet shows, at most 639 bytes. By default the service's name.
    pub memo: String,
}

/// A pattern of paths and what applies there.
///
/// ```
/// use l402::Policy;
/// use l402_server::Route;
///
/// let docs = Route::free("/docs/{*page}");
/// let report = Route::priced("/reports/{id}", "reports".parse()?, "250 sat".parse()?)
///     .with_policy("uses=3".parse::<Policy>()?)
///     .with_methods(&[http::Method::GET]);
/// assert!(docs.sold().is_none());
/// assert_eq!(report.sold().map(|sold| sold.price.msat()), Some(250_000));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Route {
    /// The pattern: `/joke`, `/user/{id}`, `/files/{*rest}`. The most specific one that matches
    /// applies. Braces stand for one segment or a part of it, `{*rest}` for all that is left:
    /// `/files/{*rest}` takes `/files/` and what is below, but not `/files`. Must be spelled as in
    /// [`CanonicalRequest::path`](crate::CanonicalRequest::path).
    pub path: String,
    /// The methods, all if empty. A route for GET takes HEAD, too.
    pub methods: Vec<http::Method>,
    /// The condition for passing.
    pub access: Access,
    /// True if the service speaks gRPC here: gRPC callers are refused by `grpc-status`, and their
    /// uses are spent by it. If false (the default), gRPC is treated as any other HTTP.
    pub grpc: bool,
    /// The origins whose pages may read answers in a browser (CORS), none if empty.
    pub cors_origins: Vec<String>,
    /// The treatment of caveats that this crate does not know. Skipped by default.
    pub unknown_caveats: l402::UnknownCaveats,
    /// The place of the route's requests behind the paywall. By default one service gets all
    /// routes, with their paths as they are.
    pub place: Place,
    /// The patterns of dearer routes whose requests this route may serve for less. None by
    /// default: a table with a way around a price does not compile.
    pub allow_free_overlap: Vec<String>,
    /// True if the service takes upper and lower case for the same. Then so does the route. If
    /// false (the default), a path in other letters is another path.
    pub case_insensitive: bool,
    /// A number of the host's own, by which an observer finds what it counts for this route. 0 by
    /// default.
    pub tag: u32,
}

/// The place of a route's requests behind the paywall. Two routes with one service serve the same
/// where their paths are the same at that service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// A name of the service, compared as it is.
    pub service: String,
    /// The text that is taken off the front of each path; empty for none.
    pub strip_prefix: String,
    /// The text that is put before each path then; empty for none.
    pub base: String,
}

impl Place {
    /// Returns true if the service gets paths as they are asked for.
    pub(super) fn keeps_paths(&self) -> bool {
        self.strip_prefix.is_empty() && self.base.is_empty()
    }

    /// Returns the path that the service gets for one that is asked for; `None` if that does not
    /// begin with the prefix.
    pub(super) fn path_behind(&self, path: &str, any_case: bool) -> Option<String> {
        let rest = below(path, &self.strip_prefix, any_case)?;
        let slash = if rest.starts_with('/') { "" } else { "/" };
        Some(format!("{}{slash}{rest}", self.base))
    }

    /// Returns the path by which a path of the service is asked for; `None` for one outside of the
    /// base.
    pub(super) fn path_before(&self, path: &str, any_case: bool) -> Option<String> {
        let rest = below(path, &self.base, any_case)?;
        let whole = rest.is_empty() || rest.starts_with('/');
        whole.then(|| format!("{}{rest}", self.strip_prefix))
    }
}

impl Route {
    /// Makes a route for all methods, without gRPC and CORS.
    #[must_use]
    pub fn new(path: &str, access: Access) -> Self {
        Self {
            path: path.to_owned(),
            methods: Vec::new(),
            access,
            grpc: false,
            cors_origins: Vec::new(),
            unknown_caveats: l402::UnknownCaveats::Skip,
            place: Place::default(),
            allow_free_overlap: Vec::new(),
            case_insensitive: false,
            tag: 0,
        }
    }

    /// Makes a free route for all methods.
    #[must_use]
    pub fn free(path: &str) -> Self {
        Self::new(path, Access::Free)
    }

    /// Makes a priced route for all methods, with the policy `request`.
    #[must_use]
    pub fn priced(path: &str, service: Service, price: Msat) -> Self {
        Self::new(path, Access::Priced(Priced::new(service, price)))
    }

    /// Sets the policy. A free route stays free.
    #[must_use]
    pub fn with_policy(mut self, policy: Policy) -> Self {
        if let Access::Priced(priced) = &mut self.access {
            priced.policy = policy;
        }
        self
    }

    /// Limits the route to these methods. An empty list means all.
    #[must_use]
    pub fn with_methods(mut self, methods: &[http::Method]) -> Self {
        self.methods = methods.to_vec();
        self
    }

    /// Returns the goods and the terms, or `None` on a free route.
    #[must_use]
    pub fn sold(&self) -> Option<&Priced> {
        match &self.access {
            Access::Free => None,
            Access::Priced(priced) => Some(priced),
        }
    }

    /// Returns true if a caller who can have the other route's goods here pays less for them: nothing,
    /// or less for as much. False if this route names the other one as an exception.
    pub(crate) fn undercuts(&self, other: &Self) -> bool {
        let Some(dear) = other.sold() else {
            return false;
        };
        let cheaper = self.sold().is_none_or(|own| own.undercuts(dear));
        cheaper && !self.allow_free_overlap.contains(&other.path)
    }

    /// Returns true if this route's pattern matches every path that the other one's matches, whatever
    /// their methods are.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        Pattern::of(&self.path).contains(&Pattern::of(&other.path))
    }

    /// Returns true if the route applies to the method.
    pub(crate) fn takes(&self, method: &http::Method) -> bool {
        self.methods.is_empty() || self.methods.contains(method)
    }

    /// Returns the origin as this route lists it, if it does. Only that text goes into a header.
    pub(crate) fn cors_origin(&self, origin: Option<&str>) -> Option<&str> {
        self.cors_origins
            .iter()
            .map(String::as_str)
            .find(|allowed| Some(*allowed) == origin)
    }
}

impl Priced {
    /// Makes the terms of a service whose payments buy one answer each.
    #[must_use]
    pub fn new(service: Service, price: Msat) -> Self {
        let memo = service.as_str().to_owned();
        Self {
            service,
            tier: 0,
            capability: None,
            price,
            policy: Policy::Request,
            charge: Charge::Success,
            invoice_expiry: Duration::from_secs(600),
            memo,
        }
    }

    /// Returns true if a payment here costs less than there and buys as much, or buys more and costs
    /// no more, or costs no more and buys answers that are cheaper each. A day's pass beside a price
    /// for each answer is neither.
    fn undercuts(&self, other: &Self) -> bool {
        let (own, theirs) = (self.policy, other.policy);
        let counted_there = theirs.uses().is_some();
        let as_much = theirs.is_within(own) || (own.uses().is_none() && counted_there);
        // Where both count answers, one of them may cost less although fewer are bought.
        let one_answer = |own: NonZeroU32, theirs: NonZeroU32| {
            let (own, theirs) = (u128::from(own.get()), u128::from(theirs.get()));
            u128::from(self.price.msat()) * theirs < u128::from(other.price.msat()) * own
        };
        let as_much = as_much
            || own
                .uses()
                .zip(theirs.uses())
                .is_some_and(|(o, t)| one_answer(o, t));
        as_much && self.price <= other.price && (self.price, own) != (other.price, theirs)
    }

    /// Returns the longest time from now in which an invoice for these terms may end.
    ///
    /// The life of a token is counted from the end of its invoice. Who buys time would get more of it
    /// than the policy sells, so an end far later than requested is refused; nodes may round, hence
    /// twice the time. Who buys uses gets as many as before, so the node may choose the end.
    pub(crate) fn longest_invoice(&self) -> Duration {
        let twice = self.invoice_expiry.saturating_mul(2);
        let longest = match self.policy.uses() {
            Some(_) => MAX_INVOICE_EXPIRY.max(twice),
            None => twice,
        };
        longest.saturating_add(SKEW)
    }

    /// Returns the shortest `invoice_expiry`, in whole seconds, with which an invoice may live so
    /// long.
    pub(super) fn expiry_for(&self, life: Duration) -> Duration {
        let secs = life.saturating_sub(SKEW).as_secs();
        Duration::from_secs(secs.div_ceil(2)).max(self.invoice_expiry)
    }

    /// Returns the terms that a token bought here states. `invoice_expires` is the last moment to
    /// pay. Price and look-up are as the invoice of this token has them; here the price is the route's.
    pub(crate) fn terms(&self, network: Network, invoice_expires: UnixTime) -> Terms {
        Terms {
            service: self.service.clone(),
            tier: self.tier,
            capabilities: self.capability.clone().into_iter().collect(),
            price: self.price,
            policy: self.policy,
            network,
            // From the end of the invoice: nothing is stored that could say when it was paid.
            valid_until: invoice_expires.saturating_add(self.policy.lifetime()),
            lookup: None,
        }
    }
}
