//! The compiled routes, keys and network that a decision reads: immutable, one version per request.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use l402::{Invoice, KeyRing, Msat, Network, PaymentHash, UnixTime, mint};

use super::{Access, Priced, Route};
use crate::request::{canonical_path, match_key};

/// The highest price of a route. A higher one is taken for a mistake (ATTACKS P-12).
const MAX_PRICE: Msat = Msat::from_sat(1_000_000);

/// The longest time in which an invoice may be paid. The ledger keeps a use at least this long.
pub(crate) const MAX_INVOICE_EXPIRY: Duration = Duration::from_secs(7 * 24 * 3600);

/// Compiled routes, keys and network. Immutable: a reload makes another one, and a request keeps
/// the one that it began with.
#[derive(Debug)]
pub struct Snapshot {
    routes: Vec<Arc<Route>>,
    paths: matchit::Router<Vec<usize>>,
    hosts: HashSet<String>,
    keys: KeyRing,
    network: Network,
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
    /// Two routes for the same path and method.
    Overlap {
        /// The pattern of the route, as it was given.
        path: String,
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
                "route {path}: the price must be above zero and at most 1000000 sat; to give it \
                 away, make the route free"
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
        let routes: Vec<_> = routes.into_iter().map(Arc::new).collect();
        // Over all routes: a token is good on every route of its service, so it needs one price.
        let mut sold = HashMap::new();
        for route in &routes {
            if let Access::Priced(priced) = &route.access {
                check_price(route, priced)?;
                check_terms(route, priced, &keys, network)?;
                check_service(priced, &mut sold)?;
            }
        }
        let paths = compile(&routes)?;
        let hosts = hosts
            .into_iter()
            .map(|host| host.to_ascii_lowercase())
            .collect();
        Ok(Self {
            routes,
            paths,
            hosts,
            keys,
            network,
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

    /// Returns the Lightning network on which invoices are paid.
    #[must_use]
    pub fn network(&self) -> Network {
        self.network
    }

    /// Returns true if requests for this host are served here.
    pub(crate) fn knows_host(&self, host: Option<&str>) -> bool {
        self.hosts.is_empty() || host.is_some_and(|host| self.hosts.contains(host))
    }

    /// Returns the routes of a path, for all methods. Empty if nothing is offered there.
    ///
    /// A path that matches a free wildcard is not offered if it is a priced path with a slash, a
    /// dot or a space at its end, which many upstreams drop, or the folder of a priced path
    /// (ATTACKS H-06). A free route without a wildcard that names such a path still applies.
    pub(crate) fn at(&self, path: &str) -> &[usize] {
        let key = match_key(path);
        let Ok(found) = self.paths.at(&key) else {
            return &[];
        };
        let caught = !found.params.is_empty() && self.any(found.value, |route| !route.is_priced());
        if caught && self.shadows_a_price(&key, found.value) {
            &[]
        } else {
            found.value
        }
    }

    /// Returns the route for a method among those of a path. HEAD takes the route of GET, unless a
    /// route names HEAD.
    pub(crate) fn of_method(&self, candidates: &[usize], method: &Method) -> Option<Matched> {
        let taking = |method: &Method| {
            candidates
                .iter()
                .copied()
                .find(|index| takes(&self.routes[*index], method))
        };
        let head = || taking(&Method::GET).filter(|_| *method == Method::HEAD);
        let index = taking(method).or_else(head)?;
        Some(Matched {
            route: Arc::clone(&self.routes[index]),
            index,
        })
    }

    /// Returns the value of the header `Allow` for a path.
    pub(crate) fn allowed(&self, path: &str) -> String {
        let methods = self
            .at(path)
            .iter()
            .flat_map(|index| &self.routes[*index].methods);
        let mut names: Vec<&str> = methods.map(Method::as_str).collect();
        if names.contains(&"GET") && !names.contains(&"HEAD") {
            names.push("HEAD");
        }
        names.join(", ")
    }

    fn any(&self, candidates: &[usize], is: impl Fn(&Route) -> bool) -> bool {
        candidates.iter().any(|index| is(&self.routes[*index]))
    }

    /// Returns true if the path, without the slashes, dots and spaces at its end, belongs to
    /// another pattern that is priced, or is the folder of a priced path. Many upstreams answer for
    /// a folder with what is in it.
    fn shadows_a_price(&self, key: &str, found: &[usize]) -> bool {
        let bare = bare(key);
        let own = self.paths.at(bare).ok();
        let priced = |other: &[usize]| other != found && self.any(other, Route::is_priced);
        if own.as_ref().is_some_and(|own| priced(own.value)) {
            return true;
        }
        // A trial match finds any pattern one segment below, whatever its parameters are called.
        let inside = format!("{bare}/{ANY_SEGMENT}");
        let Ok(child) = self.paths.at(&inside) else {
            return false;
        };
        let folder = own.filter(|own| own.value == found && !self.any(found, is_catch_all));
        // The free pattern may itself name the folder: `/user/{id}` above `/user/{id}/{file}`. Then
        // it was meant to be free.
        let named = folder.is_some_and(|own| {
            let mut values = child.params.iter().map(|(_, value)| value);
            own.params
                .iter()
                .all(|(_, value)| values.next() == Some(value))
        });
        priced(child.value) && !named
    }
}

/// A segment that stands for one of any name: no route can contain it as text.
const ANY_SEGMENT: &str = "\0";

/// Returns true if the pattern ends in a parameter for several segments.
fn is_catch_all(route: &Route) -> bool {
    route.path.contains("{*")
}

/// Returns the path without the slashes, dots and spaces at its end, which many upstreams drop.
fn bare(path: &str) -> &str {
    let ends = ["/", ".", "%20"];
    let mut bare = path;
    while let Some(shorter) = ends.iter().find_map(|end| bare.strip_suffix(end)) {
        bare = shorter;
    }
    bare
}

/// Returns true if the route applies to the method.
fn takes(route: &Route, method: &Method) -> bool {
    route.methods.is_empty() || route.methods.contains(method)
}

/// Compiles the patterns. Routes for one pattern must differ in their methods.
fn compile(routes: &[Arc<Route>]) -> Result<matchit::Router<Vec<usize>>, SnapshotError> {
    let mut by_path: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, route) in routes.iter().enumerate() {
        let path = || route.path.clone();
        let pattern = pattern(&route.path).ok_or_else(|| SnapshotError::Path { path: path() })?;
        let others = by_path.entry(pattern).or_default();
        if others.iter().any(|other| overlap(&routes[*other], route)) {
            return Err(SnapshotError::Overlap { path: path() });
        }
        others.push(index);
    }
    // Sorted, so that the same routes always give the same error.
    let mut by_path: Vec<_> = by_path.into_iter().collect();
    by_path.sort();
    by_path
        .into_iter()
        .try_fold(matchit::Router::new(), |mut router, (pattern, indices)| {
            let path = routes[indices[0]].path.clone();
            router
                .insert(pattern, indices)
                .map_err(|error| match error {
                    matchit::InsertError::Conflict { .. } => SnapshotError::Overlap { path },
                    _ => SnapshotError::Path { path },
                })?;
            Ok(router)
        })
}

/// Returns true if some method is taken by both routes.
fn overlap(one: &Route, other: &Route) -> bool {
    one.methods.is_empty()
        || other.methods.is_empty()
        || one
            .methods
            .iter()
            .any(|method| other.methods.contains(method))
}

/// Returns the pattern with its parameters numbered, so that `/{a}` and `/{b}` are one pattern.
/// Returns `None` if no canonical path could match it.
fn pattern(path: &str) -> Option<String> {
    let (mut pattern, mut plain) = (String::new(), String::new());
    let mut rest = path;
    let mut count = 0;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, behind) = after.split_once('}')?;
        let (star, name) = name
            .strip_prefix('*')
            .map_or(("", name), |name| ("*", name));
        let named =
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let last = behind.is_empty() && before.ends_with('/');
        if !named || (star == "*" && !last) {
            return None;
        }
        pattern += &format!("{before}{{{star}p{count}}}");
        plain += &format!("{before}p");
        rest = behind;
        count += 1;
    }
    pattern += rest;
    plain += rest;
    // With a letter for each parameter the pattern must be a canonical path, as it is compared with
    // nothing else: otherwise no request could ever reach the route.
    let canonical = canonical_path(&plain).filter(|canonical| match_key(canonical) == plain);
    canonical.map(|_| pattern)
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
