//! The compiled patterns: which routes a path leads to, and which paths a cheaper wildcard must
//! leave alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Method;

use super::pattern::{ANY, Pattern, is_boundary};
use super::{Route, SnapshotError};
use crate::request::{canonical_path, folded, match_key};

/// The boundaries within a segment that are looked at in any case. Later ones count only where some
/// pattern has so long a text, which bounds the work for a path of dots.
const BOUNDARIES: usize = 8;

/// The routes of one pattern.
#[derive(Clone, Debug)]
struct Slot {
    routes: Vec<usize>,
    pattern: Pattern,
    /// True if the pattern has a parameter, and costs less than some other route.
    guarded: bool,
    /// True if one of the routes is for an upstream that does not tell upper from lower case.
    any_case: bool,
}

/// All patterns of a snapshot.
#[derive(Clone, Debug)]
pub(super) struct Paths {
    routes: Vec<Arc<Route>>,
    exact: matchit::Router<Slot>,
    /// The same in lower case, also without a slash at the end.
    folded: matchit::Router<Slot>,
    /// The folders of patterns that end in the name of an index, in lower case.
    indexed: matchit::Router<Slot>,
    /// True if `folded` differs from `exact`.
    folds: bool,
    /// True if some route is for an upstream that does not tell upper from lower case.
    any_case: bool,
    /// The number of segments of the longest pattern that is sold and has no `{*rest}`, and its longest
    /// text.
    longest: (usize, usize),
}

impl Paths {
    /// Compiles the patterns. Routes for one pattern must differ in their methods.
    ///
    /// # Errors
    /// [`SnapshotError::Path`] and [`SnapshotError::Overlap`].
    pub(super) fn new(routes: &[Arc<Route>]) -> Result<Self, SnapshotError> {
        let mut by_path: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let mut by_folded: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, route) in routes.iter().enumerate() {
            let path = || route.path.clone();
            let text = numbered(&route.path).ok_or_else(|| SnapshotError::Path { path: path() })?;
            let taken = |others: &[usize], any_case: bool| {
                others.iter().any(|other| {
                    let other = &routes[*other];
                    let folds = route.case_insensitive || other.case_insensitive;
                    share_a_method(other, route) && (folds || !any_case)
                })
            };
            let lower = folded(&text);
            let others = by_path.entry(text).or_default();
            let twins = by_folded.entry(lower.clone()).or_default();
            if taken(others, false) || taken(twins, true) {
                return Err(SnapshotError::Overlap { path: path() });
            }
            others.push(index);
            twins.push(index);
            // Many upstreams answer alike with and without a slash at the end.
            if let Some(bare) = lower.strip_suffix('/').filter(|bare| !bare.is_empty()) {
                by_folded.entry(bare.to_owned()).or_default().push(index);
            }
        }
        // Only what is sold can be dearer than a wildcard, and own the paths behind its name.
        let owners = routes.iter().filter(|route| route.sold().is_some());
        let owners = owners.map(|route| Pattern::of(&route.path));
        let owners: Vec<_> = owners.filter(|pattern| !pattern.has_rest()).collect();
        let most = |of: fn(&Pattern) -> usize| owners.iter().map(of).max().unwrap_or_default();
        let folds = by_folded != by_path;
        Ok(Self {
            folds,
            indexed: router(indexed(&by_folded), routes)?,
            exact: router(by_path, routes)?,
            folded: router(by_folded, routes)?,
            any_case: routes.iter().any(|route| route.case_insensitive),
            longest: (most(Pattern::len), most(Pattern::longest_text)),
            routes: routes.to_vec(),
        })
    }

    /// Returns the routes of a path, for all methods. Empty if nothing is offered there.
    ///
    /// A wildcard does not offer what belongs to a dearer route: a path that upstreams may read as
    /// that route's own (ATTACKS H-06). See [`Paths::belongs_to_dearer`].
    pub(super) fn at(&self, path: &str) -> &[usize] {
        let key = match_key(path);
        if self.any_case
            && let Some(slot) = find(&self.folded, &folded(&key))
            && slot.any_case
        {
            let free = !slot.guarded || !self.belongs_to_dearer(&key, slot);
            return if free { &slot.routes } else { &[] };
        }
        match find(&self.exact, &key) {
            Some(slot) if !slot.guarded || !self.belongs_to_dearer(&key, slot) => &slot.routes,
            _ => &[],
        }
    }

    /// Returns the route for a method among those of a path. HEAD takes the route of GET, unless a
    /// route names HEAD.
    pub(super) fn of_method(&self, candidates: &[usize], method: &Method) -> Option<usize> {
        let taking = |method: &Method| {
            candidates
                .iter()
                .copied()
                .find(|index| self.routes[*index].takes(method))
        };
        let head = || taking(&Method::GET).filter(|_| *method == Method::HEAD);
        taking(method).or_else(head)
    }

    /// Returns true if a path that a wildcard matches belongs to a dearer route that the wildcard
    /// does not name:
    ///
    /// - It is that route's path with slashes, dots or spaces at its end, or its folder. Many
    ///   upstreams drop the former, and answer for a folder with what is in it.
    /// - It begins with that route's path: `/paid/x`, `/paid.json`, `/paid%3Bx`.
    /// - It is the folder of that route's index: `/dir/` beside `/dir/index.html`.
    /// - It is one of these but for dots, spaces or a colon behind the name of a folder.
    /// - It is one of these but for upper and lower case.
    fn belongs_to_dearer(&self, key: &str, found: &Slot) -> bool {
        let lower = folded(key);
        let belongs = |router, key: &str| {
            self.shadows(router, key, found) || self.is_owned(router, key, found)
        };
        // Most tables and most paths are in lower case, and need no second look.
        let differs = self.folds || lower != key;
        belongs(&self.exact, key)
            || (differs && belongs(&self.folded, &lower))
            || self.is_index(&lower, found)
            || self.is_in_dearer_folder(&lower, found)
    }

    fn shadows(&self, router: &matchit::Router<Slot>, key: &str, found: &Slot) -> bool {
        let bare = bare(key);
        let own = router.at(bare).ok();
        let dropped = own.as_ref().filter(|_| bare.len() < key.len());
        if dropped.is_some_and(|own| self.is_dearer(own.value, found)) {
            return true;
        }
        // A trial match finds any pattern one segment below, whatever its parameters are called.
        let inside = format!("{bare}/{ANY}");
        let Ok(child) = router.at(&inside) else {
            return false;
        };
        let is_found = |own: &Slot| found.routes.iter().all(|index| own.routes.contains(index));
        let folder = own.filter(|own| is_found(own.value) && !found.pattern.has_rest());
        // The free pattern may itself name the folder: `/user/{id}` above `/user/{id}/{file}`. Then
        // it was meant to be free.
        let named = folder.is_some_and(|own| {
            let mut values = child.params.iter().map(|(_, value)| value);
            own.params
                .iter()
                .all(|(_, value)| values.next() == Some(value))
        });
        self.is_dearer(child.value, found) && !named
    }

    /// Returns true if the path, or what it begins with, is a dearer route's own path.
    fn is_owned(&self, router: &matchit::Router<Slot>, key: &str, found: &Slot) -> bool {
        // An empty name at the end of the prefix stands for a folder, which owns nothing.
        let mut ends = self.ends(key).filter(|at| !key[..*at].ends_with('/'));
        let owner = |at| router.at(&key[..at]).ok().map(|owner| owner.value);
        if ends.any(|at| owner(at).is_some_and(|owner| self.owns(owner, found))) {
            return true;
        }
        // The whole path is another's in other letters only.
        let whole = router.at(key).ok().map(|owner| owner.value);
        whole.is_some_and(|other| {
            self.is_dearer(other, found) && !found.pattern.names(&other.pattern)
        })
    }

    /// Returns true if the path is the folder of a dearer route's index, perhaps with something
    /// behind it that upstreams drop. What is in the folder has its own price.
    fn is_index(&self, lower: &str, found: &Slot) -> bool {
        let is_end = |at: &usize| {
            let (before, tail) = lower.split_at(*at);
            // Behind the slash, an ordinary escape is the first letter of a name.
            let cut = [":", "%23", "%3b", "%3f"]
                .iter()
                .any(|cut| tail.starts_with(cut));
            !tail.starts_with('/') && (cut || !before.ends_with('/'))
        };
        let ends = self.ends(lower).filter(is_end).chain([lower.len()]);
        ends.into_iter().any(|at| {
            let folder = format!("{}/", bare(&lower[..at]));
            let index = self.indexed.at(&folder).ok();
            index.is_some_and(|index| self.is_dearer(index.value, found))
        })
    }

    /// Returns the places where a name may end for an upstream, up to the length of the patterns.
    fn ends(&self, key: &str) -> impl Iterator<Item = usize> {
        let (segments, text) = self.longest;
        let (mut segment, mut start, mut seen) = (0, 1, 0);
        let bytes = key.bytes().enumerate().skip(1);
        let within = bytes.map_while(move |(at, byte)| {
            segment += usize::from(byte == b'/');
            (segment <= segments).then_some((at, byte))
        });
        within.filter_map(move |(at, byte)| {
            let looked_at = byte == b'/' || seen < BOUNDARIES || at - start <= text;
            seen += usize::from(is_boundary(byte));
            if byte == b'/' {
                (start, seen) = (at + 1, 0);
            }
            (is_boundary(byte) && looked_at).then_some(at)
        })
    }

    /// Returns true if the path is a dearer route's own, or in its folder, for an upstream that drops
    /// what stands behind the names of folders: dots and spaces, and the streams of a file system
    /// (`/paid./x`, `/paid::$INDEX_ALLOCATION/x`).
    fn is_in_dearer_folder(&self, lower: &str, found: &Slot) -> bool {
        let may_be = ["./", "%20/", ":"].iter().any(|end| lower.contains(end));
        let Some(plain) = may_be.then(|| plain_folders(lower)) else {
            return false;
        };
        let own = find(&self.folded, &plain);
        plain != lower
            && (own.is_some_and(|own| {
                self.is_dearer(own, found) && !found.pattern.names(&own.pattern)
            }) || self.shadows(&self.folded, &plain, found)
                || self.is_owned(&self.folded, &plain, found))
    }

    fn owns(&self, owner: &Slot, found: &Slot) -> bool {
        !owner.pattern.has_rest()
            && self.is_dearer(owner, found)
            && !found.pattern.names(&owner.pattern)
    }

    /// Returns true if the other slot has a route of its own that costs more than one of these.
    fn is_dearer(&self, other: &Slot, found: &Slot) -> bool {
        let mut own = other
            .routes
            .iter()
            .filter(|index| !found.routes.contains(index));
        own.any(|dear| {
            let mut found = found.routes.iter();
            found.any(|cheap| self.routes[*cheap].undercuts(&self.routes[*dear]))
        })
    }
}

/// Finds the pattern of a path. A pattern with `{*rest}` also takes the path before it, with a slash
/// at the end: `/files/{*rest}` takes `/files/`, unless a route says more of that path.
fn find<'a>(router: &'a matchit::Router<Slot>, key: &str) -> Option<&'a Slot> {
    let found = router.at(key).ok().map(|found| found.value);
    if !key.ends_with('/') || found.is_some_and(|slot| !slot.pattern.has_rest()) {
        return found;
    }
    let inside = format!("{key}{ANY}");
    let below = router.at(&inside).ok().filter(|below| {
        let rest = below.params.iter().last().map(|(_, value)| value);
        below.value.pattern.has_rest() && rest == Some(ANY)
    });
    below.map(|below| below.value).or(found)
}

/// Returns the folders of the patterns that end in the name of an index, which many upstreams answer
/// with for the folder.
fn indexed(by_folded: &BTreeMap<String, Vec<usize>>) -> BTreeMap<String, Vec<usize>> {
    let mut folders: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (path, routes) in by_folded {
        if let Some((folder, name)) = path.rsplit_once('/')
            && (name.starts_with("index.") || name.starts_with("default."))
        {
            folders
                .entry(format!("{folder}/"))
                .or_default()
                .extend(routes);
        }
    }
    folders
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

/// Returns the path without what some file systems drop behind the name of each folder.
fn plain_folders(path: &str) -> String {
    let mut plain = String::with_capacity(path.len());
    for (at, segment) in path.split('/').enumerate() {
        if at > 0 {
            plain.push('/');
        }
        let name = segment.split(':').next().unwrap_or_default();
        plain.push_str(bare(name));
    }
    plain
}

/// Returns true if some method is taken by both routes.
fn share_a_method(one: &Route, other: &Route) -> bool {
    one.methods.is_empty()
        || other.methods.is_empty()
        || one
            .methods
            .iter()
            .any(|method| other.methods.contains(method))
}

/// Builds a router. The paths are sorted, so that the same routes always give the same error.
fn router(
    by_path: BTreeMap<String, Vec<usize>>,
    routes: &[Arc<Route>],
) -> Result<matchit::Router<Slot>, SnapshotError> {
    let mut router = matchit::Router::new();
    for (text, indices) in by_path {
        let path = routes[indices[0]].path.clone();
        let own = || indices.iter().map(|index| &routes[*index]);
        let undercuts = |own: &Arc<Route>| routes.iter().any(|other| own.undercuts(other));
        let slot = Slot {
            pattern: Pattern::of(&text),
            guarded: text.contains('{') && own().any(undercuts),
            any_case: own().any(|route| route.case_insensitive),
            routes: indices,
        };
        router.insert(text, slot).map_err(|error| match error {
            matchit::InsertError::Conflict { .. } => SnapshotError::Overlap { path },
            _ => SnapshotError::Path { path },
        })?;
    }
    Ok(router)
}

/// Returns the pattern with its parameters numbered, so that `/{a}` and `/{b}` are one pattern.
/// Returns `None` if no canonical path could match it.
fn numbered(path: &str) -> Option<String> {
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
