//! The compiled table of routes: replaced as a whole, never changed.

use std::sync::Arc;

use l402::{KeyRing, Network};
use l402_server::Snapshot;

use super::target::RouteTarget;
use crate::GatewayError;
use crate::config::{Config, Http, RouteConfig};
use crate::upstream::Upstream;

/// The longest target of a request, in bytes: `http::Uri` takes no more.
const URI_MAX: usize = u16::MAX as usize - 1;

/// One version of the configuration, compiled. A request reads one from beginning to end.
#[derive(Debug)]
pub(crate) struct RouteTable {
    pub(crate) snapshot: Snapshot,
    /// By the index of the route.
    pub(crate) targets: Vec<RouteTarget>,
    pub(crate) http: Http,
    /// The longest path with query that every upstream can be asked for, in bytes.
    pub(crate) target_max: usize,
    pub(crate) tls: Option<Arc<rustls::ServerConfig>>,
}

impl RouteTable {
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
        let mut targets: Vec<RouteTarget> = Vec::with_capacity(config.routes.len());
        for route in &config.routes {
            let known = before
                .into_iter()
                .flat_map(|table| &table.targets)
                .chain(&targets);
            let upstream = upstream(route, known, config)?;
            targets.push(RouteTarget::new(route, upstream));
        }
        let longest = targets.iter().map(|t| t.upstream.base().len()).max();
        Ok(Self {
            snapshot,
            targets,
            http: config.http.clone(),
            // The slash that may come between is counted, too.
            target_max: URI_MAX.saturating_sub(longest.unwrap_or_default() + 1),
            tls: None,
        })
    }

    /// Serves TLS with this certificate and key.
    #[must_use]
    pub(crate) fn with_tls(mut self, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        self.tls = tls;
        self
    }
}

/// The upstream of a route: one that is known already, where it is the same.
fn upstream<'a>(
    route: &RouteConfig,
    mut known: impl Iterator<Item = &'a RouteTarget>,
    config: &Config,
) -> Result<Arc<Upstream>, GatewayError> {
    let fresh = Upstream::new(route, config.http.connect_timeout)?;
    let same = known.find(|target| target.upstream.is_same(&fresh));
    Ok(same.map_or_else(|| Arc::new(fresh), |target| Arc::clone(&target.upstream)))
}
