//! The facts of one request.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use l402::{
    Authorized, Condition, Identifier, Msat, PaymentHash, Policy, Proven, Service, TokenId,
    UnixTime,
};

use crate::request::{CanonicalRequest, TraceContext};
use crate::table::{Priced, Route};

/// One request, as far as it is known when an event is told.
#[derive(Clone, Debug)]
pub struct Exchange {
    method: Method,
    path: Option<Arc<str>>,
    route: Option<Arc<Route>>,
    token: Option<Identifier>,
    bought: Option<(Option<Msat>, Policy)>,
    ends: Option<UnixTime>,
    uses_left: Option<u64>,
    request_bytes: Option<u64>,
    peer: Option<IpAddr>,
    started: Duration,
    trace: Option<TraceContext>,
}

impl Exchange {
    /// Makes the record of a request. `token` names a credential that was found genuine.
    pub(crate) fn new(
        request: &CanonicalRequest,
        route: Option<&Arc<Route>>,
        token: Option<Identifier>,
        started: Duration,
    ) -> Self {
        Self {
            method: request.method.clone(),
            path: Some(request.path.as_str().into()),
            route: route.cloned(),
            token,
            bought: None,
            ends: None,
            uses_left: None,
            request_bytes: request.body_bytes,
            peer: Some(request.peer),
            started,
            trace: request.trace,
        }
    }

    /// Makes the record of a request that has no sure reading.
    pub(super) fn unread(method: Method, started: Duration) -> Self {
        Self {
            method,
            path: None,
            route: None,
            token: None,
            bought: None,
            ends: None,
            uses_left: None,
            request_bytes: None,
            peer: None,
            started,
            trace: None,
        }
    }

    /// Notes the terms that the token of this request was sold on.
    pub(crate) fn with_bought(mut self, proven: &Proven, proof: &Authorized) -> Self {
        self.bought = Some((proof.price(), proof.policy()));
        // If the route did not require an end, the first one in the token may be a holder's.
        let required = proof.checked().has(Condition::ValidUntil);
        let minted = required.then(|| proven.minted_end(proof.service()));
        self.ends = minted.flatten();
        self
    }

    pub(super) fn set_uses_left(&mut self, uses: Option<u64>) {
        self.uses_left = uses;
    }

    /// Returns the method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Returns the path in canonical form, without the query. `None` if the request has no sure
    /// reading.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// Returns the address of the client. `None` if the request has no sure reading.
    #[must_use]
    pub fn peer(&self) -> Option<IpAddr> {
        self.peer
    }

    /// Returns the pattern of the route, or `None` if no route matched.
    #[must_use]
    pub fn route(&self) -> Option<&str> {
        self.route.as_deref().map(|route| route.path.as_str())
    }

    /// Returns the number that the host has given the route, or `None` if no route matched.
    #[must_use]
    pub fn route_tag(&self) -> Option<u32> {
        self.route.as_deref().map(|route| route.tag)
    }

    /// Returns the service that the route sells, or `None` on a free route.
    #[must_use]
    pub fn service(&self) -> Option<&Service> {
        self.sold().map(|priced| &priced.service)
    }

    /// Returns the price of one payment: the one that a token was bought for, if it is good here,
    /// else that of the route. `None` on a free route.
    #[must_use]
    pub fn price(&self) -> Option<Msat> {
        let bought = self.bought.and_then(|(price, _)| price);
        bought.or_else(|| self.sold().map(|priced| priced.price))
    }

    /// Returns the goods of one payment, of the token or the route as with
    /// [`Exchange::price`].
    #[must_use]
    pub fn policy(&self) -> Option<Policy> {
        let bought = self.bought.map(|(_, policy)| policy);
        bought.or_else(|| self.sold().map(|priced| priced.policy))
    }

    /// Returns the units that one payment buys: the uses of a counted policy, and one for a time.
    /// `None` on a free route.
    #[must_use]
    pub fn units(&self) -> Option<u64> {
        let policy = self.policy()?;
        Some(policy.uses().map_or(1, |uses| u64::from(uses.get())))
    }

    /// Returns the end of the token as it was minted, which a holder cannot make earlier. `None` if
    /// the token is not good at the route, or does not have to name an end there.
    #[must_use]
    pub fn ends(&self) -> Option<UnixTime> {
        self.ends
    }

    /// Returns true if the route is sold and the request has a genuine credential. It may be spent,
    /// ended, or for another service.
    #[must_use]
    pub fn is_paid(&self) -> bool {
        self.token.is_some()
    }

    /// Returns the id of a genuine token.
    #[must_use]
    pub fn token_id(&self) -> Option<TokenId> {
        self.token.map(|token| token.token_id)
    }

    /// Returns the payment hash of a genuine token.
    #[must_use]
    pub fn payment_hash(&self) -> Option<PaymentHash> {
        self.token.map(|token| token.payment_hash)
    }

    /// Returns the uses that are left if this one is spent. Known from `granted` on, if the policy
    /// counts and the ledger tells.
    #[must_use]
    pub fn uses_left(&self) -> Option<u64> {
        self.uses_left
    }

    /// Returns the length of the request's body in bytes, as its head declares it.
    #[must_use]
    pub fn request_bytes(&self) -> Option<u64> {
        self.request_bytes
    }

    /// Returns the moment at which the paywall got the request, by the monotonic clock.
    #[must_use]
    pub fn started(&self) -> Duration {
        self.started
    }

    /// Returns the place in a trace that the host has set. `None` if it has set none, or if the request
    /// has no sure reading.
    #[must_use]
    pub fn trace(&self) -> Option<TraceContext> {
        self.trace
    }

    /// Returns the route, for an observer that keeps it beyond the call.
    pub(crate) fn kept_route(&self) -> Option<&Arc<Route>> {
        self.route.as_ref()
    }

    fn sold(&self) -> Option<&Priced> {
        self.route.as_deref()?.sold()
    }
}
