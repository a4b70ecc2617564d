//! The numbers of each route, which outlive a reload.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use l402::Problem;

use super::{Counter, Histogram, HistogramTotals, RequestOutcome, Sharded};

/// The most routes that have numbers of their own since the start. Further ones share the last place.
const ROUTES_MAX: usize = 4096;

/// The place of requests that match no route, and its label.
const NO_ROUTE: usize = 0;
const NO_ROUTE_LABEL: &str = "-";

/// The place of routes beyond the limit, and its label.
const OTHERS: usize = ROUTES_MAX + 1;
const OTHERS_LABEL: &str = "others";

const OUTCOMES: usize = RequestOutcome::ALL.len();
const PROBLEMS: usize = Problem::ALL.len();

/// The numbers of all routes that were ever served since the start, by tag.
#[derive(Debug)]
pub(crate) struct Routes {
    /// A place is filled once and never emptied, so that reading takes no lock.
    places: Box<[OnceLock<RouteCells>]>,
    tags: Mutex<HashMap<String, u32>>,
}

/// The numbers of one route.
#[derive(Debug)]
pub(crate) struct RouteCells {
    label: String,
    shards: Sharded<RouteShard>,
}

/// The part of them that one worker adds to.
#[derive(Debug)]
struct RouteShard {
    outcomes: [Counter; OUTCOMES],
    problems: [Counter; PROBLEMS],
    sales: Counter,
    sales_msat: Counter,
    /// The time to the head of the upstream's answer.
    upstream: Histogram,
}

/// The numbers of one route at one moment.
#[derive(Clone, Debug)]
pub(crate) struct RouteNumbers {
    /// The pattern of the route; `-` for requests that match none.
    pub(crate) route: String,
    outcomes: [u64; OUTCOMES],
    problems: [u64; PROBLEMS],
    pub(crate) sales: u64,
    pub(crate) sales_msat: u64,
    pub(crate) upstream: HistogramTotals,
}

impl Default for Routes {
    fn default() -> Self {
        let routes = Self {
            places: (0..=OTHERS).map(|_| OnceLock::new()).collect(),
            tags: Mutex::default(),
        };
        for (place, label) in [(NO_ROUTE, NO_ROUTE_LABEL), (OTHERS, OTHERS_LABEL)] {
            routes.places[place].get_or_init(|| RouteCells::new(label));
        }
        routes
    }
}

impl Default for RouteShard {
    fn default() -> Self {
        Self {
            outcomes: core::array::from_fn(|_| Counter::default()),
            problems: core::array::from_fn(|_| Counter::default()),
            sales: Counter::default(),
            sales_msat: Counter::default(),
            upstream: Histogram::default(),
        }
    }
}

impl Routes {
    /// Returns the tag of a route, the same one for the same pattern.
    pub(crate) fn tag(&self, pattern: &str) -> u32 {
        let mut tags = self.tags.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tag) = tags.get(pattern) {
            return *tag;
        }
        let place = (tags.len() + 1).min(OTHERS);
        let tag = u32::try_from(place).unwrap_or(0);
        if place < OTHERS {
            // A reload after a reload must not fill the memory, so only those with a place are kept.
            tags.insert(pattern.to_owned(), tag);
        }
        self.places[place].get_or_init(|| RouteCells::new(pattern));
        tag
    }

    /// Returns the numbers of the route with this tag; `None` stands for no route.
    pub(crate) fn at(&self, tag: Option<u32>) -> &RouteCells {
        let tag = tag.and_then(|tag| usize::try_from(tag).ok());
        let place = self.places.get(tag.unwrap_or(NO_ROUTE));
        let cells = place.and_then(OnceLock::get);
        cells.unwrap_or_else(|| {
            self.places[NO_ROUTE].get_or_init(|| RouteCells::new(NO_ROUTE_LABEL))
        })
    }

    /// Reads the numbers of every route. Requests under way may be in one of them and not yet in another.
    pub(crate) fn read(&self) -> Vec<RouteNumbers> {
        let filled = self.places.iter().filter_map(OnceLock::get);
        let read = filled.map(RouteCells::read);
        // Only a gateway with very many routes has others.
        read.filter(|route| route.route != OTHERS_LABEL || route.requests() > 0)
            .collect()
    }
}

impl RouteCells {
    fn new(label: &str) -> Self {
        Self {
            label: label.to_owned(),
            shards: Sharded::default(),
        }
    }

    /// Counts the end of a request, and the problem that it was answered with.
    pub(crate) fn count(&self, outcome: RequestOutcome, problem: Option<Problem>) {
        let shard = self.shards.own();
        shard.outcomes[outcome as usize].add(1);
        if let Some(cell) = problem.and_then(|problem| shard.problems.get(problem as usize)) {
            cell.add(1);
        }
    }

    /// Counts a sale.
    pub(crate) fn sold(&self, msat: u64) {
        let shard = self.shards.own();
        shard.sales.add(1);
        shard.sales_msat.add(msat);
    }

    /// Counts the time to the head of an upstream's answer.
    pub(crate) fn upstream_answered(&self, took: Duration) {
        self.shards.own().upstream.record(took);
    }

    fn read(&self) -> RouteNumbers {
        let mut numbers = RouteNumbers {
            route: self.label.clone(),
            outcomes: [0; OUTCOMES],
            problems: [0; PROBLEMS],
            sales: 0,
            sales_msat: 0,
            upstream: HistogramTotals::default(),
        };
        for shard in self.shards.all() {
            let add = |(sum, cell): (&mut u64, &Counter)| *sum += cell.read();
            numbers
                .outcomes
                .iter_mut()
                .zip(&shard.outcomes)
                .for_each(add);
            numbers
                .problems
                .iter_mut()
                .zip(&shard.problems)
                .for_each(add);
            numbers.sales += shard.sales.read();
            numbers.sales_msat += shard.sales_msat.read();
            numbers.upstream.add(&shard.upstream);
        }
        numbers
    }
}

impl RouteNumbers {
    /// Returns the number of requests that have ended so.
    pub(crate) fn outcome(&self, outcome: RequestOutcome) -> u64 {
        self.outcomes[outcome as usize]
    }

    /// Returns the number of requests that have ended.
    pub(crate) fn requests(&self) -> u64 {
        self.outcomes.iter().sum()
    }

    /// Returns the problems that were answered with, and how often. Those that never were are left out.
    pub(crate) fn problems(&self) -> impl Iterator<Item = (Problem, u64)> {
        let counted = Problem::ALL.iter().copied().zip(self.problems);
        counted.filter(|(_, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_keeps_its_numbers_and_further_ones_share_the_last_place() {
        let routes = Routes::default();
        let first = routes.tag("/a");
        assert_eq!(first, routes.tag("/a"));
        routes.at(Some(first)).count(RequestOutcome::Served, None);
        for number in 1..ROUTES_MAX {
            routes.tag(&format!("/{number}"));
        }
        assert_eq!(routes.read().len(), 1 + ROUTES_MAX);
        let (one, other) = (routes.tag("/one too many"), routes.tag("/another"));
        assert_eq!(one, other);
        routes.at(Some(other)).count(RequestOutcome::Free, None);
        routes
            .at(None)
            .count(RequestOutcome::Refused, Some(Problem::NoRoute));
        let read = routes.read();
        assert_eq!(read.len(), 2 + ROUTES_MAX);
        let found = |label: &str| read.iter().find(|route| route.route == label).unwrap();
        assert_eq!(found("/a").outcome(RequestOutcome::Served), 1);
        assert_eq!(found(OTHERS_LABEL).outcome(RequestOutcome::Free), 1);
        let problems: Vec<_> = found(NO_ROUTE_LABEL).problems().collect();
        assert_eq!(problems, [(Problem::NoRoute, 1)]);
        assert_eq!(routes.tag("/a"), first);
    }
}
