//! The target of a route: its upstreams, and the changes to a request on the way there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use http::{HeaderName, HeaderValue, Method};
use l402_server::{Access, CanonicalRequest, Route};

use crate::config::RouteConfig;
use crate::share::Counted;
use crate::upstream::Upstreams;

const SERVICE: HeaderName = HeaderName::from_static("x-l402-service");
const PRICE_MSAT: HeaderName = HeaderName::from_static("x-l402-price-msat");

/// The upstreams of one route, and everything that is changed on the way to them.
#[derive(Clone, Debug)]
pub(crate) struct RouteTarget {
    key: RouteKey,
    pub(crate) upstreams: Upstreams,
    /// Removed from the front of each path; empty for nothing.
    pub(crate) strip_prefix: String,
    /// Headers of the gateway that say what was paid for.
    pub(crate) sale_headers: Vec<(HeaderName, HeaderValue)>,
    /// Headers of the operator, set last.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// Lets the upstream see the credential. Off by default.
    pub(crate) forward_credential: bool,
    /// True if the upstream is told of the payment.
    pub(crate) payment_headers: bool,
    /// Headers of the client that pass although they could claim too much.
    pub(crate) pass_headers: Vec<HeaderName>,
    any_case: bool,
    /// The largest number of requests at once; 0 means any number.
    max_in_flight: u32,
    in_flight: Arc<AtomicU32>,
}

/// The part of a route by which it is found again in the next table.
#[derive(Clone, Debug, PartialEq, Eq)]
struct RouteKey {
    path: String,
    methods: Vec<Method>,
}

/// A request that counts as in flight at its route and at its upstream, until it has been answered.
#[derive(Debug)]
pub(crate) struct InFlight {
    _route: Option<RoutePlace>,
    _upstream: Counted,
}

impl InFlight {
    pub(crate) fn new(route: Option<RoutePlace>, upstream: Counted) -> Self {
        Self {
            _route: route,
            _upstream: upstream,
        }
    }
}

/// The place of a request among those in flight at its route, free again when this is dropped.
#[derive(Debug)]
pub(crate) struct RoutePlace(Arc<AtomicU32>);

impl Drop for RoutePlace {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl RouteTarget {
    /// The target of a route. `before` are the targets of the table that it replaces.
    pub(super) fn new(route: &RouteConfig, upstreams: Upstreams, before: &[Self]) -> Self {
        let key = RouteKey {
            path: route.route.path.clone(),
            methods: route.route.methods.clone(),
        };
        // Requests under way hold the old table: counted apart, a route could have twice its limit.
        let same = before.iter().find(|target| target.key == key);
        Self {
            in_flight: same.map_or_else(Arc::default, |target| Arc::clone(&target.in_flight)),
            key,
            upstreams,
            strip_prefix: route.strip_prefix.clone(),
            sale_headers: sale_headers(&route.route),
            headers: route.upstream_headers.clone(),
            forward_credential: route.forward_credential,
            payment_headers: route.payment_headers,
            pass_headers: route.pass_headers.clone(),
            any_case: route.route.case_insensitive,
            max_in_flight: route.max_in_flight,
        }
    }

    /// Counts one more request in flight. Returns `None` if the route has no limit.
    ///
    /// # Errors
    /// The route has as many in flight as it may.
    pub(crate) fn enter(&self) -> Result<Option<RoutePlace>, TooManyInFlight> {
        if self.max_in_flight == 0 {
            return Ok(None);
        }
        let before = self.in_flight.fetch_add(1, Ordering::Relaxed);
        // Made before the check, so that dropping it on refusal takes the count back.
        let place = RoutePlace(Arc::clone(&self.in_flight));
        if before < self.max_in_flight {
            Ok(Some(place))
        } else {
            Err(TooManyInFlight)
        }
    }

    /// Returns the path before each request's path at the upstreams, without a slash at its end.
    pub(crate) fn base(&self) -> &str {
        self.upstreams.first().base()
    }

    /// Returns true if the upstream is asked for a path as it came.
    pub(crate) fn keeps_paths(&self) -> bool {
        self.strip_prefix.is_empty() && self.base().is_empty()
    }

    /// Returns path and query for the upstream, from those of a request to this route. `None` if
    /// the path does not begin with the prefix, which no request of the route has.
    pub(crate) fn path(&self, path: &str, query: Option<&str>) -> Option<String> {
        let rest = CanonicalRequest::path_below(path, &self.strip_prefix, self.any_case)?;
        // The prefix alone leaves nothing.
        let slash = if rest.starts_with('/') { "" } else { "/" };
        let mark = if query.is_some() { "?" } else { "" };
        let (base, query) = (self.base(), query.unwrap_or_default());
        Some(format!("{base}{slash}{rest}{mark}{query}"))
    }

    /// Returns the path by which a client asks for a path of the upstream: the way of
    /// [`RouteTarget::path`] back. `None` for a path outside of the base.
    pub(crate) fn public_path(&self, path: &str) -> Option<String> {
        let rest = path.strip_prefix(self.base())?;
        if !(rest.is_empty() || rest.starts_with('/')) {
            return None;
        }
        let public = format!("{}{rest}", self.strip_prefix);
        Some(if public.is_empty() {
            "/".to_owned()
        } else {
            public
        })
    }
}

/// The error of a route that has as many requests in flight as it may.
#[derive(Debug)]
pub(crate) struct TooManyInFlight;

/// Returns the headers that tell the upstream what was paid for: service and price, but no secret
/// and no payment hash. Empty for a free route.
fn sale_headers(route: &Route) -> Vec<(HeaderName, HeaderValue)> {
    let Access::Priced(priced) = &route.access else {
        return Vec::new();
    };
    let price = (PRICE_MSAT, HeaderValue::from(priced.price.msat()));
    let service = HeaderValue::from_str(priced.service.as_str());
    let service = service.ok().map(|service| (SERVICE, service));
    service.into_iter().chain([price]).collect()
}
