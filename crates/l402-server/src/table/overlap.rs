//! Refuses a table in which a request to one route is served what a dearer route sells.
//!
//! Two paths at the gateway may be one at the upstream: `/api/paid` with the prefix `/api` taken off,
//! and `/paid`. And one path may match two patterns of which neither is an exception to the other:
//! `/paid/gold` matches `/paid/{*rest}` and `/{a}/gold`.

use std::sync::Arc;

use http::Method;

use super::paths::Paths;
use super::pattern::{ANY, Pattern};
use super::route::Place;
use super::{Route, SnapshotError};
use crate::request::{below, canonical_path, match_key};

/// A route with its patterns, here and behind the paywall.
struct Placed<'a> {
    index: usize,
    route: &'a Route,
    pattern: Pattern,
    /// The paths as the service gets them.
    image: Pattern,
    base: String,
}

/// Checks each route against each that costs more.
///
/// # Errors
/// [`SnapshotError::WayAround`], with a request that shows it; [`SnapshotError::Unknown`].
pub(super) fn check(routes: &[Arc<Route>], paths: &Paths) -> Result<(), SnapshotError> {
    let placed: Vec<_> = routes.iter().enumerate().map(Placed::of).collect();
    // A route without parameters may take a path out of a pattern that is open to longer ones.
    let longest = placed.iter().map(|placed| placed.image.len()).max();
    let longest = longest.unwrap_or_default() + 1;
    for cheap in &placed {
        check_names(cheap.route, routes)?;
        let dearer = placed.iter().filter(|dear| {
            cheap.route.place.service == dear.route.place.service
                && cheap.route.undercuts(dear.route)
        });
        for dear in dearer {
            if let Some(example) = way_around(cheap, dear, paths, longest) {
                return Err(SnapshotError::WayAround {
                    path: cheap.route.path.clone(),
                    dearer: dear.route.path.clone(),
                    example: example.replace(ANY, "x"),
                });
            }
        }
    }
    Ok(())
}

/// Checks that the exceptions of a route name priced routes.
fn check_names(route: &Route, routes: &[Arc<Route>]) -> Result<(), SnapshotError> {
    let is_priced = |named: &&String| {
        let mut priced = routes.iter().filter(|route| route.sold().is_some());
        priced.any(|route| route.path == **named)
    };
    match route
        .allow_free_overlap
        .iter()
        .find(|named| !is_priced(named))
    {
        None => Ok(()),
        Some(named) => Err(SnapshotError::Unknown {
            path: route.path.clone(),
            named: named.clone(),
        }),
    }
}

/// Returns a path by which the cheaper route serves what the dearer one sells.
fn way_around(cheap: &Placed, dear: &Placed, paths: &Paths, longest: usize) -> Option<String> {
    let methods = cheap.methods_with(dear);
    let goes_to = |placed: &Placed, path: &str| {
        let candidates = paths.at(path);
        let is_it = |method| paths.of_method(candidates, method) == Some(placed.index);
        methods.iter().any(is_it)
    };
    let same_place = cheap.route.place == dear.route.place;
    // Each pattern is met in its own letters, which alone may lead to its route.
    let fold = cheap.route.case_insensitive || dear.route.case_insensitive;
    let direct = cheap.image.meet(&dear.image, longest, fold);
    let theirs = dear.image.meet(&cheap.image, longest, fold);
    let direct = direct.into_iter().zip(theirs).filter_map(|(path, theirs)| {
        let (here, there) = (
            cheap.asked_for(&path, fold)?,
            dear.asked_for(&theirs, fold)?,
        );
        // One path for both: an exception that is spelled out is lawful, a crossing is not.
        let served = if here == there {
            !dear.pattern.contains(&cheap.pattern)
        } else {
            goes_to(dear, &there)
        };
        served.then_some(here)
    });
    // What belongs to the dearer route beyond its pattern is guarded at each request, but only
    // under the dearer route's own prefix.
    let below = dear.image.below();
    let below = below
        .iter()
        .filter(|_| !same_place && !cheap.image.names(&dear.image));
    let below = below.flat_map(|below| cheap.image.meet(below, longest, fold));
    let below = below.filter_map(|path| cheap.asked_for(&path, fold));
    direct.chain(below).find(|path| goes_to(cheap, path))
}

impl<'a> Placed<'a> {
    fn of((index, route): (usize, &'a Arc<Route>)) -> Self {
        let Place { base, .. } = &route.place;
        // In the spelling of patterns, or two spellings of one path would seem to be two paths.
        let base =
            canonical_path(base).map_or_else(|| base.clone(), |base| match_key(&base).into());
        let rest = route.path.strip_prefix(route.place.strip_prefix.as_str());
        let rest = rest.unwrap_or(&route.path);
        let slash = if rest.starts_with('/') { "" } else { "/" };
        Self {
            index,
            route,
            pattern: Pattern::of(&route.path),
            image: Pattern::of(&format!("{base}{slash}{rest}")),
            base,
        }
    }

    /// Returns the path at the gateway for one behind it.
    fn asked_for(&self, path: &str, fold: bool) -> Option<String> {
        let rest = below(path, &self.base, fold)?;
        let prefix = &self.route.place.strip_prefix;
        // The route of the prefix itself has no slash behind it here.
        let rest = if self.route.path == *prefix { "" } else { rest };
        Some(format!("{prefix}{rest}"))
    }

    /// Returns methods that both routes take, at least one if there is any.
    fn methods_with(&self, other: &Self) -> Vec<Method> {
        let named = [&self.route.methods, &other.route.methods];
        let named = named.into_iter().flatten().cloned();
        let mut methods: Vec<_> = named.chain([Method::GET]).collect();
        methods.retain(|method| self.takes(method) && other.takes(method));
        methods
    }

    /// Returns true if the route takes the method; that of GET takes HEAD, too.
    fn takes(&self, method: &Method) -> bool {
        let get = *method == Method::HEAD && self.route.takes(&Method::GET);
        self.route.takes(method) || get
    }
}
