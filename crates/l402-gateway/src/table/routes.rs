//! All that a request needs to know of the configuration: replaced as a whole, never changed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use http::{HeaderName, HeaderValue};
use l402::{KeyRing, Network};
use l402_server::Snapshot;

use crate::GatewayError;
use crate::config::{Config, Http, RouteConfig};
use crate::exchange::headers;
use crate::listen::tls;
use crate::upstream::Upstream;

/// The longest target of a request, in bytes: `http::Uri` takes no more.
const URI_MAX: usize = u16::MAX as usize - 1;

/// One version of the configuration. A request reads one from beginning to end.
#[derive(Debug)]
pub(crate) struct Shop {
    pub(crate) snapshot: Snapshot,
    /// By the index of the route.
    pub(crate) targets: Vec<Target>,
    pub(crate) http: Http,
    /// The longest path with query that every upstream can be asked for, in bytes.
    pub(crate) target_max: usize,
    pub(crate) tls: Option<Arc<rustls::ServerConfig>>,
}

/// Where the granted requests of one route go, and how.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) strip_prefix: String,
    /// What the upstream is told of the sale.
    pub(crate) sold: Vec<(HeaderName, HeaderValue)>,
    /// What the operator sets.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) forward_credential: bool,
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

impl Shop {
    /// Compiles a configuration. `before` is what it replaces: upstreams that stay keep their
    /// connections.
    pub(crate) fn new(
        config: &Config,
        keys: KeyRing,
        network: Network,
        before: Option<&Self>,
    ) -> Result<Self, GatewayError> {
        let routes = config
            .routes
            .iter()
            .map(|route| route.route.clone())
            .collect();
        let snapshot = Snapshot::new(routes, config.hosts.clone(), keys, network)
            .map_err(|error| GatewayError::new(error.to_string()))?;
        let mut targets: Vec<Target> = Vec::with_capacity(config.routes.len());
        for route in &config.routes {
            let known = before
                .into_iter()
                .flat_map(|shop| &shop.targets)
                .chain(&targets);
            let upstream = upstream(route, known, config)?;
            targets.push(Target::new(route, upstream));
        }
        let longest = targets.iter().map(|t| t.upstream.base().len()).max();
        let tls = config.tls.as_ref().map(tls::server).transpose()?;
        Ok(Self {
            snapshot,
            targets,
            http: config.http.clone(),
            // The slash that may come between is counted, too.
            target_max: URI_MAX.saturating_sub(longest.unwrap_or_default() + 1),
            tls,
        })
    }
}

/// The upstream of a route: one that is known already, where it is the same.
fn upstream<'a>(
    route: &RouteConfig,
    mut known: impl Iterator<Item = &'a Target>,
    config: &Config,
) -> Result<Arc<Upstream>, GatewayError> {
    let fresh = Upstream::new(route, config.http.connect_timeout)?;
    let same = known.find(|target| target.upstream.is_same(&fresh));
    Ok(same.map_or_else(|| Arc::new(fresh), |target| Arc::clone(&target.upstream)))
}

impl Target {
    fn new(route: &RouteConfig, upstream: Arc<Upstream>) -> Self {
        Self {
            upstream,
            strip_prefix: route.strip_prefix.clone(),
            sold: headers::sold(&route.route),
            headers: route.upstream_headers.clone(),
            forward_credential: route.forward_credential,
            max_in_flight: route.max_in_flight,
            in_flight: Arc::default(),
        }
    }

    /// A place among the requests in flight; the error says that all are taken.
    pub(crate) fn enter(&self) -> Result<Option<InFlight>, Full> {
        if self.max_in_flight == 0 {
            return Ok(None);
        }
        let before = self.in_flight.fetch_add(1, Ordering::Relaxed);
        // Made before the check, so that giving up takes back what was counted.
        let place = InFlight(Arc::clone(&self.in_flight));
        if before < self.max_in_flight {
            Ok(Some(place))
        } else {
            Err(Full)
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

/// All places of a route are taken.
#[derive(Debug)]
pub(crate) struct Full;
