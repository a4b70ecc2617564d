//! The compiled table of routes.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use http::HeaderValue;
use l402::{KeyRing, Network};
use l402_server::Snapshot;
use l402_server::revoked::Revoked;
use tokio::task::JoinSet;

use super::target::RouteTarget;
use crate::config::{Http, Live, ProxiesSettings};
use crate::metrics::Metrics;
use crate::notice::Notices;
use crate::page::{Goods, Look};
use crate::publish::{Document, Documents};
use crate::upstream::{Upstream, UpstreamStatus, Upstreams};
use crate::{GatewayError, GatewayErrorKind};

/// The length of the longest target of a request, in bytes: `http::Uri` takes no longer one.
const URI_MAX: usize = u16::MAX as usize - 1;

/// The number of upstreams that are connected to at the same time by a check.
const CHECKS_AT_ONCE: usize = 16;

/// One version of the configuration, compiled.
#[derive(Clone, Debug)]
pub(crate) struct RouteTable {
    pub(crate) snapshot: Snapshot,
    /// The targets, by the index of their route.
    pub(crate) targets: Vec<RouteTarget>,
    /// The answers of the gateway's own, whose routes follow those of the targets.
    documents: Documents,
    /// The pages that people see in place of problem documents; `None` if there are none.
    pub(crate) page: Option<Arc<Look>>,
    pub(crate) http: Http,
    pub(crate) proxies: ProxiesSettings,
    /// The length in bytes of the longest path with query that every upstream can be asked for.
    pub(crate) target_max: usize,
    /// `None` serves plain HTTP.
    pub(crate) tls: Option<Arc<rustls::ServerConfig>>,
    /// The header that answers over TLS get: see `exchange::hsts`.
    pub(crate) hsts: Option<HeaderValue>,
}

impl RouteTable {
    /// Compiles a configuration. `before` is the table that it replaces: upstreams that are still
    /// named keep their connections, and routes that are still there their count of requests in
    /// flight, and what is revoked stays so. `metrics` counts by route.
    pub(crate) fn new(
        live: &Live,
        keys: KeyRing,
        network: Network,
        before: Option<&Self>,
        (metrics, notices): (&Metrics, &Notices),
    ) -> Result<Self, GatewayError> {
        let mut routes = live.table_routes();
        for route in &mut routes {
            route.tag = metrics.routes.tag(&route.path);
        }
        let snapshot = Snapshot::new(routes, live.hosts.clone(), keys, network);
        let snapshot = snapshot.map_err(|error| {
            let text = error.to_string();
            GatewayError::new(GatewayErrorKind::Configuration, text).with_source(error)
        })?;
        let revoked = before.map(|table| Arc::clone(table.snapshot.revoked()));
        let snapshot = snapshot.with_revoked(revoked.unwrap_or_default());
        let before = before.map_or(&[][..], |table| &table.targets);
        let mut targets: Vec<RouteTarget> = Vec::with_capacity(live.routes.len());
        for route in &live.routes {
            let mut shared = Vec::new();
            for url in route.upstreams() {
                let fresh = Upstream::new(url, route, live.http.connect_timeout, notices)?;
                let known = before.iter().chain(&targets);
                shared.push(known_or(fresh, known));
            }
            let first = shared.remove(0);
            let upstreams = Upstreams::new(first, shared);
            targets.push(RouteTarget::new(route, upstreams, before));
        }
        let longest = targets
            .iter()
            .map(|t| t.upstreams.first().base().len())
            .max();
        Ok(Self {
            documents: Documents::new(live, snapshot.routes()),
            page: look(live).map(Arc::new),
            snapshot,
            targets,
            http: live.http.clone(),
            proxies: live.proxies.clone(),
            // The slash that may come between is counted, too.
            target_max: URI_MAX.saturating_sub(longest.unwrap_or_default() + 1),
            tls: None,
            hsts: hsts(live),
        })
    }

    /// Returns the target of a route, by the route's index. `None` if the gateway answers the route
    /// itself: see [`RouteTable::document`].
    pub(crate) fn target(&self, route: usize) -> Option<&RouteTarget> {
        self.targets.get(route)
    }

    /// Returns the document of a route that has no target, by the route's index. `None` if there is
    /// nothing at its path.
    pub(crate) fn document(&self, route: usize) -> Option<&Document> {
        self.documents.at(route.checked_sub(self.targets.len())?)
    }

    /// Returns true if the gateway makes receipts at a route, by the route's index.
    pub(crate) fn is_receipt(&self, route: usize) -> bool {
        let own = route.checked_sub(self.targets.len());
        own.is_some_and(|own| self.documents.is_receipt(own))
    }

    /// Returns true if the gateway gives passes at a route, by the route's index.
    pub(crate) fn is_unlock(&self, route: usize) -> bool {
        let own = route.checked_sub(self.targets.len());
        own.is_some_and(|own| self.documents.is_unlock(own))
    }

    /// Returns the upstreams of all routes, each once, in the order of the file.
    pub(crate) fn upstreams(&self) -> Vec<Arc<Upstream>> {
        let mut seen = HashSet::new();
        let all = self
            .targets
            .iter()
            .flat_map(|target| target.upstreams.all());
        // Routes of one upstream share it.
        all.filter(|upstream| seen.insert(upstream.number()))
            .map(Arc::clone)
            .collect()
    }

    /// Connects once to each upstream, and warns of those that cannot be reached.
    pub(crate) async fn check_upstreams(&self) {
        let upstreams = self.upstreams();
        // Some at a time: each takes a file descriptor, and a time-out if it does not answer.
        for some in upstreams.chunks(CHECKS_AT_ONCE) {
            let mut checks = JoinSet::new();
            for upstream in some {
                let upstream = Arc::clone(upstream);
                checks.spawn(async move { upstream.check().await });
            }
            checks.join_all().await;
        }
    }

    /// Returns each upstream by name, if it is up, and the requests that are at it.
    pub(crate) fn upstream_states(&self) -> BTreeMap<String, (bool, u32)> {
        let mut states: BTreeMap<String, (bool, u32)> = BTreeMap::new();
        for upstream in self.upstreams() {
            // Two of one name differ in their authorities or time-outs: one that is down shows.
            let state = states.entry(upstream.to_string()).or_insert((true, 0));
            let now = upstream.state();
            state.0 &= now.status != UpstreamStatus::Down;
            state.1 += now.in_flight;
        }
        states
    }

    /// Refuses what is revoked.
    #[must_use]
    pub(crate) fn with_revoked(mut self, revoked: Arc<Revoked>) -> Self {
        self.snapshot = self.snapshot.with_revoked(revoked);
        self
    }

    /// Returns the same table with other keys.
    #[must_use]
    pub(crate) fn with_keys(&self, keys: KeyRing) -> Self {
        let table = self.clone();
        let snapshot = table.snapshot.with_keys(keys);
        Self { snapshot, ..table }
    }

    /// Sets the certificate and key of TLS; `None` for plain HTTP.
    #[must_use]
    pub(crate) fn with_tls(mut self, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        self.tls = tls;
        self
    }
}

/// Returns the pages of a configuration.
fn look(live: &Live) -> Option<Look> {
    let shown = live.routes.iter().map(|route| &route.presentation);
    let goods = shown.map(|shown| Goods {
        name: shown.title.clone(),
        description: shown.description.clone(),
    });
    Look::new(&live.page, live.publish.name.as_deref(), goods)
}

/// Returns the value of `Strict-Transport-Security`.
fn hsts(live: &Live) -> Option<HeaderValue> {
    let age = live.tls.as_ref()?.hsts?.as_secs();
    HeaderValue::try_from(format!("max-age={age}")).ok()
}

/// Returns the upstream itself, or one that is known already, if it is the same.
fn known_or<'a>(fresh: Upstream, known: impl Iterator<Item = &'a RouteTarget>) -> Arc<Upstream> {
    let mut known = known.flat_map(|target| target.upstreams.all());
    let same = known.find(|upstream| upstream.is_same(&fresh));
    same.map_or_else(|| Arc::new(fresh), Arc::clone)
}
