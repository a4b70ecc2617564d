//! The compiled routes, keys and network that a decision reads: immutable, one version per request.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use l402::{Invoice, KeyRing, Msat, Network, PaymentHash, UnixTime, mint};

use super::overlap;
use super::paths::Paths;
use super::{Access, Priced, Route};
use crate::request::{Ambiguity, CanonicalRequest, canonical_host, canonical_origin, readings};
use crate::revoked::Revoked;

/// The highest price of a route. A higher one is taken for a mistake (ATTACKS P-12).
const MAX_PRICE: Msat = Msat::from_sat(1_000_000);

/// The longest time in which an invoice may be paid: 7 days. The ledger keeps a use at least this long.
pub const MAX_INVOICE_EXPIRY: Duration = Duration::from_secs(7 * 24 * 3600);

/// Compiled routes, keys and network. Immutable: a reload makes another one, and a request keeps
/// the one that it began with.
#[derive(Clone, Debug)]
pub struct Snapshot {
    routes: Vec<Arc<Route>>,
    paths: Paths,
    hosts: HashSet<String>,
    keys: KeyRing,
    network: Network,
    pub(super) revoked: Arc<Revoked>,
}

/// The route that matched a request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Matched {
    /// The route, shared with the snapshot.
    pub route: Arc<Route>,
    /// The index of the route in [`Snapshot::routes`].
    pub index: usize,
}

/// The reason why routes do not compile. Its text names the route and the fix.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The name of a host that no request could be for.
    Host {
        /// The name, as it was given.
        host: String,
    },
    /// The origin of a page that no browser would send.
    Origin {
        /// The pattern of the route, as it was given.
        path: String,
        /// The origin, as it was given.
        origin: String,
    },
    /// Two routes for the same path and method.
    Overlap {
        /// The pattern of the route, as it was given.
        path: String,
    },
    /// A request to one route would be served what a dearer one sells.
    WayAround {
        /// The pattern of the cheaper route, as it was given.
        path: String,
        /// The pattern of the dearer route.
        dearer: String,
        /// A path that shows it, as a client would ask for it.
        example: String,
    },
    /// A route says that it may overlap a priced one, and no priced route has that pattern.
    Unknown {
        /// The pattern of the route, as it was given.
        path: String,
        /// The pattern that it names.
        named: String,
    },
    /// One service with two prices, tiers, policies or charges.
    TwoPrices {
        /// The name of the service.
        service: String,
    },
    /// The pattern is malformed, or not canonical.
    Path {
        /// The pattern of the route, as it was given.
        path: String,
    },
    /// A price of zero, or over 1,000,000 sat.
    Price {
        /// The pattern of the route, as it was given.
        path: String,
    },
    /// A capability, policy, memo or invoice expiry that no token or invoice can hold.
    Terms {
        /// The pattern of the route, as it was given.
        path: String,
    },
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Each names the route or service, then the fix: an operator reads it at a start that
        // failed.
        match self {
            Self::Overlap { path } => {
                write!(
                    f,
                    "route {path}: another route takes the same path and method; keep one"
                )
            }
            Self::Host { host } => write!(
                f,
                "host {host:?}: not a host name; write it without scheme and port: \"api.example\""
            ),
            Self::Origin { path, origin } => write!(
                f,
                "route {path}: {origin:?} is not an origin; write scheme and host, and the port if \
                 it is another than the scheme's own: \"https://app.example\""
            ),
            Self::WayAround {
                path,
                dearer,
                example,
            } => write!(
                f,
                "route {path}: {example} would be served here for less than what route {dearer} \
                 asks for the same path at the upstream; change one of the paths or upstreams, or \
                 write allow_free_overlap = [\"{dearer}\"]"
            ),
            Self::Unknown { path, named } => write!(
                f,
                "route {path}: allow_free_overlap names {named}, and no priced route has that path; write it as \
                 that route does, such as \"/files/{{*rest}}\""
            ),
            Self::TwoPrices { service } => write!(
                f,
                "service {service}: it is sold on two terms (price, tier, policy or charge); \
                 give what costs differently a service of its own"
            ),
            Self::Path { path } => write!(
                f,
                "route {path}: not a canonical path; write it like /files/{{*rest}}, without \
                 empty or dot segments, and escaped as %C3%A9 where it is not plain ASCII"
            ),
            Self::Price { path } => write!(
                f,
                "route {path}: the price must be above zero and at most 1000000 sat, such as \"50 sat\"; \
                 to give it away, make the route free"
            ),
            Self::Terms { path } => write!(
                f,
                "route {path}: a capability has the characters a-z, 0-9, _ and -, a memo at most \
                 639 bytes, a time at least a second, and an invoice expires after 1 s to 7 days"
            ),
        }
    }
}

impl std::error::Error for SnapshotError {}

impl Snapshot {
    /// Compiles routes. `hosts` are the names that requests may be for, without ports; if it is
    /// empty, any host is accepted.
    ///
    /// Mints one token on trial for each priced route, so that terms that cannot be sold are found
    /// here, and not by the first buyer (ATTACKS T-11).
    ///
    /// # Errors
    /// See [`SnapshotError`].
    pub fn new(
        routes: Vec<Route>,
        hosts: Vec<String>,
        keys: KeyRing,
        network: Network,
    ) -> Result<Self, SnapshotError> {
        let routes = routes
            .into_iter()
            .map(with_origins)
            .collect::<Result<Vec<_>, _>>()?;
        // Over all routes: a token is good on every route of its service, so it needs one price.
        let mut sold = HashMap::new();
        for route in &routes {
            if let Access::Priced(priced) = &route.access {
                check_price(route, priced)?;
                check_terms(route, priced, &keys, network)?;
                check_service(priced, &mut sold)?;
            }
        }
        let paths = Paths::new(&routes)?;
        overlap::check(&routes, &paths)?;
        let hosts = hosts.into_iter().map(|host| match canonical_host(&host) {
            Some(canonical) => Ok(canonical),
            None => Err(SnapshotError::Host { host }),
        });
        let hosts = hosts.collect::<Result<_, _>>()?;
        Ok(Self {
            routes,
            paths,
            hosts,
            keys,
            network,
            revoked: Arc::default(),
        })
    }

    /// Returns the routes in the order given to [`Snapshot::new`]. [`crate::Granted::route_index`]
    /// points into this list.
    #[must_use]
    pub fn routes(&self) -> &[Arc<Route>] {
        &self.routes
    }

    /// Returns the keys that mint and verify tokens.
    #[must_use]
    pub fn keys(&self) -> &KeyRing {
        &self.keys
    }

    /// Mints and verifies by other keys. A request that has begun keeps the snapshot that it began with.
    #[must_use]
    pub fn with_keys(mut self, keys: KeyRing) -> Self {
        self.keys = keys;
        self
    }

    /// Returns the Lightning network on which invoices are paid.
    #[must_use]
    pub fn network(&self) -> Network {
        self.network
    }

    /// Returns true if requests for this host are served here: a name without port, in lower case.
    #[must_use]
    pub fn knows_host(&self, host: Option<&str>) -> bool {
        self.hosts.is_empty() || host.is_some_and(|host| self.hosts.contains(host))
    }

    /// Returns true if a host is certainly the seller's own: it was named, or none was and the host is
    /// this machine. `host` is a name without port, in lower case.
    pub(crate) fn is_own_host(&self, host: &str) -> bool {
        let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
        let is_here = host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback());
        self.hosts.contains(host) || (self.hosts.is_empty() && is_here)
    }

    /// Returns the routes of a request's path, for all methods. Empty if nothing is offered there.
    ///
    /// # Errors
    /// The path has several readings, and they do not all lead to the same routes.
    pub(crate) fn routes_of(&self, request: &CanonicalRequest) -> Result<&[usize], Ambiguity> {
        let found = self.paths.at(&request.path);
        match request.ambiguity {
            None => Ok(found),
            Some(ambiguity) => {
                let same = |reading: &String| self.paths.at(reading) == found;
                let here = readings(&request.path).is_some_and(|all| all.iter().all(same));
                let mut routes = found.iter().map(|index| &self.routes[*index]);
                if here && routes.all(|route| self.meets_behind(route, &request.path, found)) {
                    Ok(found)
                } else {
                    Err(ambiguity)
                }
            }
        }
    }

    /// Returns true if all readings of the path that the service gets lead to the same routes too.
    /// They are others where a prefix is taken off: `/api//host/x` becomes `//host/x`.
    fn meets_behind(&self, route: &Route, path: &str, found: &[usize]) -> bool {
        let (place, any_case) = (&route.place, route.case_insensitive);
        if place.keeps_paths() {
            return true;
        }
        let served = place.path_behind(path, any_case);
        let readings = served.and_then(|served| readings(&served));
        let same = |reading: &String| {
            let asked = place.path_before(reading, any_case);
            asked.is_some_and(|asked| self.paths.at(&asked) == found)
        };
        readings.is_some_and(|all| all.iter().all(same))
    }

    /// Returns the route for a method among those of a path. HEAD takes the route of GET, unless a
    /// route names HEAD.
    pub(crate) fn of_method(&self, candidates: &[usize], method: &Method) -> Option<Matched> {
        let index = self.paths.of_method(candidates, method)?;
        Some(Matched {
            route: Arc::clone(&self.routes[index]),
            index,
        })
    }

    /// Returns the value of the header `Allow` for a path.
    pub(crate) fn allowed(&self, path: &str) -> String {
        let methods = self
            .paths
            .at(path)
            .iter()
            .flat_map(|index| &self.routes[*index].methods);
        let mut names: Vec<&str> = methods.map(Method::as_str).collect();
        if names.contains(&"GET") && !names.contains(&"HEAD") {
            names.push("HEAD");
        }
        names.join(", ")
    }
}

/// Returns the route with its origins as browsers send them.
fn with_origins(mut route: Route) -> Result<Arc<Route>, SnapshotError> {
    for origin in &mut route.cors_origins {
        *origin = canonical_origin(origin).ok_or_else(|| SnapshotError::Origin {
            path: route.path.clone(),
            origin: origin.clone(),
        })?;
    }
    Ok(Arc::new(route))
}

/// Checks that the price is above zero and below the highest one.
fn check_price(route: &Route, priced: &Priced) -> Result<(), SnapshotError> {
    let sane = priced.price > Msat::ZERO && priced.price <= MAX_PRICE;
    if sane {
        Ok(())
    } else {
        Err(SnapshotError::Price {
            path: route.path.clone(),
        })
    }
}

/// Checks the other terms by minting a token on trial.
fn check_terms(
    route: &Route,
    priced: &Priced,
    keys: &KeyRing,
    network: Network,
) -> Result<(), SnapshotError> {
    let now = UnixTime::from_secs(0);
    let payable = (1..=MAX_INVOICE_EXPIRY.as_secs()).contains(&priced.invoice_expiry.as_secs());
    let terms = priced.terms(network, now.saturating_add(priced.invoice_expiry));
    let token = mint(keys, &terms, PaymentHash::from_bytes([1; 32]), [0; 30], now);
    if payable && priced.memo.len() <= Invoice::MAX_DESCRIPTION && token.is_ok() {
        Ok(())
    } else {
        Err(SnapshotError::Terms {
            path: route.path.clone(),
        })
    }
}

/// Checks that a service has the same terms on all its routes: a token of the cheaper route would
/// also be good for the dearer one.
fn check_service<'a>(
    priced: &'a Priced,
    sold: &mut HashMap<&'a str, &'a Priced>,
) -> Result<(), SnapshotError> {
    let service = priced.service.as_str();
    let first = *sold.entry(service).or_insert(priced);
    let terms = |p: &Priced| (p.price, p.tier, p.policy, p.charge);
    if terms(first) == terms(priced) {
        Ok(())
    } else {
        Err(SnapshotError::TwoPrices {
            service: service.to_owned(),
        })
    }
}
