//! The target of a route: its upstream, and what is changed on the way there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use http::{HeaderName, HeaderValue};
use l402_server::{Access, Route};

use crate::config::RouteConfig;
use crate::upstream::Upstream;

const SERVICE: HeaderName = HeaderName::from_static("x-l402-service");
const PRICE_MSAT: HeaderName = HeaderName::from_static("x-l402-price-msat");

/// Where the granted requests of one route go, and how.
#[derive(Debug)]
pub(crate) struct RouteTarget {
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) strip_prefix: String,
    /// Set by the gateway: what was paid for.
    pub(crate) sale_headers: Vec<(HeaderName, HeaderValue)>,
    /// Set by the operator.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) forward_credential: bool,
    /// True if the upstream is told of the payment.
    pub(crate) payment_headers: bool,
    /// 0 means any number.
    max_in_flight: u32,
    in_flight: Arc<AtomicU32>,
}

/// A request of a route that counts those in flight, until it has been answered.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<AtomicU32>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl RouteTarget {
    pub(super) fn new(route: &RouteConfig, upstream: Arc<Upstream>) -> Self {
        Self {
            upstream,
            strip_prefix: route.strip_prefix.clone(),
            sale_headers: sale_headers(&route.route),
            headers: route.upstream_headers.clone(),
            forward_credential: route.forward_credential,
            payment_headers: route.payment_headers,
            max_in_flight: route.max_in_flight,
            in_flight: Arc::default(),
        }
    }

    /// Counts one more request in flight; fails if the route has as many as it may.
    pub(crate) fn enter(&self) -> Result<Option<InFlight>, TooManyInFlight> {
        if self.max_in_flight == 0 {
            return Ok(None);
        }
        let before = self.in_flight.fetch_add(1, Ordering::Relaxed);
        // Made before the check, so that giving up takes back what was counted.
        let place = InFlight(Arc::clone(&self.in_flight));
        if before < self.max_in_flight {
            Ok(Some(place))
        } else {
            Err(TooManyInFlight)
        }
    }

    /// Whether the upstream is asked for a path as it came.
    pub(crate) fn keeps_paths(&self) -> bool {
        self.strip_prefix.is_empty() && self.upstream.base().is_empty()
    }

    /// Path and query at the upstream.
    pub(crate) fn path(&self, canonical: &str) -> String {
        let rest = canonical
            .strip_prefix(self.strip_prefix.as_str())
            .unwrap_or(canonical);
        let slash = if rest.starts_with('/') { "" } else { "/" };
        format!("{}{slash}{rest}", self.upstream.base())
    }
}

/// The error of a route that has as many requests in flight as it may.
#[derive(Debug)]
pub(crate) struct TooManyInFlight;

/// Returns the headers that tell the upstream what was paid for. They hold no secret and no payment
/// hash.
fn sale_headers(route: &Route) -> Vec<(HeaderName, HeaderValue)> {
    let Access::Priced(priced) = &route.access else {
        return Vec::new();
    };
    let price = (PRICE_MSAT, HeaderValue::from(priced.price.msat()));
    let service = HeaderValue::from_str(priced.service.as_str());
    let service = service.ok().map(|service| (SERVICE, service));
    service.into_iter().chain([price]).collect()
}
