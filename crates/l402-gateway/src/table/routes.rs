//! The compiled table of routes.

use std::sync::Arc;

use l402::{KeyRing, Network};
use l402_server::Snapshot;

use super::target::RouteTarget;
use crate::GatewayError;
use crate::config::{Config, Http, RouteConfig};
use crate::upstream::Upstream;

/// The length of the longest target of a request, in bytes: `http::Uri` takes no longer one.
const URI_MAX: usize = u16::MAX as usize - 1;

/// One version of the configuration, compiled.
#[derive(Debug)]
pub(crate) struct RouteTable {
    pub(crate) snapshot: Snapshot,
    /// The targets, by the index of their route.
    pub(crate) targets: Vec<RouteTarget>,
    pub(crate) http: Http,
    /// The length in bytes of the longest path with query that every upstream can be asked for.
    pub(crate) target_max: usize,
    /// `None` serves plain HTTP.
    pub(crate) tls: Option<Arc<rustls::ServerConfig>>,
}

impl RouteTable {
    /// Compiles a configuration. `before` is the table that is replaced: upstreams that are the
    /// same in both keep their connections.
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
        let mut targets: Vec<RouteTarget> = Vec::with_capacity(config.routes.len());
        for route in &config.routes {
            // Routes of one upstream share it, and with it the connections in each worker's pool.
            let existing = before
                .into_iter()
                .flat_map(|table| &table.targets)
                .chain(&targets);
            let upstream = upstream(route, existing, config)?;
            targets.push(RouteTarget::new(route, upstream));
        }
        let longest = targets.iter().map(|t| t.upstream.base().len()).max();
        Ok(Self {
            snapshot,
            targets,
            http: config.http.clone(),
            // One more for the slash that may come between base and path.
            target_max: URI_MAX.saturating_sub(longest.unwrap_or_default() + 1),
            tls: None,
        })
    }

    /// Sets the certificate and key of TLS; `None` for plain HTTP.
    #[must_use]
    pub(crate) fn with_tls(mut self, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        self.tls = tls;
        self
    }
}

/// Returns the upstream of a route: an existing one if it is the same, or a new one.
fn upstream<'a>(
    route: &RouteConfig,
    mut existing: impl Iterator<Item = &'a RouteTarget>,
    config: &Config,
) -> Result<Arc<Upstream>, GatewayError> {
    let fresh = Upstream::new(route, config.http.connect_timeout)?;
    let same = existing.find(|target| target.upstream.is_same(&fresh));
    Ok(same.map_or_else(|| Arc::new(fresh), |target| Arc::clone(&target.upstream)))
}
